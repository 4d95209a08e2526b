"""
A job that this worker holds: its legal moves, and the heartbeat that renews its lease.

A claim may write only while the record names its owner. Once one of its threads has seen another owner, another request, or no
record at all, the claim has no version left to replace: every later write raises LeaseLost.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from cloning.errors import JobCancelled, JobNotFound, ServiceError, StorageUnavailable
from cloning.jobs.record import Effort, Failure, Job, JobStatus, Parts, Progress
from cloning.jobs.records import JobRecords, Version
from cloning.ports import Changed

log = logging.getLogger(__name__)

# A record has few writers; more tries than this mean a store whose versions never match.
MOST_TRIES = 20


class LeaseLost(Exception):
    """The claim has lost the job: another worker has it, or it was given back. Its further work on it doesn't count."""


class JobGone(LeaseLost):
    """The job was deleted while this claim held it."""


class Claim:
    """
    A job that this worker holds. Threads may share it: the generating one and the heartbeat.

    Every change is retried if a caller's cancel came first, and raises LeaseLost if the job is no longer ours.
    """

    def __init__(self, records: JobRecords, taken: Version) -> None:
        self._records = records
        self._held: Version | None = taken
        self._job = taken.job
        self._loss: type[LeaseLost] = LeaseLost
        self._lock = threading.Lock()

    @property
    def job(self) -> Job:
        """The record as this claim last wrote or read it while holding the job."""
        return self._job

    @property
    def lost(self) -> bool:
        """Whether this claim is known to have lost the job: it has another owner, is deleted, or was given back."""
        return self._held is None

    @property
    def is_sure(self) -> bool:
        """Whether the lease still runs by our clock, so that no other worker can have taken the job."""
        return not self.lost and self._job.lease.until > self._records.clock.now()

    @property
    def will_name_no_result(self) -> bool:
        """Whether it is certain that the record will never name a result of this claim."""
        return self.lost or (self._job.status.is_final and self._job.status is not JobStatus.COMPLETED)

    def is_over(self) -> bool:
        """Whether the job has ended or is gone, even if another worker has it; asks the store."""
        try:
            return self._records.load(self._job.job_id).job.status.is_final
        except JobNotFound:
            return True

    def start(self, total: int) -> None:
        """Start work on the GPU: IN_QUEUE -> IN_PROGRESS, no chunk of `total` done. A job taken over is in progress already."""
        now = self._records.clock.now()
        progress = Progress(total=total)

        def started(job: Job) -> Job:
            job = job.model_copy(update={"progress": progress})
            return job.to(JobStatus.IN_PROGRESS, started_at=now) if job.status is JobStatus.IN_QUEUE else job

        self._change(started)

    def report(self, done: int, total: int, parts: Parts | None = None) -> None:
        """Record the chunks done and the parts stored, and renew the lease."""
        told = {"progress": Progress(done=done, total=total), **({"parts": parts} if parts else {})}
        self._change(lambda job: job.model_copy(update=told))

    def renew(self) -> None:
        """Renew the lease."""
        self._change(lambda job: job)

    def check_held(self) -> None:
        """Raise LeaseLost if the job is known to be lost. Doesn't ask the store."""
        self._owned()

    def check_cancelled(self) -> None:
        """Raise JobCancelled if a caller asked for it, by the last read of the record."""
        if self._job.cancel_requested:
            raise self._cancelled()

    def _cancelled(self) -> JobCancelled:
        return JobCancelled(f"job {self._job.job_id!r} was cancelled on request", job_id=self._job.job_id)

    def complete(self, result: dict[str, Any], effort: Effort | None = None, parts: Parts | None = None) -> None:
        """Name the stored result and its parts in the record. Completion wins over a cancel that came too late."""
        total = self._job.progress.total
        told = {"result": result, "failure": None, "progress": Progress(done=total, total=total), "parts": parts}
        self._finish(JobStatus.COMPLETED, "COMPLETED", effort, **told)

    def fail(self, error: ServiceError, effort: Effort | None = None) -> ServiceError:
        """
        End the job if the error is permanent; otherwise give it back, so that its next delivery tries again.

        Return what the caller is told: the error, or JobCancelled if that is what the record says.
        """
        failure = Failure.model_validate(error.to_record())
        if isinstance(error, JobCancelled):
            self._finish(JobStatus.CANCELLED, "CANCELLED", effort, parts=None)
        elif error.retryable:
            self._give_back(error.code, failure, effort)
        else:
            self._finish(JobStatus.FAILED, error.code, effort, failure=failure, parts=None)
        return error if self._job.status is not JobStatus.CANCELLED else self._cancelled()

    def _give_back(self, outcome: str, failure: Failure, effort: Effort | None) -> None:
        """Release the job for its next delivery; one that was cancelled meanwhile has none, and ends."""
        now = self._records.clock.now()

        def given_back(job: Job) -> Job:
            ended = job.ended(outcome, now, effort)
            if job.cancel_requested:
                return ended.to(JobStatus.CANCELLED, finished_at=now, parts=None)
            return ended.model_copy(update={"failure": failure})

        self._change(given_back, lease_s=0)

    def _finish(self, status: JobStatus, outcome: str, effort: Effort | None, **changes: object) -> None:
        now = self._records.clock.now()
        self._change(lambda job: job.ended(outcome, now, effort).to(status, finished_at=now, **changes), lease_s=0)

    def _change(self, change: Callable[[Job], Job], *, lease_s: float | None = None) -> None:
        with self._lock:
            for _ in range(MOST_TRIES):
                held = self._owned()
                if held.job.status.is_final:
                    return
                changed = self._records.leased(change(held.job), held.job.lease.owner, lease_s)
                try:
                    self._hold(self._records.replace(held, changed))
                except Changed:
                    self._reread(held)
                    continue
                if lease_s == 0 and not changed.status.is_final:
                    self._held = None  # given back: any worker may take it now
                return
            raise changing(self._job.job_id)

    def _owned(self) -> Version:
        """The version that may be replaced. Raises LeaseLost once the job is known to be lost."""
        if self._held is None:
            raise self._loss(self._job.job_id)
        return self._held

    def _hold(self, version: Version) -> None:
        self._held, self._job = version, version.job

    def _reread(self, held: Version) -> None:
        """Read the changed record: by a caller's cancel, or our own write whose reply was lost; otherwise the job is lost."""
        try:
            stored = self._records.load(held.job.job_id)
        except JobNotFound:
            self._held, self._loss = None, JobGone
        else:
            if _identity(stored.job) == _identity(held.job):
                self._hold(stored)
            else:
                self._held = None
        self._owned()


def _identity(job: Job) -> tuple[object, ...]:
    """The fields that no writer changes while one claim holds the job, and that differ if the id is used again."""
    return job.lease.owner, job.request_digest, job.created_at


class Heartbeat:
    """Renews a claim every third of its lease, in a thread, during the `with` block."""

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
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - no descriptors, no memory: the next beat may succeed
                # The lease lasts two more beats; the worker's own writes fail too if the store stays away.
                log.warning("lease.not_renewed", extra={"job": self._claim.job.job_id, "kind": type(error).__name__})


def changing(name: str) -> StorageUnavailable:
    """The error for a record that changes at every try: the store accepts no write of ours, or too many of others'."""
    return StorageUnavailable(f"the record of {name!r} changes faster than it can be written; try again", record=name)


@contextmanager
def lost_to_another(claim: Claim) -> Iterator[None]:
    """The block ends quietly if another worker has taken the job over. Raises JobNotFound if the job was deleted."""
    try:
        yield
    except LeaseLost as lost:
        if isinstance(lost, JobGone):
            job_id = claim.job.job_id
            raise JobNotFound(f"job {job_id!r} was deleted while it was spoken", job_id=job_id) from None
