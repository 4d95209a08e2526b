"""
Two pieces of work at once on a CPU of two cores, a core each.

torch spreads every operation over the cores and waits for all of them at its end. Where there is work for each core, one thread each
wastes nothing: 1.2 times the throughput here (benchmarks/solver.py). A result mustn't hang on that. With one thread and with two
torch's results are the same, since halves of an array of whole rows end where its vectors do; with three they aren't, so on more
cores the work is done one by one by all of them.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import TypeVar

Work = TypeVar("Work")
_CORES = 2


def lanes(device: str) -> int:
    """How many pieces of work are best done at once there, in torch's number of threads as it is."""
    import torch

    return _CORES if device == "cpu" and torch.get_num_threads() == _CORES else 1


class Abreast:
    """So many lanes; one is whoever asks."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def each(self, act: Callable[[Work], object], works: Sequence[Work]) -> None:
        """Acts on each. All of them have ended when it returns, or raises what the first of them to fail raised."""
        if self.lanes == 1 or len(works) == 1:
            for work in works:
                act(work)
            return
        acts: list[Future[object]] = [self._threads.submit(act, work) for work in works]
        wait(acts)
        for one in acts:
            one.result()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        import torch

        threads = torch.get_num_threads()
        all_here = threading.Barrier(self.lanes)
        pool = ThreadPoolExecutor(self.lanes, thread_name_prefix="lane", initializer=_take_one_core)
        wait([pool.submit(all_here.wait) for _ in range(self.lanes)])
        torch.set_num_threads(threads)  # what a lane said is also what threads that are yet to come begin with
        return pool


def _take_one_core() -> None:
    """In a lane's thread."""
    import torch

    torch.get_num_threads()  # a thread takes the newcomers' number when it first asks, and keeps what it is told from then on
    torch.set_num_threads(1)
