"""
Locks of files and folders (flock), among all processes of a machine; their holder's death frees them.

To close a locked file is not enough: a forked child may hold it open. It shares the lock, and must not take it from its parent.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, flags: int = os.O_RDWR | os.O_CREAT, wait: bool = True) -> Iterator[int]:
    """
    Alone with a file, or a folder (`flags` os.O_RDONLY); gives its descriptor.

    Raises BlockingIOError if somebody else has it and nobody is to `wait`, OSError if it can't be opened or locked.
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
    """Unlock and close, in the process `owner` that locked; elsewhere only close."""
    try:
        if os.getpid() == owner:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
