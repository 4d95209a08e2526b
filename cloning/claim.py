"""A job that this worker holds: the moves it may make, and the heartbeat that tells the others it lives."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from cloning.errors import JobCancelled, JobNotFound, ServiceError, StorageUnavailable
from cloning.job import Effort, Failure, Job, JobStatus, Progress
from cloning.ports import Changed, Clock

# Writers of one record are few; more tries than this mean a store whose versions never match.
MOST_TRIES = 20


class LeaseLost(Exception):
    """Another worker has taken the job over; what this one does to it no longer counts."""


class Records(Protocol):
    """What a claim asks of the store of jobs."""

    clock: Clock

    def load(self, job_id: str) -> tuple[Job, str]:
        """A job's record and its version. Raises JobNotFound."""

    def replace(self, job: Job, etag: str) -> str:
        """Write over exactly the version that was read. Raises Changed."""

    def leased(self, job: Job, owner: str, lease_s: float | None) -> Job:
        """The job with a lease from now on (0 seconds: given back)."""


class Claim:
    """
    A job that this worker holds. Threads may share it: the generating one and the heartbeat.

    Every change re-reads and re-applies if a caller's cancel came between, and raises LeaseLost if another worker did.
    """

    def __init__(self, store: Records, job: Job, etag: str) -> None:
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

    def complete(self, result: dict[str, Any], effort: Effort | None = None) -> None:
        """The result is in the bucket; name it. Completion wins over a cancel that came too late."""
        total = self._job.progress.total
        progress = Progress(done=total, total=total)
        self._finish(JobStatus.COMPLETED, "COMPLETED", effort, result=result, failure=None, progress=progress)

    def fail(self, error: ServiceError, effort: Effort | None = None) -> None:
        """For ever if the error is, else give the job back so that its next delivery tries again."""
        failure = Failure.model_validate(error.to_record())
        if isinstance(error, JobCancelled):
            self._finish(JobStatus.CANCELLED, "CANCELLED", effort)
        elif error.retryable:
            now = self._store.clock.now()
            self._change(
                lambda job: job.ended(error.code, now, effort).model_copy(update={"failure": failure}), lease_s=0
            )
        else:
            self._finish(JobStatus.FAILED, error.code, effort, failure=failure)

    def _finish(self, status: JobStatus, outcome: str, effort: Effort | None, **changes: object) -> None:
        now = self._store.clock.now()
        self._change(lambda job: job.ended(outcome, now, effort).to(status, finished_at=now, **changes), lease_s=0)

    def _change(self, change: Callable[[Job], Job], *, lease_s: float | None = None) -> None:
        with self._lock:
            for _ in range(MOST_TRIES):
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


def changing(name: str) -> StorageUnavailable:
    """The store lets no write through, or everybody's."""
    return StorageUnavailable(f"the record of {name!r} changes faster than it can be written; try again", record=name)
