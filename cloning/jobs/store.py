"""
Jobs in the bucket, claimed by a lease.

A job whose attempt ended without a result (its worker died, or the failure may pass) keeps IN_PROGRESS with a lapsed lease; a
status reply calls that INTERRUPTED, and the next delivery takes it over. The record is only ever created (If-None-Match) or
replaced (If-Match), so no update is lost; a caller's delete replaces it too, by a record that keeps late deliveries from making the job
again until `expire` removes it.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cloning import keys
from cloning.errors import Conflict, JobNotFound, RecordDamaged
from cloning.jobs.claim import MOST_TRIES, Claim, changing
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.record import Attempt, Job, JobStatus, Lease
from cloning.jobs.records import JobRecords, Version, deleted
from cloning.ports import AlreadyExists, Changed, Clock, ObjectStore

# A claim waits for `expire`, for up to MOST_TRIES times this.
_POLL_S = 1.0


@dataclass(frozen=True)
class Finished:
    """The record of a job that has ended before."""

    job: Job


@dataclass(frozen=True)
class Busy:
    """Another worker has the job."""


class JobStore:
    """Jobs by id. Every method may raise StorageUnavailable or StorageMisconfigured."""

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        *,
        worker: str,
        new_id: Callable[[], str],
        lease_s: float,
        conditions: Conditions | None = None,
    ) -> None:
        self._store = store
        self.records = JobRecords(store, clock, lease_s=lease_s, conditions=conditions)
        self.clock = clock
        self._worker = worker
        self._new_id = new_id
        self.lease_s = lease_s

    def claim(
        self,
        job_id: str,
        request_digest: str,
        seed: int,
        *,
        delivery: str | None = None,
        is_new: bool = False,
        may_create: bool = True,
    ) -> Claim | Finished | Busy:
        """
        Take a job that is new or whose worker went silent. `delivery` is the id under which a queue delivers the request,
        if one does.

        Each claim has a unique owner, so a job that is delivered twice to one worker is still done once. `is_new` says that the
        caller has just found no record. (A record is never created without that check: some stores ignore the condition and
        overwrite.) Raises Conflict if the id belongs to another request; JobNotFound if there is no job and not `may_create`, or if the
        job that this delivery asked for was deleted.
        """
        owner = f"{self._worker}/{self._new_id()}"
        deliveries = (digest_of_delivery(delivery),) if delivery else ()
        for _ in range(MOST_TRIES):
            new = self.records.leased(self._new(job_id, request_digest, seed, owner), owner)
            if is_new:
                with suppress(AlreadyExists):
                    return Claim(self.records, self.records.create(new.delivered(deliveries)))
            try:
                found = self.records.load_any(job_id)
            except JobNotFound:
                if not may_create:
                    raise
                is_new = True
                continue
            is_new = False
            if found.job.is_going(self.clock.now()):
                self.clock.sleep(_POLL_S)
                continue
            if not found.job.deleted_at:
                taken = self._take_over(found, request_digest, owner, deliveries)
            elif may_create and not found.job.refuses(deliveries, self.clock.now()):
                taken = self._replaced(found, new.delivered((*found.job.deliveries, *deliveries)))
            else:
                raise JobNotFound(
                    f"job {job_id!r} was deleted, and this is a late delivery of a request for it; to have it made again, send a new request: "
                    "its job_id may stay, RunPod's id of it must be another one",
                    job_id=job_id,
                )
            if taken is not None:
                return taken
        raise changing(job_id)

    def _replaced(self, found: Version, mine: Job) -> Claim | None:
        """The claim on a record that was taken; None if another worker was faster, so that the caller reads again."""
        try:
            return Claim(self.records, self.records.replace(found, mine))
        except Changed:
            return None

    def _take_over(
        self, found: Version, request_digest: str, owner: str, deliveries: tuple[str, ...]
    ) -> Claim | Finished | Busy | None:
        """Take over the job if its lease has lapsed; None if another worker was faster, so that the caller reads again."""
        job = found.job
        if job.request_digest != request_digest:
            raise Conflict(
                f"job {job.job_id!r} exists with another request; send a new job_id",
                job_id=job.job_id,
                status=job.status.value,
            )
        if job.lease.owner == owner:  # our own write, whose reply was lost
            return Claim(self.records, found)
        if job.status.is_final:
            return Finished(job)
        if not job.is_interrupted(self.clock.now()):
            return Busy()
        mine = job.taken_over(self._worker, deliveries, self.clock.now())
        return self._replaced(found, self.records.leased(mine, owner))

    def cancel(self, job_id: str) -> Job:
        """Flag a running job, or end an interrupted one. A finished job stays unchanged."""
        for _ in range(MOST_TRIES):
            found = self.records.load(job_id)
            job, now = found.job, self.clock.now()
            if job.status.is_final or (job.cancel_requested and not job.is_interrupted(now)):
                return job
            flagged = job.model_copy(update={"cancel_requested": True})
            flagged = _cancelled(job, now) if job.is_interrupted(now) else flagged
            try:
                self.records.replace(found, flagged)
            except Changed:
                continue
            return flagged
        raise changing(job_id)

    def get(self, job_id: str) -> Job:
        """A job's record. Raises JobNotFound."""
        return self.records.load(job_id).job

    def find(self, job_id: str) -> Job | None:
        """A job's record, if there is one."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def delete(self, job_id: str, *, before: datetime | None = None, delivery: str | None = None) -> None:
        """
        Remove a finished (or abandoned) job, its result and its chunks. Raises JobNotFound, Conflict.

        Its record is replaced by one that keeps late deliveries from making the job again (`Job.deleted`), except for the delivery
        that brought the delete itself: such an id is no queue's but chosen by hand. With `before` the job is only removed if its record has
        not been written to since (else Conflict), and nothing stays.

        The order protects a job that is made under the same id meanwhile. An abandoned job is ended first, so that no worker can
        finish it; then its results are listed, then that version of the record goes, then the objects. No two claims share
        the name of a result, so a later record never names what was listed before. A worker that was thought dead removes its own
        late writes once it sees that its job is gone. A repeated call, after a lost reply, removes what is left.
        """
        try:
            ended = self._ended(job_id, before)
        except JobNotFound:
            if not self._remove_orphans(job_id):
                raise
            return
        results = self.owned_results(job_id)
        try:
            if before is None:
                self.records.mark_deleted(job_id, ended, refused_by(ended, delivery))
            else:
                self.records.remove(job_id, ended)
        except Changed:  # the listed objects may be another job's
            if isinstance(ended, str) and self._is_in_use(job_id):
                raise Conflict(f"the record of job {job_id!r} was repaired a moment ago", job_id=job_id) from None
            results = []  # the ended job is gone: by our own write, whose reply was lost, or another call was faster
        if self._remove_orphans(job_id) is None:
            self._remove(results)

    def _ended(self, job_id: str, before: datetime | None) -> Version | str:
        """
        End an abandoned job, so that no worker can finish it; return its record, or the etag of an unreadable one.

        Raises Conflict if a worker has it or it is too young, JobNotFound if there is none.
        """
        for _ in range(MOST_TRIES):
            if (found := self._removable(job_id)) is None:
                continue
            if before is None and isinstance(found, Version) and found.job.deleted_at:
                raise deleted(job_id)
            self._refuse_young(job_id, before)
            if isinstance(found, str) or found.job.status.is_final:
                return found
            with suppress(Changed):
                return self.records.replace(found, _cancelled(found.job, self.clock.now()))
        raise changing(job_id)

    def _removable(self, job_id: str) -> Version | str | None:
        """The record if no worker has the job, or the etag of an unreadable one; None if it changed, so that the caller reads again."""
        try:
            found = self.records.load_any(job_id)
        except RecordDamaged:
            etag = self.records.etag(job_id)
            with suppress(RecordDamaged):
                self.records.load_any(job_id)
                return None
            return etag
        self._refuse_running(found.job)
        return found

    def _refuse_young(self, job_id: str, before: datetime | None) -> None:
        """Raise Conflict if the record was written to since `before`."""
        if before is not None and self.records.written_at(job_id) >= before:
            raise Conflict(f"job {job_id!r} was changed a moment ago, and is no longer old", job_id=job_id)

    def _remove_orphans(self, job_id: str) -> int | None:
        """
        Remove every object of a job that is gone; return how many. If the id is in use, remove nothing and return None.

        The listing comes first: if there is no job afterwards, every listed object belongs to one that is gone.
        """
        listed = [info.key for info in self._store.list(keys.job_folder(job_id)) if not keys.job_of(info.key)]
        listed += self.owned_results(job_id)
        if self._is_in_use(job_id):
            return None
        self._remove(listed)
        return len(listed)

    def _is_in_use(self, job_id: str) -> bool:
        """Whether a job has that id, readable or not."""
        try:
            return self.find(job_id) is not None
        except RecordDamaged:
            return True

    def _remove(self, listed: list[str]) -> None:
        for key in listed:
            self._store.delete(key)

    def owned_results(self, job_id: str) -> list[str]:
        """The keys of all results and manifests made for the job."""
        near = [info.key for info in self._store.list(keys.result_prefix(job_id))]
        return [key for key in near if keys.is_result_of(job_id, key)]

    def refuse_running(self, job_id: str, *, before: datetime) -> None:
        """Raise Conflict if a worker has the job or wrote to it since `before`, JobNotFound if there is none."""
        with suppress(RecordDamaged):  # an unreadable record may be removed
            self._refuse_running(self.records.load_any(job_id).job)
        self._refuse_young(job_id, before)

    def _refuse_running(self, job: Job) -> None:
        if not job.status.is_final and not job.is_interrupted(self.clock.now()):
            status = job.status.value
            what = "wait until it is CANCELLED" if job.cancel_requested else "cancel it first"
            raise Conflict(f"job {job.job_id!r} is {status}; {what}", job_id=job.job_id, status=status)

    def _new(self, job_id: str, request_digest: str, seed: int, owner: str) -> Job:
        now = self.clock.now()
        return Job(
            job_id=job_id,
            request_digest=request_digest,
            seed=seed,
            lease=Lease(owner=owner, until=now),
            attempts=(Attempt(number=1, worker=self._worker, claimed_at=now),),
            created_at=now,
        )


def refused_by(ended: Version | str, delivery: str | None) -> tuple[str, ...]:
    """The deliveries that won't bring a job back that `delivery` deletes."""
    known = () if isinstance(ended, str) else ended.job.deliveries
    return tuple(one for one in known if delivery is None or one != digest_of_delivery(delivery))


def digest_of_delivery(delivery: str) -> str:
    """A digest of a delivery's id, which the caller may have chosen: of any length, with any characters."""
    return hashlib.sha256(delivery.encode(errors="backslashreplace")).hexdigest()[:16]


def _cancelled(job: Job, now: datetime) -> Job:
    """The record of a cancelled job that no worker runs."""
    asked = job.model_copy(update={"cancel_requested": True})
    return asked.accounted().to(JobStatus.CANCELLED, finished_at=now, failure=None, parts=None)
