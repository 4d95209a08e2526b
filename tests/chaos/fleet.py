"""The workers, the strikes, and the replacements."""

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
        """Send SIGKILL to the worker and its children, even after its own end."""

    def pause(self) -> None:
        """Send SIGSTOP to the worker and its children."""

    def resume(self) -> None:
        """Send SIGCONT."""


class Fleet:
    """
    Keeps so many workers running, whatever happens to them, until the `with` block ends.

    `start` makes one of that name. A worker that was asked to stop has `grace_s` seconds before it is killed. One that was paused stands
    still for `pause_s` seconds, goes on for as long beside its replacement, and is then asked to stop.
    """

    def __init__(self, start: Callable[[str], Worker], size: int, *, seed: int, grace_s: float, pause_s: float) -> None:
        self._start = start
        self._size = size
        self._grace_s = grace_s
        self._pause_s = pause_s
        self._chance = np.random.default_rng(seed)
        self._started = 0
        self._at_work: list[Worker] = []
        self._leaving: list[tuple[Worker, float]] = []
        self._stopped: list[tuple[Worker, float]] = []
        self._woken: list[tuple[Worker, float]] = []
        self.strikes: Counter[str] = Counter()
        self.odd_ends: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._at_work = [self._another() for _ in range(self._size)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        aside = [*self._leaving, *self._stopped, *self._woken]
        for worker in [*self._at_work, *(worker for worker, _ in aside)]:
            worker.kill()

    def strike(self) -> None:
        """Kill a worker, ask it to stop, or pause it, at random; another starts at once."""
        place = int(self._chance.integers(self._size))
        worker = self._at_work[place]
        kind = str(self._chance.choice(["SIGKILL", "SIGTERM", "SIGSTOP"]))
        self.strikes[kind] += 1
        if kind == "SIGKILL":
            worker.kill()
        elif kind == "SIGTERM":
            self._ask_to_go(worker)
        else:
            worker.pause()
            self._stopped.append((worker, time.monotonic() + self._pause_s))
        self._at_work[place] = self._another()

    def tend(self) -> None:
        """Replace workers that ended unexpectedly, and wait for those that were asked to stop."""
        for place, worker in enumerate(self._at_work):
            if worker.returncode is not None:
                self._see_off(worker, f"unasked, with {worker.returncode}")
                self._at_work[place] = self._another()
        now = time.monotonic()
        self._wake([stopped for stopped in self._stopped if now > stopped[1]])
        for woken in [woken for woken in self._woken if now > woken[1]]:
            self._woken.remove(woken)
            self._ask_to_go(woken[0])
        for worker, until in list(self._leaving):
            if worker.returncode is not None:
                self._leaving.remove((worker, until))
                self._see_off(worker, f"after SIGTERM with {worker.returncode}" if worker.returncode else "")
            elif time.monotonic() > until:
                self._leaving.remove((worker, until))
                self._see_off(worker, "not within its grace")

    def is_seeing_off(self) -> bool:
        """Whether a worker that was paused or asked to stop still runs."""
        return bool(self._stopped or self._woken or self._leaving)

    def wake_all(self) -> None:
        """Resume every paused worker now."""
        self._wake(list(self._stopped))

    def _wake(self, stopped: list[tuple[Worker, float]]) -> None:
        for one in stopped:
            self._stopped.remove(one)
            one[0].resume()
            self._woken.append((one[0], time.monotonic() + self._pause_s))

    def _ask_to_go(self, worker: Worker) -> None:
        worker.terminate()
        self._leaving.append((worker, time.monotonic() + self._grace_s))

    def _see_off(self, worker: Worker, odd: str) -> None:
        worker.kill()
        if odd:
            self.odd_ends[odd] += 1

    def _another(self) -> Worker:
        self._started += 1
        return self._start(f"worker-{self._started:03d}")
