"""One job of the local queue: its states and times, its creation from a request, and its `/status` reply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class JobState(StrEnum):
    """RunPod's names of the states."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


FINAL = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.TIMED_OUT})
RETRYABLE = frozenset({JobState.FAILED, JobState.TIMED_OUT})


class BadRequest(ValueError):
    """A request or a worker's message that is not in RunPod's shape."""


class UnknownJob(LookupError):
    """No job has that id: never submitted, its time to live is over, or its result is no longer kept."""


class NotRetryable(Exception):
    """Only a job that FAILED or TIMED_OUT can be put back into the queue."""


@dataclass(frozen=True)
class Rules:
    """
    The queue's time limits, in seconds. The defaults are RunPod's documented ones; its minima are not enforced.

    `redeliver_after_s`: a running job whose worker has been silent for that long goes back to the head of the queue. None
    means never; RunPod promises automatic retries but documents no time.
    """

    execution_timeout_s: float = 600.0
    ttl_s: float = 86_400.0
    retention_s: float = 1800.0
    sync_retention_s: float = 60.0
    worker_gone_after_s: float = 30.0
    redeliver_after_s: float | None = None


@dataclass
class Job:
    """
    One request and its history. Times are in seconds of the queue's clock.

    `reply` holds the keys `output` and `error` as the worker sent them. `deliveries` counts how often a worker took the job,
    `results` the final results that arrived (also the ignored ones), `refused` those that the server refused.
    """

    id: str
    request: Mapping[str, object]
    submitted_at: float
    ttl_s: float
    execution_timeout_s: float
    retention_s: float
    state: JobState = JobState.IN_QUEUE
    worker: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    reply: dict[str, object] = field(default_factory=dict)
    stream: list[object] = field(default_factory=list)
    deliveries: int = 0
    results: int = 0
    refused: int = 0
    retries: int = 0

    @property
    def final(self) -> bool:
        """Whether only a retry can change the job."""
        return self.state in FINAL

    @property
    def gone_at(self) -> float:
        """When the job is forgotten: after its time to live or, once final, after its result's retention."""
        return self.submitted_at + self.ttl_s if self.finished_at is None else self.finished_at + self.retention_s

    def status(self) -> dict[str, object]:
        """The reply of `/status`; `delayTime` and `executionTime` in ms."""
        reply: dict[str, object] = {"id": self.id, "status": self.state.value}
        if self.started_at is not None:
            reply |= {"delayTime": _ms(self.started_at - self.submitted_at), "workerId": self.worker}
            if self.finished_at is not None:
                reply["executionTime"] = _ms(self.finished_at - self.started_at)
        if self.retries:
            reply["retries"] = self.retries
        return reply | self.reply


def job_of(
    request: Mapping[str, object], *, job_id: str, now: float, rules: Rules, ttl_s: float | None, retention_s: float
) -> Job:
    """
    Make a job from a client's request. `ttl_s` overrides `policy.ttl`, which overrides the rules.

    Raises BadRequest if `input` is missing or the policy's times are not positive numbers of ms.
    """
    if request.get("input") is None:
        raise BadRequest("the request has no `input`; send {'input': ...}")
    policy_ttl, execution_timeout = _policy(request, "ttl"), _policy(request, "executionTimeout")
    return Job(
        id=job_id,
        request=request,
        submitted_at=now,
        ttl_s=_first(ttl_s, policy_ttl, rules.ttl_s),
        execution_timeout_s=_first(execution_timeout, rules.execution_timeout_s),
        retention_s=retention_s,
    )


# Ten years: arithmetic with longer times fails.
_LONGEST_MS = 10 * 366 * 86_400_000


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _policy(request: Mapping[str, object], name: str) -> float | None:
    """Read a duration of the request's policy, given in ms, in seconds. Raises BadRequest."""
    policy = request.get("policy")
    if policy is None:
        return None
    if not isinstance(policy, Mapping):
        raise BadRequest(f"policy must be an object, got {type(policy).__name__}")
    value = policy.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LONGEST_MS:
        raise BadRequest(f"policy.{name} must be a positive number of ms, got {value!r}")
    return value / 1000
