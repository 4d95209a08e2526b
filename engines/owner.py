"""One thread owns the GPU. No torch here."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")


class SingleOwner:
    """
    Runs work in one thread, in the order of asking.

    A job whose caller went away keeps the thread until it really ends, so nobody ever overtakes a running kernel, and what
    torch and f5_tts keep per thread stays with that thread.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpu")

    def run(self, work: Callable[[], Value]) -> Value:
        """Wait for the turn, do the work, give its result or raise its exception."""
        return self._executor.submit(work).result()
