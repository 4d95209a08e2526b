"""The workers, the strikes, and those that replace the struck."""

import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import numpy as np


class Worker(Protocol):
    """A worker process."""

    @property
    def returncode(self) -> int | None:
        """The exit status, None while it runs."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL, also to what it has started; also after its own end."""


class Fleet:
    """
    So many workers at work, whatever befalls them, until the `with` block ends.

    `start` makes one of that name. One that was asked to go has `grace_s` seconds before it is killed.
    """

    def __init__(self, start: Callable[[str], Worker], size: int, *, seed: int, grace_s: float) -> None:
        self._start = start
        self._size = size
        self._grace_s = grace_s
        self._chance = np.random.default_rng(seed)
        self._started = 0
        self._at_work: list[Worker] = []
        self._leaving: list[tuple[Worker, float]] = []
        self.strikes: Counter[str] = Counter()
        self.odd_ends: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._at_work = [self._another() for _ in range(self._size)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in [*self._at_work, *(worker for worker, _ in self._leaving)]:
            worker.kill()

    def strike(self) -> None:
        """Kill a worker, or ask it to go, as chance has it; another starts at once."""
        place = int(self._chance.integers(self._size))
        worker = self._at_work[place]
        if self._chance.random() < 0.5:
            self.strikes["SIGKILL"] += 1
            worker.kill()
        else:
            self.strikes["SIGTERM"] += 1
            worker.terminate()
            self._leaving.append((worker, time.monotonic() + self._grace_s))
        self._at_work[place] = self._another()

    def tend(self) -> None:
        """Replace who ended unasked, and see those off that were asked to go."""
        for place, worker in enumerate(self._at_work):
            if worker.returncode is not None:
                self._see_off(worker, f"unasked, with {worker.returncode}")
                self._at_work[place] = self._another()
        for worker, until in list(self._leaving):
            if worker.returncode is not None:
                self._leaving.remove((worker, until))
                self._see_off(worker, f"after SIGTERM with {worker.returncode}" if worker.returncode else "")
            elif time.monotonic() > until:
                self._leaving.remove((worker, until))
                self._see_off(worker, "not within its grace")

    def _see_off(self, worker: Worker, odd: str) -> None:
        worker.kill()
        if odd:
            self.odd_ends[odd] += 1

    def _another(self) -> Worker:
        self._started += 1
        return self._start(f"worker-{self._started:03d}")
