"""
Resumable downloads: a large file arrives in parts that survive a broken transfer.

During a download of PATH two files are beside it whose names begin with a dot and end in '.part': the data, and a journal
that records the version and the complete parts, each with the CRC-32 of its bytes. The next attempt, in this process or
another, keeps the parts that still match their CRC and fetches the others. Only one process continues a download; a second
one that wants the same path at the same time fetches for itself, into files with a '-' in their names that are never
continued. A known sha256 is checked in any case.
"""

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO
from uuid import uuid4

from cloning.ports import DigestMismatch, Progress
from storage.bulk import STEP
from storage.locks import locked

UNFINISHED = ".part"


class PartWriter:
    """Writes the bytes of one part. Call `restart` before each attempt, the first included."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.crc = 0

    def restart(self) -> None:
        """Begin the part again."""
        self._file.seek(self._start)
        self.crc = 0

    def write(self, chunk: bytes) -> None:
        """Write the part's next bytes."""
        self.crc = zlib.crc32(chunk, self.crc)
        self._file.write(chunk)


Fetch = Callable[[int, int, PartWriter], None]
"""(start, length, writer): fetches one part, in bytes. Called by several threads at a time."""


class Arrival:
    """A download in progress; see `resumable`. A `private` one is never continued."""

    def __init__(self, path: Path, name: str, *, private: bool = False) -> None:
        self.data = path.with_name(f".{name}{UNFINISHED}")
        self.journal = path.with_name(f".{name}.journal{UNFINISHED}")
        self.private = private
        self._journal_lock = Lock()

    @property
    def is_begun(self) -> bool:
        """Whether an earlier attempt left parts."""
        return len(self._lines()) > 1

    def fill(
        self, version: str, size: int, fetch: Fetch, *, part_bytes: int, threads: int, progress: Progress | None = None
    ) -> str:
        """
        Fetch `size` bytes, several parts at a time, except those that an earlier attempt left; return the sha256.

        `progress` is called with the size of each part. Raises OSError (ENOSPC) before the first byte if the disk has no room.
        """
        kept = self._begin({"version": version, "size": size, "part_bytes": part_bytes})
        self._make_room(size)

        def part(start: int) -> int:
            length = min(part_bytes, size - start)
            if start not in kept or kept[start] != self._crc(start, length):
                self._fetch_part(start, length, fetch)
            return length

        digest = hashlib.sha256()
        # Unbuffered: a buffer would read ahead into a part that has not arrived yet.
        with ThreadPoolExecutor(threads) as pool, self.data.open("rb", buffering=0) as file:
            for length in pool.map(part, range(0, size, part_bytes)):  # in order: hashed while later parts arrive
                _read(file, length, digest.update)
                if progress:
                    progress(length)
        return digest.hexdigest()

    def remove(self) -> None:
        """Remove both files, the data last: once their name is free another process may record its own parts there."""
        for path in (self.journal, self.data):
            path.unlink(missing_ok=True)

    def _fetch_part(self, start: int, length: int, fetch: Fetch) -> None:
        with self.data.open("r+b") as file:
            writer = PartWriter(file, start)
            fetch(start, length, writer)
        self._note({"start": start, "crc": writer.crc})

    def _begin(self, header: dict[str, object]) -> dict[int, int]:
        """The CRC of each part kept from earlier; none if the version or the size of parts differs, or the version is unknown."""
        lines = self._lines()
        if header["version"] and lines[:1] == [header]:
            return {part["start"]: part["crc"] for part in lines[1:]}
        self.journal.unlink(missing_ok=True)
        self._note(header)
        os.truncate(self.data, 0)
        return {}

    def _make_room(self, size: int) -> None:
        there = self.data.stat().st_blocks * 512
        disk = os.statvfs(self.data)
        if size - there > disk.f_bavail * disk.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.truncate(self.data, size)

    def _crc(self, start: int, length: int) -> int:
        """The CRC of the bytes that are on the disk now."""
        crc = 0

        def update(chunk: memoryview) -> None:
            nonlocal crc
            crc = zlib.crc32(chunk, crc)

        with self.data.open("rb", buffering=0) as file:
            file.seek(start)
            _read(file, length, update)
        return crc

    def _note(self, entry: dict[str, object]) -> None:
        with self._journal_lock, self.journal.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}")  # newline first: a line that a crash cut short doesn't spoil the next

    def _lines(self) -> list[dict[str, Any]]:
        """The journal, without lines that a crash cut short."""
        lines = []
        with suppress(OSError):
            for line in self.journal.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    lines.append(json.loads(line))
        return lines


@contextmanager
def resumable(path: Path) -> Iterator[Arrival]:
    """
    Yield an `Arrival` to fill; once complete and synced it becomes `path`. After a failure complete parts stay for a retry.

    Missing folders are made; an older file at `path` stays until the new one is complete. Nothing stays after a disk error
    (OSError) or a wrong digest (DigestMismatch).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    with ExitStack() as stack:
        arrival, descriptor = _claim(path, stack)
        try:
            yield arrival
            os.fsync(descriptor)
            arrival.journal.unlink(missing_ok=True)  # before the data are renamed, see `remove`
            arrival.data.replace(path)
        except (OSError, DigestMismatch):
            arrival.remove()
            raise
        except BaseException:
            if arrival.private or not arrival.is_begun:
                arrival.remove()
            raise


def _claim(path: Path, stack: ExitStack) -> tuple[Arrival, int]:
    """Lock the arrival of earlier attempts until the stack ends; make a private one if another process holds it."""
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
    arrival = Arrival(path, name)
    while True:
        try:
            descriptor = stack.enter_context(locked(arrival.data, wait=False))
        except BlockingIOError:
            arrival = Arrival(path, f"{name}-{uuid4().hex}", private=True)
            continue
        if _is_at(arrival.data, descriptor):
            return arrival, descriptor
        stack.close()  # its holder has just finished and renamed it


def _sweep(folder: Path) -> None:
    """Remove private arrivals of killed processes: their locks are free."""
    for data in folder.glob(f".{'?' * 32}-{'?' * 32}{UNFINISHED}"):
        with suppress(OSError), locked(data, flags=os.O_RDWR, wait=False) as descriptor:
            if _is_at(data, descriptor):
                Arrival(data, data.name.removeprefix(".").removesuffix(UNFINISHED)).remove()


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _read(file: FileIO, length: int, use: Callable[[memoryview], object]) -> None:
    """Read the next `length` bytes and pass them to `use`, which must not keep the buffer."""
    buffer = memoryview(bytearray(min(length, STEP)))
    while length and (count := file.readinto(buffer[: min(length, STEP)])):
        use(buffer[:count])
        length -= count
