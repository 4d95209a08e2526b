"""Work that no caller waits for: a copy is published while the engine loaded from it already speaks."""

import logging
import threading
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]
Later = Callable[[Work], None]
"""Accepts work and does it at once or later."""

_log = logging.getLogger(__name__)


def at_once(work: Work) -> None:
    """Do the work while the caller waits."""
    work()


class Errands:
    """
    A queue of work, done in order by one thread at a time after `begin`.

    The thread ends with the last item of work, and the process waits for the thread. Failures are logged; the next user must
    find what failed or killed work left undone.
    """

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, work: Work) -> None:
        """Queue the work for the next `begin`, or for the running thread; a `Later`."""
        with self._lock:
            self._waiting.append(work)

    def do(self, work: Work) -> None:
        """Queue the work and start the thread; a `Later`."""
        self.add(work)
        self.begin()

    def begin(self) -> None:
        """Start a thread for the queued work, unless one is running."""
        with self._lock:
            if self._waiting and self._thread is None:
                thread = threading.Thread(target=self._run, name="errands")
                try:
                    thread.start()
                except RuntimeError:  # no more threads are available: the next `begin` tries again
                    _log.exception("errands.not_begun")
                else:
                    self._thread = thread

    def _run(self) -> None:
        while work := self._next():
            try:
                work()
            except Exception:  # noqa: BLE001 - no caller can catch it, and other work is queued
                _log.exception("errand.failed")

    def _next(self) -> Work | None:
        with self._lock:
            if not self._waiting:
                self._thread = None
                return None
            return self._waiting.popleft()
