"""One lock for what changes the whole process while it runs: warnings.catch_warnings, and imports that patch other modules."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def one_import_at_a_time() -> Iterator[None]:
    """Wait until no other import that changes the process is running."""
    with _lock:
        yield


@contextmanager
def warnings_kept() -> Iterator[None]:
    """Within the block filters of warnings may be set: afterwards they are as before. No other thread is in such a block."""
    with _lock, warnings.catch_warnings():
        yield
