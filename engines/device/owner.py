"""One thread owns the GPU, and empties it when nobody needs it. No torch here."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Protocol, TypeVar

from cloning.errors import Interrupted

log = logging.getLogger(__name__)

Value = TypeVar("Value")
_LOOK_S = 0.2


class Timer(Protocol):
    """Something that will happen, unless it is cancelled first."""

    def cancel(self) -> None: ...


def start_timer(seconds: float, act: Callable[[], None]) -> Timer:
    """Calls `act` in a thread of its own; the process may end without waiting for it."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


def _nothing() -> None:
    pass


class SingleOwner:
    """
    Runs work in one thread, in the order of asking.

    A job whose caller went away keeps the thread until it really ends, so nobody ever overtakes a running kernel, and what
    torch and f5_tts keep per thread stays with that thread. `unload` runs in that thread too, so it waits for the work before
    it: `unload_after_s` seconds after the last work ended, if none came since; at 0 as part of the work; never at None. Not while
    somebody holds the models: then it follows the end of the last `hold`.
    """

    def __init__(
        self,
        *,
        unload: Callable[[], None] = _nothing,
        unload_after_s: float | None = None,
        start_timer: Callable[[float, Callable[[], None]], Timer] = start_timer,
    ) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpu")
        self._unload = unload
        self._unload_after_s = unload_after_s
        self._start_timer = start_timer
        self._turns = 0
        self._holds = 0
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._thread: int | None = None  # known from the first turn on

    def expect_elsewhere(self) -> None:
        """Raises AssertionError in the GPU's own thread: one that asks for a turn there would wait for itself for ever."""
        if threading.get_ident() == self._thread:
            raise AssertionError("the GPU's thread asks for a turn on the GPU, and would wait for itself for ever")

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        """
        Wait for the turn, do the work, give its result or raise its exception; Interrupted if stopped before the turn.

        Raises AssertionError in the GPU's own thread.
        """
        self.expect_elsewhere()
        future = self._executor.submit(self._turn, work)
        while True:
            try:
                return future.result(timeout=_LOOK_S)
            except TimeoutError:
                if future.done():  # meanwhile, or it is the work's own
                    return future.result()
                if stopped is not None and stopped.is_set() and future.cancel():
                    raise Interrupted("the job was stopped while it waited for the GPU") from None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Within the block more work is to come: nothing is unloaded between its turns."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
            if self._unload_after_s is not None:
                with suppress(RuntimeError):  # the process is ending
                    self._executor.submit(self._turn, _nothing)  # and what follows a turn

    def _turn(self, work: Callable[[], Value]) -> Value:
        self._turns += 1
        self._thread = threading.get_ident()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            return work()
        finally:
            self._after_turn()

    def _after_turn(self) -> None:
        if self._holds:
            return
        if self._unload_after_s == 0:
            self._empty()
        elif self._unload_after_s is not None:
            turns = self._turns
            self._timer = self._start_timer(self._unload_after_s, lambda: self._when_idle(turns))

    def _when_idle(self, turns: int) -> None:
        """From the timer's thread: the question whether anything came in between is asked by the GPU's."""
        with suppress(RuntimeError):  # the process is ending
            self._executor.submit(lambda: self._empty() if turns == self._turns and not self._holds else None)

    def _empty(self) -> None:
        try:
            self._unload()
        except Exception as error:  # noqa: BLE001 - the work itself went well; the next one will meet what is wrong
            log.warning("gpu.not_emptied", extra={"kind": type(error).__name__})
