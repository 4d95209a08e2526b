"""
A process's own folder for temporary files, removed when the process is gone.

It holds voices: recordings of people. The process removes it at its end; if it was killed, the next process to start does. A lock
on a file in the folder shows that its process lives. It is a lock of the process (`fcntl.lockf`), which children don't inherit:
RunPod's SDK pings from a child that outlives a killed worker.
"""

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

_PREFIX = "voices-"
_OWNER = "owner"


class Scratch:
    """
    The scratch folder, below `root`; `voices` is its part for voices.

    Within the block Python's temporary files (also f5-tts's and pydub's) are in it. Only one per process: a second one would take
    the first one's folder for abandoned.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder, and remove those of dead processes in `root`. Raises OSError if no folder can be made."""
        _remove_abandoned(root)
        self._folder, self._lock = _made(root)
        self.voices = self._folder / "voices"
        self._temporary = self._folder / "tmp"
        self._before: str | None = None
        self.voices.mkdir()
        self._temporary.mkdir()

    def remove(self) -> None:
        """Remove the folder now, even while other threads use it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self._before, tempfile.tempdir = tempfile.tempdir, str(self._temporary)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tempfile.tempdir = self._before
        self.remove()
        os.close(self._lock)


def _made(root: Path) -> tuple[Path, int]:
    """Make a folder and lock it; retry if another process took it for abandoned before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        owner = folder / _OWNER
        descriptor = os.open(owner, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        if owner.exists():
            return folder, descriptor
        os.close(descriptor)


def _remove_abandoned(root: Path) -> None:
    removed = sum(_is_removed(folder) for folder in root.glob(f"{_PREFIX}*"))
    if removed:
        log.info("scratch.abandoned_removed", extra={"folders": removed})


def _is_removed(folder: Path) -> bool:
    """Remove a folder of a dead process; return whether it is gone. A folder without a lock file is not ours, or is being made."""
    with suppress(OSError):
        descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
        return not folder.exists()
    return False
