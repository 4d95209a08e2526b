"""Models that nobody uses leave the GPU after a while. No torch here."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from typing import Protocol

log = logging.getLogger(__name__)


class Timer(Protocol):
    """Something that will happen, unless it is cancelled first."""

    def cancel(self) -> None: ...


def start_timer(seconds: float, act: Callable[[], None]) -> Timer:
    """Call `act` later, in a thread of its own; the process may end without waiting for it."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


class IdleUnloader:
    """
    Calls `unload` in the GPU thread, `after_s` seconds after the last turn; at 0 as part of the turn; never at None.

    While somebody holds the models nothing is unloaded: the wait begins when the last one lets go. `turn` is for the GPU thread
    alone, which is `thread`'s only one.
    """

    def __init__(
        self,
        thread: Executor,
        unload: Callable[[], None],
        after_s: float | None,
        start_timer: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        self._thread = thread
        self._unload = unload
        self._after_s = after_s
        self._start_timer = start_timer
        self._lock = threading.Lock()
        self._holds = 0
        self._turns = 0
        self._timer: Timer | None = None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Within the block more work is to come."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
            if self._after_s is not None:
                self._later(self._empty_turn)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The GPU works in this block."""
        self._turns += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            yield
        finally:
            if self._holds == 0 and self._after_s is not None:
                self._unload_after(self._after_s)

    def _empty_turn(self) -> None:
        with self.turn():
            pass

    def _unload_after(self, seconds: float) -> None:
        if seconds == 0:
            self._empty()
            return
        turns = self._turns
        # From the timer's thread; whether anything came in between is asked in the GPU's.
        self._timer = self._start_timer(seconds, lambda: self._later(lambda: self._empty_if_idle(turns)))

    def _empty_if_idle(self, turns: int) -> None:
        if turns == self._turns and self._holds == 0:
            self._empty()

    def _empty(self) -> None:
        try:
            self._unload()
        except Exception as error:  # noqa: BLE001 - the work itself went well; the next one will meet what is wrong
            log.warning("gpu.not_emptied", extra={"kind": type(error).__name__})

    def _later(self, act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the process is ending
            self._thread.submit(act)
