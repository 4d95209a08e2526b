"""
Locks on files and folders (flock) among all processes of a machine; the end of the holder frees them.

Closing a locked file is not enough: a forked child may hold it open. The child shares the lock, and must not release its parent's.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, flags: int = os.O_RDWR | os.O_CREAT, wait: bool = True) -> Iterator[int]:
    """
    Hold an exclusive lock on a file, or on a folder (`flags` os.O_RDONLY); yield its descriptor.

    Raises BlockingIOError if it is locked elsewhere and `wait` is false, OSError if it can't be opened or locked.
    """
    descriptor = os.open(path, flags, 0o666)
    owner = os.getpid()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield descriptor
    finally:
        let_go(descriptor, owner)


def let_go(descriptor: int, owner: int) -> None:
    """Unlock and close in the process `owner`, which took the lock; in any other process only close."""
    try:
        if os.getpid() == owner:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
