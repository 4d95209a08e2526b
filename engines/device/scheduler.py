"""
Which tasks the GPU does next: the most urgent one, and those that can be batched with it. No threads and no torch here.

A job is owed its next task within that task's own length, counted from its last one. So a short task overtakes long ones, and no
long one waits for ever. A task that needs other weights than the last ones used is due `SWITCH_S` later, and not done before that
while a job is `using` the last ones: jobs with different checkpoints don't move each other's weights off the GPU at every chunk.
A batch is bounded in tasks and in seconds, which bounds its memory; tasks much longer than its first stay out of it.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from cloning.ports import Clock, Utterance
from cloning.ports.gpu import GpuTask, Span

Value = TypeVar("Value")
SWITCH_S = 30.0
_MUCH_LONGER = 1.5
# Turns whose results a job may not have fetched when its next task begins. With more, its progress and its stored chunks would fall
# behind, and a cancel be seen late.
_MOST_AHEAD = 1


@dataclass(frozen=True)
class Bounds:
    """The most that a batch may hold, and how long a task may wait for others to join it. A single task always fits."""

    chunks: int
    seconds: float
    wait_s: float = 0.0


@dataclass(eq=False)
class JobTurns:
    """
    A job's place in the queue.

    `since`: when its last task was done, or its first one came. `unfetched`: turns whose results it has not fetched. After a
    failure its other tasks are not wanted.
    """

    since: float
    unfetched: int = 0
    has_failed: bool = False


@dataclass(eq=False)
class QueuedTask(Generic[Value]):
    """A task that waits, is in a turn, or is done (then `outcome` is). `alone`: it is not to be batched again."""

    task: GpuTask[Value]
    job: JobTurns
    came: float
    alone: bool = False
    spans: list[Span] = field(default_factory=list)
    outcome: "Future[Value]" = field(default_factory=Future)

    def end(self, outcome: Value | BaseException) -> None:
        """Set the result, or the failure."""
        if isinstance(outcome, BaseException):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)

    @property
    def is_done(self) -> bool:
        return self.outcome.done()

    @property
    def has_succeeded(self) -> bool:
        return self.is_done and self.outcome.exception() is None

    @property
    def is_single(self) -> bool:
        return self.alone or self.task.run_batch is None or self.task.utterance is None

    def joins(self, other: "QueuedTask[Any]") -> bool:
        """Whether both can be solved in the same steps."""
        if self.is_single or other.is_single:
            return False
        return _batch_key(self.task) == _batch_key(other.task)


def _batch_key(task: GpuTask[Any]) -> tuple[Hashable, ...]:
    return task.weights, task.batch_key, _steps(task.utterance)


def _steps(utterance: Utterance | None) -> tuple[float, ...] | None:
    if utterance is None:
        return None
    asked = utterance.parameters
    return asked.nfe_step, asked.cfg_strength, asked.sway_sampling_coef


class Scheduler:
    """The queue of tasks. Not safe between threads: whoever owns it holds a lock."""

    def __init__(self, clock: Clock, bounds: Bounds) -> None:
        self._clock = clock
        self._bounds = bounds
        self.waiting: list[QueuedTask[Any]] = []  # of each job in its order
        self.weights: Hashable = None  # the last ones used
        self.users = Counter[Hashable]()

    def bound(self, chunks: int) -> None:
        """Batches hold at most so many tasks from now on."""
        self._bounds = replace(self._bounds, chunks=chunks)

    def next_batch(self) -> list[QueuedTask[Any]]:
        """The most urgent task with those that go with it; empty if nothing may begin now."""
        queue = self._by_urgency()
        batch = queue[:1]
        for queued in queue[1:]:
            if len(batch) >= self._most(batch[0]):
                break
            seconds = queued.task.seconds
            fits = sum(one.task.seconds for one in batch) + seconds <= self._bounds.seconds
            if fits and queued.joins(batch[0]) and seconds <= batch[0].task.seconds * _MUCH_LONGER:
                batch.append(queued)
        return batch

    def seconds_to_wait(self, batch: Sequence[QueuedTask[Any]]) -> float:
        """How long the batch may still wait for others to join it."""
        is_full = sum(one.task.seconds for one in batch) >= self._bounds.seconds
        if batch[0].is_single or len(batch) >= self._most(batch[0]) or is_full:
            return 0.0
        return max(0.0, batch[0].came + self._bounds.wait_s - self._clock.monotonic())

    def begin(self, batch: Sequence[QueuedTask[Any]]) -> None:
        """The batch has its turn: out of the queue."""
        self.waiting = [queued for queued in self.waiting if queued not in batch]
        if batch[0].task.weights is not None:
            self.weights = batch[0].task.weights

    def _most(self, first: QueuedTask[Any]) -> int:
        return min(self._bounds.chunks, first.task.batch_size)

    def _by_urgency(self) -> list[QueuedTask[Any]]:
        """The tasks that may begin: not those far ahead of their job, nor what would move weights in use too early."""
        now = self._clock.monotonic()
        due: dict[QueuedTask[Any], float] = {}
        owed: dict[JobTurns, float] = {}
        for queued in self.waiting:
            job, weights = queued.job, queued.task.weights
            owed[job] = owed.get(job, job.since) + queued.task.seconds
            is_switch = None not in (weights, self.weights) and weights != self.weights
            is_early = is_switch and self.weights in self.users and now < job.since + SWITCH_S
            if not is_early and not job.has_failed and job.unfetched <= _MOST_AHEAD:
                due[queued] = owed[job] + (SWITCH_S if is_switch else 0.0)
        return sorted(due, key=lambda queued: due[queued])
