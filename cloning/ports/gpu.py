"""The GPU as jobs see it: tasks for its one thread, and the queue in which jobs take turns (engines.device.gpu_thread)."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Generic, Protocol

from cloning.ports import Utterance, Value, keep_going

Span = tuple[float, float]
"""Begin and end, by a monotonic clock in seconds."""


def covered(spans: Iterable[Span]) -> float:
    """The seconds that lie in any of the spans."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


@dataclass(frozen=True)
class GpuTask(Generic[Value]):
    """
    Work for the GPU thread, short enough to take turns with other jobs' tasks.

    `weights` names the model that it needs (None: no particular one); `seconds` is the length of reference and speech together (0:
    no speech). `run` does the task alone, with every remedy for a failing device. A task with an `utterance` may be batched:
    `run_batch` takes its utterance with those of other tasks that have the same weights and `batch_key` (one name may stand for
    other files by now), at most `batch_size` in all. It returns for each what `run` would have returned (in half precision: but for
    rounding), or the exception.
    """

    weights: Hashable
    seconds: float
    run: Callable[[], Value]
    utterance: Utterance | None = None
    run_batch: Callable[[Sequence[Utterance]], Sequence[Value | Exception]] | None = None
    batch_key: Hashable = None
    batch_size: int = 1


class Gpu(Protocol):
    """The one thread that may use the models, and its queue. Any other thread may ask it; it must never ask itself."""

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        """Do the work in its turn; return its result or raise its exception. Raises Interrupted if stopped before its turn."""

    def run_tasks(
        self,
        tasks: Sequence[GpuTask[Value]],
        *,
        check: Callable[[], None] = keep_going,
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spent: Callable[[Span], None] = lambda _: None,
    ) -> list[Value]:
        """
        Do a job's tasks, in order; tasks of other jobs may come between them. Returns their results.

        These are called in the asking thread: `check` while it waits (it may raise to give up); `deliver` with the index and result
        of tasks that are done, while the GPU goes on with the next; at the end `spent` with every turn that the tasks were in, failed
        ones too. Raises what the first task to fail raised, and what `check` and `deliver` raise; what was finished has been
        delivered by then, and no task is left in the queue or in a turn.
        """

    def using(self, weights: Hashable) -> AbstractContextManager[None]:
        """Keep these weights on the device between the tasks of the block, unless other jobs have waited too long for theirs."""

    def hold(self) -> AbstractContextManager[None]:
        """Within the block more work is to come: nothing is unloaded for being idle."""
