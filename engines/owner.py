"""One thread owns the GPU. No torch here."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from cloning.errors import Interrupted

Value = TypeVar("Value")
_LOOK_S = 0.2


class SingleOwner:
    """
    Runs work in one thread, in the order of asking.

    A job whose caller went away keeps the thread until it really ends, so nobody ever overtakes a running kernel, and what
    torch and f5_tts keep per thread stays with that thread.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpu")

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        """Wait for the turn, do the work, give its result or raise its exception; Interrupted if stopped before the turn."""
        future = self._executor.submit(work)
        while True:
            try:
                return future.result(timeout=_LOOK_S)
            except TimeoutError:
                if future.done():  # the work's own
                    raise
                if stopped is not None and stopped.is_set() and future.cancel():
                    raise Interrupted("the job was stopped while it waited for the GPU") from None
