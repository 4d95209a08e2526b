"""
A job's record, and the moves that it may make.

    IN_QUEUE -> IN_PROGRESS -> COMPLETED | FAILED | CANCELLED

The three last are final by construction: `Job.to` has no move out of them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from cloning.records import Record


class JobStatus(StrEnum):
    """RunPod's own words."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return not MOVES[self]


MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.IN_QUEUE: frozenset({JobStatus.IN_PROGRESS, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.IN_PROGRESS: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}


class IllegalMove(AssertionError):
    """A programmer's mistake: this job can't become that."""


class Progress(Record):
    """Chunks done, of how many."""

    done: int = 0
    total: int = 0


class Lease(Record):
    """Who works on the job, and until when that may be believed without news."""

    owner: str
    until: datetime


class Failure(Record):
    """Why a job (or its last attempt) failed, as the caller was told."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any]


class Job(Record):
    """A job's record, as stored at jobs/<job>/job.json."""

    job_id: str
    request_digest: str
    seed: int
    status: JobStatus = JobStatus.IN_QUEUE
    attempt: int = 1
    progress: Progress = Progress()
    lease: Lease
    cancel_requested: bool = False
    failure: Failure | None = None
    result: dict[str, Any] | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def to(self, status: JobStatus, **changes: object) -> Self:
        """The job after a legal move. Raises IllegalMove."""
        if status not in MOVES[self.status]:
            raise IllegalMove(f"job {self.job_id}: {self.status} -> {status}")
        return self.model_copy(update={"status": status, **changes})

    def is_interrupted(self, now: datetime) -> bool:
        """Unfinished, and nobody has renewed the lease in time: whoever is given the job next may take it."""
        return not self.status.is_final and self.lease.until <= now
