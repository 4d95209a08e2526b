"""One lock for code that changes the whole process while it runs: warnings.catch_warnings, and imports that patch other modules."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def one_import_at_a_time() -> Iterator[None]:
    """Hold the lock during an import that changes the process."""
    with _lock:
        yield


@contextmanager
def warnings_kept() -> Iterator[None]:
    """Restore the warning filters after the block, which may change them; only one thread at a time is in such a block."""
    with _lock, warnings.catch_warnings():
        yield
