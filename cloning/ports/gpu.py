"""The GPU as jobs see it: tasks for its one thread, and the queue in which jobs take turns (engines.device.gpu_thread)."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Generic, Protocol

from cloning.ports import Utterance, Value, keep_going

Span = tuple[float, float]
"""Begin and end, by a monotonic clock in seconds."""


@dataclass(frozen=True)
class GpuTask(Generic[Value]):
    """
    Work for the GPU thread, short enough to take turns with other jobs' tasks.

    `weights` names the model that it needs (None: no particular one); `seconds` is the length of reference and speech together (0:
    no speech). `run` does the task alone, with every remedy for a failing device. A task with a `batch_key` may be batched:
    `run_batch` takes the utterances of at most `batch_size` tasks with the same key. It returns for each what its `run`
    would have returned (in half precision: but for rounding), or the exception.
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
        spans: list[Span] | None = None,
    ) -> list[Value]:
        """
        Do a job's tasks, in order; return their results. Tasks of other jobs may come between them.

        In the asking thread `check` is called while it waits, and may raise to give up; `deliver` gets index and result of finished
        tasks, while the GPU goes on. Every turn of the tasks is added to `spans`, failed ones too. Raises what the first task to fail
        raised, and what `check` and `deliver` raise: then finished tasks are delivered, and no task is left.
        """

    def using(self, weights: Hashable) -> AbstractContextManager[None]:
        """Keep these weights from being unloaded as idle within the block. Tasks for others wait meanwhile, but not too long."""
