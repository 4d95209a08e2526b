"""
Jobs in the bucket, claimed by a lease.

A job that ended without an end (its worker died, or failed in a way that may pass) keeps IN_PROGRESS with a lapsed lease; a
status reply calls that INTERRUPTED, and the next delivery takes it over. The record is only ever created (If-None-Match) or
replaced (If-Match), so no update is lost.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from cloning import keys
from cloning.errors import Conflict, JobCancelled, JobNotFound, RecordDamaged, ServiceError, StorageUnavailable
from cloning.job import Failure, Job, JobStatus, Lease, Progress
from cloning.ports import AlreadyExists, Changed, Clock, NoSuchObject, ObjectStore
from cloning.records import CONTENT_TYPE

# Writers of one record are few; more tries than this mean a store whose versions never match.
_MOST_TRIES = 20


class LeaseLost(Exception):
    """Another worker has taken the job over; what this one does to it no longer counts."""


@dataclass(frozen=True)
class Finished:
    """The job was done before; here is its record."""

    job: Job


@dataclass(frozen=True)
class Busy:
    """Somebody else works on the job."""

    job: Job


class Claim:
    """
    A job that this worker holds. Threads may share it: the generating one and the heartbeat.

    Every change re-reads and re-applies if a caller's cancel came between, and raises LeaseLost if another worker did.
    """

    def __init__(self, store: "JobStore", job: Job, etag: str) -> None:
        self._store = store
        self._job = job
        self._etag = etag
        self._lock = threading.Lock()
        self.lost = False

    @property
    def job(self) -> Job:
        return self._job

    def start(self, total: int) -> None:
        """The GPU is ours: IN_QUEUE -> IN_PROGRESS, no chunk of `total` done. A job taken over is in progress already."""
        now = self._store.clock.now()
        progress = Progress(total=total)

        def started(job: Job) -> Job:
            job = job.model_copy(update={"progress": progress})
            return job.to(JobStatus.IN_PROGRESS, started_at=now) if job.status is JobStatus.IN_QUEUE else job

        self._change(started)

    def report(self, done: int, total: int) -> None:
        """Chunks done; renews the lease too."""
        self._change(lambda job: job.model_copy(update={"progress": Progress(done=done, total=total)}))

    def renew(self) -> None:
        """Tell the others that we live."""
        self._change(lambda job: job)

    def check_cancelled(self) -> None:
        """Raises JobCancelled if a caller asked for it, as far as the last read of the record tells."""
        if self._job.cancel_requested:
            raise JobCancelled(f"job {self._job.job_id!r} was cancelled on request", job_id=self._job.job_id)

    def complete(self, result: dict[str, Any]) -> None:
        """The result is in the bucket; name it. Completion wins over a cancel that came too late."""
        total = self._job.progress.total
        self._finish(JobStatus.COMPLETED, result=result, failure=None, progress=Progress(done=total, total=total))

    def fail(self, error: ServiceError) -> None:
        """For ever if the error is, else give the job back so that its next delivery tries again."""
        failure = Failure.model_validate(error.to_record())
        if isinstance(error, JobCancelled):
            self._finish(JobStatus.CANCELLED)
        elif error.retryable:
            self._change(lambda job: job.model_copy(update={"failure": failure}), lease_s=0)
        else:
            self._finish(JobStatus.FAILED, failure=failure)

    def _finish(self, status: JobStatus, **changes: object) -> None:
        now = self._store.clock.now()
        self._change(lambda job: job.to(status, finished_at=now, **changes), lease_s=0)

    def _change(self, change: Callable[[Job], Job], *, lease_s: float | None = None) -> None:
        with self._lock:
            for _ in range(_MOST_TRIES):
                if self._job.status.is_final:
                    return
                changed = self._store.leased(change(self._job), self._job.lease.owner, lease_s)
                try:
                    self._etag = self._store.replace(changed, self._etag)
                except Changed:
                    self._reread()
                    continue
                self._job = changed
                return
            raise changing(self._job.job_id)

    def _reread(self) -> None:
        owner = self._job.lease.owner
        stored, self._etag = self._store.load(self._job.job_id)
        if stored.lease.owner != owner:
            self.lost = True
            raise LeaseLost(stored.job_id)
        self._job = stored


class Heartbeat:
    """Renews a claim at a third of its lease, in a thread, for as long as the `with` block lasts."""

    def __init__(self, claim: Claim, lease_s: float) -> None:
        self._claim = claim
        self._every_s = lease_s / 3
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._every_s):
            try:
                self._claim.renew()
            except (LeaseLost, JobNotFound):
                self._claim.lost = True
                return
            except ServiceError:
                continue  # the lease lasts two more beats; the worker's own writes will tell if the store stays away


class JobStore:
    """Jobs by id. Every method may raise StorageUnavailable or StorageMisconfigured."""

    def __init__(
        self, store: ObjectStore, clock: Clock, *, worker: str, new_id: Callable[[], str], lease_s: float
    ) -> None:
        self._store = store
        self.clock = clock
        self._worker = worker
        self._new_id = new_id
        self.lease_s = lease_s

    def claim(self, job_id: str, request_digest: str, seed: int, *, is_new: bool = False) -> Claim | Finished | Busy:
        """
        Take a job that is new or whose worker went silent. Raises Conflict if the id stands for another request.

        Each claim has an owner of its own, so a job that is delivered twice to one worker is still done once. `is_new` says that
        a look has just found no record. (Nothing is created without a look: some stores ignore the condition and overwrite.)
        """
        owner = f"{self._worker}/{self._new_id()}"
        for _ in range(_MOST_TRIES):
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
            return Busy(job)
        mine = self.leased(job.model_copy(update={"attempt": job.attempt + 1, "failure": None}), owner, None)
        try:
            return Claim(self, mine, self.replace(mine, etag))
        except Changed:
            return None

    def cancel(self, job_id: str) -> Job:
        """Flag a running job, or end one that nobody runs. A finished job stays as it is."""
        for _ in range(_MOST_TRIES):
            job, etag = self.load(job_id)
            now = self.clock.now()
            if job.status.is_final or (job.cancel_requested and not job.is_interrupted(now)):
                return job
            flagged = job.model_copy(update={"cancel_requested": True})
            if job.is_interrupted(now):
                flagged = flagged.to(JobStatus.CANCELLED, finished_at=now)
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
        """Remove a finished (or abandoned) job and its result, the record first. Raises JobNotFound, Conflict."""
        with suppress(RecordDamaged):  # what nobody can read may go
            self._refuse_running(self.get(job_id))
        self._store.delete(keys.job_record(job_id))
        owned = [info.key for info in self._store.list(keys.job_folder(job_id))]
        near = [info.key for info in self._store.list(keys.result_prefix(job_id))]
        for key in [*owned, *(key for key in near if keys.is_result_of(job_id, key))]:
            self._store.delete(key)

    def _refuse_running(self, job: Job) -> None:
        if not job.status.is_final and not job.is_interrupted(self.clock.now()):
            status = job.status.value
            raise Conflict(f"job {job.job_id!r} is {status}; cancel it first", job_id=job.job_id, status=status)

    def load(self, job_id: str) -> tuple[Job, str]:
        """A job's record and its version. Raises JobNotFound."""
        try:
            stored = self._store.get(keys.job_record(job_id))
        except NoSuchObject:
            raise JobNotFound(f"no job {job_id!r}; a job is known once a worker has taken it", job_id=job_id) from None
        try:
            return Job.model_validate_json(stored.body), stored.etag
        except ValidationError:
            raise RecordDamaged(f"the record of job {job_id!r} can't be read; delete it", job_id=job_id) from None

    def find(self, job_id: str) -> Job | None:
        """A job's record, if there is one."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def replace(self, job: Job, etag: str) -> str:
        """Write over exactly the version that was read. Raises Changed."""
        return self._store.replace(keys.job_record(job.job_id), job.body(), etag=etag, content_type=CONTENT_TYPE)

    def leased(self, job: Job, owner: str, lease_s: float | None) -> Job:
        """The job with a lease from now on (0 seconds: given back)."""
        until = self.clock.now() + timedelta(seconds=self.lease_s if lease_s is None else lease_s)
        return job.model_copy(update={"lease": Lease(owner=owner, until=until)})

    def _new(self, job_id: str, request_digest: str, seed: int, owner: str) -> Job:
        now = self.clock.now()
        return Job(
            job_id=job_id, request_digest=request_digest, seed=seed, lease=Lease(owner=owner, until=now), created_at=now
        )


def changing(name: str) -> StorageUnavailable:
    """The store lets no write through, or everybody's."""
    return StorageUnavailable(f"the record of {name!r} changes faster than it can be written; try again", record=name)
