"""Threads that stop before each call of a store, so that a test chooses who goes on: any interleaving, the same each time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType


class Killed(BaseException):
    """The lane's process is dead: it makes no further call."""


class Lane:
    """
    Work in a thread of its own that waits before each of its steps. One lane runs at a time, and only within `go_on`.

    `stop_here` is called by the lane's work in its thread; anywhere else it does nothing.
    """

    _here = threading.local()

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._turn = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)
        self._killed = False
        self._error: BaseException | None = None
        self.done = False
        threading.Thread(target=self._run, daemon=True).start()

    @classmethod
    def stop_here(cls) -> None:
        """Wait for the next `go_on`. Raises Killed."""
        lane = cls.here()
        if lane is not None and not getattr(cls._here, "in_one_step", False):
            lane._wait()

    @classmethod
    def here(cls) -> "Lane | None":
        """The lane whose thread this is."""
        return getattr(cls._here, "lane", None)

    @classmethod
    @contextmanager
    def in_one_step(cls) -> Iterator[None]:
        """Make the block part of the step before it, so that nobody else comes in between."""
        cls._here.in_one_step = True
        try:
            yield
        finally:
            cls._here.in_one_step = False

    def go_on(self) -> None:
        """Let the lane make one step. Raises what its work has raised."""
        if not self.done:
            self._turn.release()
            self._waits.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def kill(self) -> None:
        """End the lane where it waits."""
        self._killed = True
        while not self.done:
            self.go_on()

    def _wait(self) -> None:
        self._waits.release()
        self._turn.acquire()
        if self._killed:
            raise Killed

    def _run(self) -> None:
        Lane._here.lane = self
        self._turn.acquire()
        try:
            if not self._killed:
                self._work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by `go_on`
            self._error = error
        finally:
            self.done = True
            self._waits.release()


class SteppedLock:
    """A lock among lanes: one that finds it taken waits as if for a call."""

    def __init__(self) -> None:
        self._taken = False

    def __enter__(self) -> None:
        while self._taken:
            Lane.stop_here()
        self._taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken = False
