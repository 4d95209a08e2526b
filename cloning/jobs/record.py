"""
A job's record, and its legal moves.

    IN_QUEUE -> IN_PROGRESS -> COMPLETED | FAILED | CANCELLED

The last three are final by construction: `Job.to` has no move out of them. A deleted job leaves a record with nothing but its id and
its deliveries (`Job.deleted`), so that none of them makes the job again.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator

from cloning import keys
from cloning.keys import is_id, lies_with_results_of
from cloning.records import Count, Details, Digest, JsonObject, KeyedRecord, Label, Message, Moment, Record, reason_of

# A job that fails again and again must not outgrow its record.
_MOST_ATTEMPTS = 20
_MOST_ATTEMPTS_READ = 1000
# The same request is delivered again under the same id; other ids are other requests for the same job.
_MOST_DELIVERIES = 20
# One for each chunk at most: a text of a million characters has fewer.
_MOST_PARTS = 100_000
# The highest Count: even a manipulated record can be taken over.
_HIGHEST_ATTEMPT = 10**9
DELETED = "deleted"
# RunPod's queue keeps a request for a day, unless it is told otherwise.
_LATEST = timedelta(days=1)
# LEASE_S is at most an hour.
LONGEST_LEASE_S = 2 * 86_400.0


class JobStatus(StrEnum):
    """RunPod's names of the states."""

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
    """A programming error: the job can't make this move."""


DeliveryDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""The first digits of the sha256 of the id under which a queue delivers a request."""


class Progress(Record):
    """Chunks done, and their total."""

    done: Count = 0
    total: Count = 0


PartFormat = Literal["wav", "flac", "ogg"]


class Part(Record):
    """A stretch of the speech, stored before the rest is spoken. `sha256` is over the object, `pcm_sha256` over its 16-bit samples."""

    samples: Count
    bytes: Count
    sha256: Digest
    pcm_sha256: Digest


class Parts(Record):
    """The stored parts of a speech, in order; joined they are its beginning, or all of it."""

    format: PartFormat
    items: Annotated[tuple[Part, ...], Field(max_length=_MOST_PARTS)] = ()


class Lease(Record):
    """
    The owner of the job, and until when the lease holds unless it is renewed.

    `until` is by the writer's clock; `seconds` is the time until then at the moment of writing.
    """

    owner: Label
    until: Moment
    seconds: float | None = Field(None, ge=0, le=LONGEST_LEASE_S)


class Failure(Record):
    """Why a job (or its last attempt) failed, as reported to the caller."""

    code: Label
    message: Message
    retryable: bool
    details: Details


class Effort(Record):
    """The cost of an attempt: seconds by phase, chunks spoken, and chunks reused from an earlier attempt."""

    timings: dict[str, float] = Field(default_factory=dict, max_length=200)
    chunks_made: Count = 0
    chunks_reused: Count = 0


class Attempt(Record):
    """
    One worker's try at the job.

    `outcome` is COMPLETED, CANCELLED or a failure's code; LOST if the worker fell silent, and `ended_at` is then the end of its
    lease. Both are None while it runs.
    """

    number: Count
    worker: Label
    claimed_at: Moment
    ended_at: Moment | None = None
    outcome: Label | None = None
    effort: Effort | None = None


class ResultAudio(Record):
    """The speech that a job made, as its record describes it; `key` must be one of this job's results."""

    key: Label
    sha256: Digest | None = None
    format: Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")] | None = None
    bytes: Annotated[int, Field(ge=1, le=10**12)] | None = None
    sample_rate: Annotated[int, Field(ge=1, le=10**6)] | None = None

    def is_of(self, job_id: str) -> bool:
        """Whether the key is one of this job's speech, in the record's format."""
        extension = self.key.rpartition(".")[2]
        return lies_with_results_of(job_id, self.key) and extension != "json" and self.format in (None, extension)


class ResultFile(Record):
    """A file beside the speech: its words with their times (JSON), or subtitles."""

    kind: Annotated[str, Field(pattern=r"^[a-z]{1,8}$")]
    key: Label
    bytes: Annotated[int, Field(ge=0, le=10**9)]
    sha256: Digest

    def is_of(self, job_id: str) -> bool:
        """Whether the key is one of this job's results, with this kind as its extension."""
        return lies_with_results_of(job_id, self.key) and self.key.endswith(f".{self.kind}")


class ResultFacts(Record):
    """The fields of a record's `result` that the worker reads; the rest is for callers."""

    audio: ResultAudio | None = None
    files: Annotated[list[ResultFile], Field(max_length=20)] = Field(default_factory=list)
    duration: Annotated[float, Field(ge=0)] | None = None
    manifest: dict[str, Any] | None = None
    timings: dict[str, float] | None = None


class Job(KeyedRecord):
    """A job's record, as stored at jobs/<job>/job.json."""

    kind: ClassVar[str] = "job"
    named_by: ClassVar[str] = "job_id"
    advice: ClassVar[str] = "delete it"

    job_id: Label
    request_digest: Label
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    status: JobStatus = JobStatus.IN_QUEUE
    attempt: Count = 1
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=_MOST_ATTEMPTS_READ)] = ()
    progress: Progress = Progress()
    parts: Parts | None = None
    lease: Lease
    cancel_requested: bool = False
    failure: Failure | None = None
    result: JsonObject | None = None
    created_at: Moment
    started_at: Moment | None = None
    finished_at: Moment | None = None
    deliveries: Annotated[tuple[DeliveryDigest, ...], Field(max_length=_MOST_DELIVERIES)] = ()
    deleted_at: Moment | None = None

    @model_validator(mode="after")
    def _names_what_is_its_own(self) -> Self:
        if not is_id(self.job_id):
            raise ValueError("job_id should be a job's id")
        content = self.attempts or self.parts or self.failure or self.result
        if self.deleted_at and (content or (self.status, self.request_digest) != (JobStatus.CANCELLED, DELETED)):
            raise ValueError("deleted_at should be of a record that is empty")
        try:
            audio, files = self.audio, self.files
        except ValidationError as error:
            raise ValueError(f"result.{reason_of(error)}") from None
        if audio and not audio.is_of(self.job_id):
            raise ValueError("result.audio.key should be the key of this job's result")
        if not all(file.is_of(self.job_id) for file in files):
            raise ValueError("result.files should have keys of this job's results")
        return self

    @property
    def audio(self) -> ResultAudio | None:
        """The speech that the result names, if any."""
        return ResultFacts.model_validate(self.result).audio if self.result else None

    def part_key(self, index: int, pcm_sha256: str, extension: str) -> str:
        """The key of a part of this job's speech."""
        return keys.part(self.job_id, self.created_at.isoformat(), index, pcm_sha256, extension)

    @property
    def part_prefix(self) -> str:
        """The prefix of the parts of this very job: a later job with the same id has none of them."""
        return keys.parts_of(self.job_id, self.created_at.isoformat())

    def part_keys(self) -> list[str]:
        """The keys of the parts that the record names, in their order."""
        if self.parts is None:
            return []
        form, items = self.parts.format, self.parts.items
        return [self.part_key(index, part.pcm_sha256, form) for index, part in enumerate(items)]

    @property
    def files(self) -> tuple[ResultFile, ...]:
        """The files beside the speech, if the result names any."""
        return tuple(ResultFacts.model_validate(self.result).files) if self.result else ()

    def to(self, status: JobStatus, **changes: object) -> Self:
        """The job after a legal move. Raises IllegalMove."""
        if status not in MOVES[self.status]:
            raise IllegalMove(f"job {self.job_id}: {self.status} -> {status}")
        return self.model_copy(update={"status": status, **changes})

    def taken_over(self, worker: str, deliveries: tuple[str, ...], now: datetime) -> Self:
        """The job at its next attempt; the last one is LOST if its end was never recorded."""
        number = min(self.attempt + 1, _HIGHEST_ATTEMPT)
        attempts = (*self.accounted().attempts, Attempt(number=number, worker=worker, claimed_at=now))[-_MOST_ATTEMPTS:]
        taken = self.model_copy(update={"attempt": number, "attempts": attempts, "failure": None})
        return taken.delivered((*self.deliveries, *deliveries))

    def delivered(self, deliveries: tuple[str, ...]) -> Self:
        """The job with the deliveries that have asked for it, in their order; the last ones of many."""
        known = tuple(dict.fromkeys(deliveries))
        return self.model_copy(update={"deliveries": known[-_MOST_DELIVERIES:]})

    def accounted(self) -> Self:
        """The job with its last attempt ended: LOST if its end was never recorded."""
        is_ended = not self.attempts or self.attempts[-1].ended_at is not None
        return self if is_ended else self.ended("LOST", self.lease.until)

    def ended(self, outcome: str, at: datetime, effort: Effort | None = None) -> Self:
        """The job with the end of its last attempt."""
        if not self.attempts:
            return self
        last = self.attempts[-1].model_copy(update={"outcome": outcome, "ended_at": at, "effort": effort})
        return self.model_copy(update={"attempts": (*self.attempts[:-1], last)})

    def is_interrupted(self, now: datetime) -> bool:
        """Whether the job is unfinished and its lease has lapsed: the worker that gets its next delivery may take it."""
        return not self.status.is_final and self.lease.until <= now

    def is_going(self, now: datetime) -> bool:
        """Whether `expire` is about to remove the record of this deleted job."""
        return self.deleted_at is not None and bool(self.lease.seconds) and self.lease.until > now

    def refuses(self, deliveries: tuple[str, ...], now: datetime) -> bool:
        """Whether the job was deleted, and one of these deliveries had asked for it."""
        is_late = any(one in self.deliveries for one in deliveries)
        return is_late and self.deleted_at is not None and abs(now - self.deleted_at) < _LATEST

    @classmethod
    def deleted(cls, job_id: str, deliveries: tuple[str, ...], now: datetime) -> Self:
        """What stays of a deleted job: nothing that its text, voice or speech could be told from."""
        return cls(
            job_id=job_id,
            request_digest=DELETED,
            seed=0,
            status=JobStatus.CANCELLED,
            lease=Lease(owner=DELETED, until=now),
            created_at=now,
            finished_at=now,
            deliveries=deliveries,
            deleted_at=now,
        )
