"""A job's tasks in the GPU's queue, and the phases to which their time is counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloning.clock import Stopwatch, covered
from cloning.ports import Value
from cloning.ports.gpu import Gpu, GpuTask, Span


@dataclass(frozen=True)
class JobTasks:
    """Sends a job's tasks to the GPU. `check` may raise to give up while others have their turns."""

    gpu: Gpu
    watch: Stopwatch
    check: Callable[[], None]

    def run(
        self,
        phase: str,
        tasks: Sequence[GpuTask[Value]],
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
    ) -> list[Value]:
        """
        Return the results. The time of the tasks' own turns goes to the phase, further delivery to `keep`, the rest to `queue`.

        Raises as `Gpu.run_tasks`.
        """
        monotonic = self.watch.now
        begun, own, delivering = monotonic(), list[Span](), list[Span]()

        def timed(done: Sequence[tuple[int, Value]]) -> None:
            since = monotonic()
            try:
                deliver(done)
            finally:
                delivering.append((since, monotonic()))

        try:
            return self.gpu.run_tasks(tasks, check=self.check, deliver=timed, spans=own)
        finally:
            busy = covered(own + delivering)
            self.watch.add(phase, covered(own))
            self.watch.add("keep", busy - covered(own))
            self.watch.add("queue", max(0.0, monotonic() - begun - busy))
