"""
Large files in few large steps.

Between two steps a thread asks for the interpreter's lock, and another that computes in Python (an import, say) gives it up when it
must, every 5 ms by default. In steps of 1 MiB, a copy beside an import waits longer than it copies.
"""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

STEP = 16 << 20  # bytes
_NO_KERNEL_COPY = (None, errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP)


def copy(source: BinaryIO, target: BinaryIO) -> None:
    """All that is left to read in `source`, by the kernel where it can (two files, Linux). Neither may have been read or written by half."""
    try:
        while os.sendfile(target.fileno(), source.fileno(), None, STEP):
            pass
    except OSError as error:
        if error.errno not in _NO_KERNEL_COPY:
            raise
        shutil.copyfileobj(source, target, STEP)


def sha256_of(path: Path) -> str:
    """The digest of a file, in lower-case hex."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(min(STEP, max(path.stat().st_size, 1))))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
