"""
A process's own folder for temporary files, which nobody finds once the process is gone.

It holds voices: recordings of people. The process removes it when it ends; where it was killed, the next one to start does. Who
lives is told by a lock on a file in the folder. It is a lock of the process (`fcntl.lockf`), which children don't inherit: RunPod's
SDK pings from a child that outlives a killed worker.
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
    The folder, below `root`; `voices` is the part for voices. Within the block Python's own temporary files (f5-tts's and
    pydub's too) lie in it. One of these a process: a second one would take the first one's folder for abandoned.
    """

    def __init__(self, root: Path) -> None:
        """Removes what processes that are gone have left in `root`. Raises OSError if no folder can be made."""
        _remove_abandoned(root)
        self._folder, self._lock = _made(root)
        self.voices = self._folder / "voices"
        self._temporary = self._folder / "tmp"
        self._before: str | None = None
        self.voices.mkdir()
        self._temporary.mkdir()

    def remove(self) -> None:
        """All of it goes now, also while other threads still use it."""
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
    """A new folder and its lock. Again, if another process took it for abandoned before it was locked."""
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
    """Whether nobody had the folder, and it is gone. One without an owner's file is not ours, or is being made."""
    with suppress(OSError):
        descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
        return not folder.exists()
    return False
