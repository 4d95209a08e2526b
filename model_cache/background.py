"""Work that no caller waits for: a copy is published while the engine that was loaded from it speaks already."""

import logging
import threading
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]
Later = Callable[[Work], None]
"""Takes work over: does it at once, or when there is time for it."""

_log = logging.getLogger(__name__)


def at_once(work: Work) -> None:
    """The caller waits."""
    work()


class Errands:
    """
    Work that is done in the order of its coming, by one thread at a time, when somebody says `begin`.

    The thread ends with the last work, and the process with the thread. Work that fails is logged: what a killed or failed one
    left undone must be found by whoever comes next.
    """

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, work: Work) -> None:
        """A `Later`: for the next `begin`, or the thread that runs."""
        with self._lock:
            self._waiting.append(work)

    def do(self, work: Work) -> None:
        """A `Later`: from now on, behind what waits already."""
        self.add(work)
        self.begin()

    def begin(self) -> None:
        """Do what waits, beside the caller."""
        with self._lock:
            if self._waiting and self._thread is None:
                thread = threading.Thread(target=self._run, name="errands")
                try:
                    thread.start()
                except RuntimeError:  # no more threads to be had: the next one who begins tries again
                    _log.exception("errands.not_begun")
                else:
                    self._thread = thread

    def _run(self) -> None:
        while work := self._next():
            try:
                work()
            except Exception:  # noqa: BLE001 - nobody is there to catch it, and other work waits
                _log.exception("errand.failed")

    def _next(self) -> Work | None:
        with self._lock:
            if not self._waiting:
                self._thread = None
                return None
            return self._waiting.popleft()
