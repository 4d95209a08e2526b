"""
A job's record, and the moves that it may make.

    IN_QUEUE -> IN_PROGRESS -> COMPLETED | FAILED | CANCELLED

The three last are final by construction: `Job.to` has no move out of them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from cloning.records import Record

# A job that fails again and again must not outgrow its record.
_MOST_ATTEMPTS = 20


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
    """
    Who works on the job, and until when that may be believed without news.

    `until` is by the clock of whoever wrote it; `seconds` is how long that was from the moment of writing.
    """

    owner: str
    until: datetime
    seconds: float | None = None


class Failure(Record):
    """Why a job (or its last attempt) failed, as the caller was told."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any]


class Effort(Record):
    """What an attempt took: seconds by phase, chunks spoken, and chunks that an earlier attempt had finished."""

    timings: dict[str, float] = Field(default_factory=dict)
    chunks_made: int = 0
    chunks_reused: int = 0


class Attempt(Record):
    """
    One worker's try at the job.

    `outcome` is COMPLETED, CANCELLED or a failure's code; LOST if the worker fell silent, `ended_at` then the moment until which
    it was believed. Both are None while it runs.
    """

    number: int
    worker: str
    claimed_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    effort: Effort | None = None


class Job(Record):
    """A job's record, as stored at jobs/<job>/job.json."""

    job_id: str
    request_digest: str
    seed: int
    status: JobStatus = JobStatus.IN_QUEUE
    attempt: int = 1
    attempts: tuple[Attempt, ...] = ()
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

    def taken_over(self, worker: str, now: datetime) -> Self:
        """The job at its next attempt; the last one is lost if it never told its end."""
        number = self.attempt + 1
        attempts = (*self.accounted().attempts, Attempt(number=number, worker=worker, claimed_at=now))[-_MOST_ATTEMPTS:]
        return self.model_copy(update={"attempt": number, "attempts": attempts, "failure": None})

    def accounted(self) -> Self:
        """The job with its last attempt ended: lost, if it never told its end."""
        told = not self.attempts or self.attempts[-1].ended_at is not None
        return self if told else self.ended("LOST", self.lease.until)

    def ended(self, outcome: str, at: datetime, effort: Effort | None = None) -> Self:
        """The job with the end of its last attempt."""
        if not self.attempts:
            return self
        last = self.attempts[-1].model_copy(update={"outcome": outcome, "ended_at": at, "effort": effort})
        return self.model_copy(update={"attempts": (*self.attempts[:-1], last)})

    def is_interrupted(self, now: datetime) -> bool:
        """Unfinished, and nobody has renewed the lease in time: whoever is given the job next may take it."""
        return not self.status.is_final and self.lease.until <= now
