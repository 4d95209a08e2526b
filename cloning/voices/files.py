"""
The voices in use, as files on this worker's disk.

Jobs share them, in threads: a file may be evicted by another thread at any moment, and a returned file must be complete.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cloning.voices.record import Voice

_MOST_KEPT = 256
# A job may still read a file that it got this recently. Such a file is evicted only if there are far too many.
_IN_USE_S = 3600.0
_FAR_TOO_MANY = 16


class VoiceFiles:
    """
    The most recently used canonical audio, by voice and digest. Thread-safe.

    A file's name includes its voice: a record that names another voice's audio finds nothing here.
    """

    def __init__(self, folder: Path, now: Callable[[], float], *, most: int = _MOST_KEPT) -> None:
        """`now` is the time of day in seconds; more than `most` files are kept only while they are in use."""
        self._folder = folder
        self._now = now
        self._most = most
        self._lock = threading.Lock()

    def find(self, voice: Voice) -> Path | None:
        """Return the voice's audio if it is here and intact, and mark it as used."""
        path = self._path(voice)
        with self._lock:
            try:
                if hashlib.sha256(path.read_bytes()).hexdigest() == voice.audio.sha256:
                    self._use(path)
                    return path
            except FileNotFoundError:
                return None
            path.unlink(missing_ok=True)
        return None

    def bring(self, voice: Voice, download: Callable[[Path], object]) -> Path:
        """Fetch the voice's audio with `download`, which writes a path atomically. Raises what that raises."""
        path = self._path(voice)
        with self._lock:
            self._make_room()
        download(path)
        with suppress(FileNotFoundError):
            self._use(path)
        return path

    def _use(self, path: Path) -> None:
        """Set the file's time; unlike `touch`, this never creates a file."""
        os.utime(path, (self._now(), self._now()))

    def _path(self, voice: Voice) -> Path:
        return self._folder / f"{voice.voice}.{voice.audio.sha256}.wav"

    def _make_room(self) -> None:
        kept = sorted((_used_at(path), path) for path in self._folder.glob("*.wav"))
        for used_at, path in kept[: max(0, len(kept) - self._most)]:
            if self._now() - used_at > _IN_USE_S or len(kept) > self._most * _FAR_TOO_MANY:
                with suppress(FileNotFoundError):
                    path.unlink()


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another thread has evicted it
        return 0.0
