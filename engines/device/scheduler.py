"""
Which tasks the GPU does next: the most urgent one, and those that can be batched with it. No threads and no torch here.

A job is owed its next task within that task's own length, counted from its last one. So a short task overtakes long ones, and no
long one waits for ever. A task that needs other weights than the last ones used is due `SWITCH_S` later, and not done before that
while a job is `using` the last ones: jobs with different checkpoints don't move each other's weights off the GPU at every chunk.
A batch is bounded in tasks and in seconds, which bounds its memory; tasks much longer than its first stay out of it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloning.ports import Clock
from cloning.ports.gpu import GpuTask, Span

SWITCH_S = 30.0
LOOK_S = 0.2  # for what comes by time, not by an event
_MUCH_LONGER = 1.5
# Turns that a job may not have fetched when its next task begins. With more, progress, stored chunks and a cancel would come late.
_MOST_AHEAD = 1


@dataclass(frozen=True)
class Bounds:
    """The most that a batch may hold, and how long a task may wait for others to join it. A single task always fits."""

    chunks: int
    seconds: float
    wait_s: float = 0.0


@dataclass(eq=False)
class JobTurns:
    """A job's turns. `done`: indices and results that it has not fetched, of so many `unfetched` turns. After a failure no task is wanted."""

    since: float  # when its last task was done, or its first one came
    spans: list[Span]
    done: list[tuple[int, Any]] = field(default_factory=list)
    failure: BaseException | None = None
    unfetched: int = 0


@dataclass(eq=False)
class QueuedTask:
    """A job's task that waits for its turn."""

    task: GpuTask[Any]
    index: int
    job: JobTurns
    came: float


class Scheduler:
    """The queue of tasks. Not safe between threads: whoever owns it holds a lock."""

    def __init__(self, clock: Clock, bounds: Bounds) -> None:
        self._clock = clock
        self._bounds = bounds
        self.most = bounds.chunks  # in a batch; fewer after one that the memory didn't hold
        self.waiting: list[QueuedTask] = []  # of each job in its order
        self.in_turn: list[QueuedTask] = []
        self.weights: Hashable = None  # the last ones used
        self.users: list[Hashable] = []  # the weights that jobs are using

    def take(self) -> tuple[list[QueuedTask], float]:
        """The next batch: the most urgent task and those that go with it. Empty if nothing may begin; then also the seconds to wait."""
        queue = self._by_urgency()
        if not queue:
            return [], LOOK_S
        first, batch, seconds = queue[0], queue[:1], queue[0].task.seconds
        most = 1 if first.task.batch_key is None else min(self.most, first.task.batch_size)
        for queued in queue[1:]:
            more = queued.task.seconds
            fits = seconds + more <= self._bounds.seconds and more <= first.task.seconds * _MUCH_LONGER
            if len(batch) < most and fits and queued.task.batch_key == first.task.batch_key:
                batch.append(queued)
                seconds += more
        left = first.came + self._bounds.wait_s - self._clock.monotonic()
        if left > 0 and len(batch) < most and seconds < self._bounds.seconds:
            return [], min(left, LOOK_S)
        self.waiting = [queued for queued in self.waiting if queued not in batch]
        self.in_turn, self.weights = batch, first.task.weights or self.weights
        return batch, 0.0

    def settle(self, outcomes: Mapping[QueuedTask, Any], span: Span) -> None:
        """End the turn: give each job its tasks' results or exceptions. Tasks that have none go back to the head of the queue, each alone."""
        again = [replace(one, task=replace(one.task, batch_key=None)) for one in self.in_turn if one not in outcomes]
        for queued, outcome in outcomes.items():
            queued.job.since = span[1]
            if isinstance(outcome, BaseException):
                queued.job.failure = queued.job.failure or outcome
            else:
                queued.job.done.append((queued.index, outcome))
        for job in {queued.job for queued in self.in_turn}:
            job.unfetched += 1
            job.spans.append(span)
        self.waiting, self.in_turn = again + self.waiting, []

    def withdraw(self, job: JobTurns) -> bool:
        """Take a job's tasks out of the queue; False while one of them is in a turn."""
        self.waiting = [queued for queued in self.waiting if queued.job is not job]
        return all(queued.job is not job for queued in self.in_turn)

    def _by_urgency(self) -> list[QueuedTask]:
        """The tasks that may begin: not those far ahead of their job, nor what would move weights in use too early."""
        due: dict[QueuedTask, float] = {}
        owed: dict[JobTurns, float] = {}
        for queued in self.waiting:
            job, weights = queued.job, queued.task.weights
            owed[job] = owed.get(job, job.since) + queued.task.seconds
            is_switch = None not in (weights, self.weights) and weights != self.weights
            is_early = is_switch and self.weights in self.users and self._clock.monotonic() < job.since + SWITCH_S
            if not is_early and job.failure is None and job.unfetched <= _MOST_AHEAD:
                due[queued] = owed[job] + (SWITCH_S if is_switch else 0.0)
        return sorted(due, key=lambda queued: due[queued])
