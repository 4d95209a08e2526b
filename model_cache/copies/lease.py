"""Leases on copies of checkpoints: a lock that any number of processes share, and that eviction needs exclusively."""

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from storage.locks import let_go, locked


class InUse:
    """
    A shared lock on a copy's folder, held until `release`, the end of this object, or the end of the process.

    The lock's file is beside the folder; its modification time is when the copy was last used. On a read-only disk nothing is
    locked, and nothing can be evicted either.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._release = weakref.finalize(self, _unlock, _locked(lock_of(folder)), os.getpid())

    def release(self) -> None:
        """Release the lock; may be called more than once."""
        self._release()


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Yield whether the copy is unused; if so, hold an exclusive lock meanwhile."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock_of(folder), wait=False))
            free = True
        except BlockingIOError:
            free = False
        yield free


def last_used(folder: Path) -> float:
    """When the copy was last used, in seconds of its file system's clock."""
    for path in (lock_of(folder), folder):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def lock_of(folder: Path) -> Path:
    """The copy's lock file. It stays when the copy is removed: a lock on an unlinked file protects nothing."""
    return folder.with_name(f"{folder.name}.lock")


def _locked(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    with suppress(OSError):
        os.utime(path)
    return descriptor


def _unlock(descriptor: int | None, owner: int) -> None:
    if descriptor is not None:
        let_go(descriptor, owner)
