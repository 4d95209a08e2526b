"""
Jobs in the bucket, claimed by a lease.

A job that ended without an end (its worker died, or failed in a way that may pass) keeps IN_PROGRESS with a lapsed lease; a
status reply calls that INTERRUPTED, and the next delivery takes it over. The record is only ever created (If-None-Match) or
replaced (If-Match), so no update is lost.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from cloning import keys
from cloning.claim import MOST_TRIES, Claim, changing
from cloning.conditions import Conditions
from cloning.errors import Conflict, JobNotFound, RecordDamaged
from cloning.job import LONGEST_LEASE_S, Attempt, Job, JobStatus, Lease
from cloning.ports import AlreadyExists, Changed, Clock, NoSuchObject, ObjectStore, StoredObject
from cloning.records import CONTENT_TYPE, damaged, load_record


@dataclass(frozen=True)
class Finished:
    """The job was done before; here is its record."""

    job: Job


@dataclass(frozen=True)
class Busy:
    """Somebody else works on the job."""


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
        self.clock = clock
        self._worker = worker
        self._new_id = new_id
        self.lease_s = lease_s
        self._conditions = conditions

    def claim(self, job_id: str, request_digest: str, seed: int, *, is_new: bool = False) -> Claim | Finished | Busy:
        """
        Take a job that is new or whose worker went silent. Raises Conflict if the id stands for another request.

        Each claim has an owner of its own, so a job that is delivered twice to one worker is still done once. `is_new` says that
        a look has just found no record. (Nothing is created without a look: some stores ignore the condition and overwrite.)
        """
        owner = f"{self._worker}/{self._new_id()}"
        for _ in range(MOST_TRIES):
            if is_new:
                new = self.leased(self._new(job_id, request_digest, seed, owner), owner, None)
                with suppress(AlreadyExists):
                    etag = self._store.create(keys.job_record(job_id), new.body(), content_type=CONTENT_TYPE)
                    return Claim(self, new, etag)
            try:
                job, etag = self.load(job_id)
            except JobNotFound:
                is_new = True
                continue
            is_new = False
            if (taken := self._take_over(job, etag, request_digest, owner)) is not None:
                return taken
        raise changing(job_id)

    def _take_over(self, job: Job, etag: str, request_digest: str, owner: str) -> Claim | Finished | Busy | None:
        """None if another worker was faster: look again."""
        if job.request_digest != request_digest:
            raise Conflict(
                f"job {job.job_id!r} exists with another request; send a new job_id",
                job_id=job.job_id,
                status=job.status.value,
            )
        if job.lease.owner == owner:  # our own write, whose reply was lost
            return Claim(self, job, etag)
        if job.status.is_final:
            return Finished(job)
        if not job.is_interrupted(self.clock.now()):
            return Busy()
        mine = self.leased(job.taken_over(self._worker, self.clock.now()), owner, None)
        try:
            return Claim(self, mine, self.replace(mine, etag))
        except Changed:
            return None

    def cancel(self, job_id: str) -> Job:
        """Flag a running job, or end one that nobody runs. A finished job stays as it is."""
        for _ in range(MOST_TRIES):
            job, etag = self.load(job_id)
            now = self.clock.now()
            if job.status.is_final or (job.cancel_requested and not job.is_interrupted(now)):
                return job
            flagged = job.model_copy(update={"cancel_requested": True})
            if job.is_interrupted(now):
                flagged = flagged.accounted().to(JobStatus.CANCELLED, finished_at=now, failure=None)
            try:
                self.replace(flagged, etag)
            except Changed:
                continue
            return flagged
        raise changing(job_id)

    def get(self, job_id: str) -> Job:
        """A job's record. Raises JobNotFound."""
        return self.load(job_id)[0]

    def delete(self, job_id: str) -> None:
        """
        Remove a finished (or abandoned) job and its result, the record first. Raises JobNotFound, Conflict.

        If somebody makes the job anew meanwhile, what the new one may name stays.
        """
        self.refuse_running(job_id)
        owned = [info.key for info in self._store.list(keys.job_folder(job_id))]
        owned += self.owned_results(job_id)
        self._store.delete(keys.job_record(job_id))
        if self._version(job_id) is None:
            for key in owned:
                self._store.delete(key)

    def owned_results(self, job_id: str) -> list[str]:
        """The keys of every result and manifest that was made for the job."""
        near = [info.key for info in self._store.list(keys.result_prefix(job_id))]
        return [key for key in near if keys.is_result_of(job_id, key)]

    def refuse_running(self, job_id: str) -> None:
        """Raises Conflict if a worker has the job, JobNotFound if there is none."""
        try:
            job = self.get(job_id)
        except RecordDamaged:  # what nobody can read may go
            return
        if not job.status.is_final and not job.is_interrupted(self.clock.now()):
            status = job.status.value
            raise Conflict(f"job {job.job_id!r} is {status}; cancel it first", job_id=job.job_id, status=status)

    def load(self, job_id: str) -> tuple[Job, str]:
        """A job's record and its version. Raises JobNotFound."""
        try:
            job, stored = load_record(self._store, keys.job_record(job_id), Job, job_id)
        except NoSuchObject:
            raise JobNotFound(f"no job {job_id!r}; a job is known once a worker has taken it", job_id=job_id) from None
        job = self._by_our_clock(job, stored)
        if not job.status.is_final and job.lease.until > self.clock.now() + timedelta(seconds=LONGEST_LEASE_S):
            raise damaged(Job, job_id, "its lease ends in days, and no worker takes one for more than an hour")
        return job, stored.etag

    def find(self, job_id: str) -> Job | None:
        """A job's record, if there is one."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def _by_our_clock(self, job: Job, stored: StoredObject) -> Job:
        """
        The lease's end by the clock of this worker, whatever the clock of the one that wrote it shows.

        The store says how long ago the record was written, the record for how long that was meant: minutes of skew between two
        workers neither take a living one's job away nor let a dead one keep it.
        """
        if stored.age_s is None or job.lease.seconds is None or job.status.is_final:
            return job
        until = self.clock.now() + timedelta(seconds=job.lease.seconds - stored.age_s)
        return job.model_copy(update={"lease": job.lease.model_copy(update={"until": until})})

    def replace(self, job: Job, etag: str) -> str:
        """
        Write over exactly the version that was read. Raises Changed.

        Where the store would ignore the condition, a look before the write leaves little time for another writer: enough that a
        worker that was thought dead doesn't undo the end of its job.
        """
        if self._conditions and self._conditions.mode == "ignored" and self._version(job.job_id) != etag:
            raise Changed
        left = max(0.0, (job.lease.until - self.clock.now()).total_seconds())
        job = job.model_copy(update={"lease": job.lease.model_copy(update={"seconds": left})})
        return self._store.replace(keys.job_record(job.job_id), job.body(), etag=etag, content_type=CONTENT_TYPE)

    def _version(self, job_id: str) -> str | None:
        try:
            return self._store.get(keys.job_record(job_id)).etag
        except NoSuchObject:
            return None

    def leased(self, job: Job, owner: str, lease_s: float | None) -> Job:
        """The job with a lease from now on (0 seconds: given back)."""
        seconds = self.lease_s if lease_s is None else lease_s
        lease = Lease(owner=owner, until=self.clock.now() + timedelta(seconds=seconds), seconds=seconds)
        return job.model_copy(update={"lease": lease})

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
