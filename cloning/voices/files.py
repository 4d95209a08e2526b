"""
The voices in use, as files on this worker's disk.

Jobs share them, in threads: what is found here may be evicted beside us at any moment, and what is handed out must be whole.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cloning.voices.record import Voice

_MOST_KEPT = 256
# A job may still read a file that was handed out to it. So young a file goes only if there are far too many.
_IN_USE_S = 3600.0
_FAR_TOO_MANY = 16


class VoiceFiles:
    """
    Canonical audio by voice and digest, the latest used of it. Safe between threads.

    A file is named by its voice too: a record that names another voice's audio finds nothing here.
    """

    def __init__(self, folder: Path, now: Callable[[], float], *, most: int = _MOST_KEPT) -> None:
        """`now` is the time of day in seconds; more than `most` files are kept only while they are in use."""
        self._folder = folder
        self._now = now
        self._most = most
        self._lock = threading.Lock()

    def find(self, voice: Voice) -> Path | None:
        """The voice's audio, if it is here and whole; it counts as used now."""
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
        """The voice's audio, which `download` puts at a path, whole or not at all. Raises what that raises."""
        path = self._path(voice)
        with self._lock:
            self._make_room()
        download(path)
        with suppress(FileNotFoundError):
            self._use(path)
        return path

    def _use(self, path: Path) -> None:
        """Unlike `touch`, this never makes a file."""
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
    except FileNotFoundError:  # somebody else tidied up
        return 0.0
