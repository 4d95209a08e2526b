"""
Copy and digest large files in few large steps.

After each step a thread needs the interpreter's lock, and a thread that computes in Python (an import, say) gives it up only
every 5 ms by default. In steps of 1 MiB, a copy beside an import waits longer than it copies.
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
    """Copy the rest of `source`, in the kernel where possible (two files, Linux). Neither file may have data in its buffer."""
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
