"""
A large file that arrives in parts, and what a broken transfer leaves of it.

While PATH is on its way, two files lie beside it whose names begin with a dot and end in '.part': the data, and a journal
that says which version it will be and which parts are whole, each with the CRC-32 of its bytes. The next attempt, in this
process or another, keeps the parts that still have their CRC and fetches the others. One process at a time continues; a
second one that wants the same path meanwhile fetches for itself, into files with a '-' in their names that nobody continues.
What must be had is checked by its sha256 in any case.
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
    """Where the bytes of one part go. `restart` first, and before each further attempt."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.crc = 0

    def restart(self) -> None:
        """Begin the part again."""
        self._file.seek(self._start)
        self.crc = 0

    def write(self, chunk: bytes) -> None:
        """The part's next bytes."""
        self.crc = zlib.crc32(chunk, self.crc)
        self._file.write(chunk)


Fetch = Callable[[int, int, PartWriter], None]
"""(start, length, where to): brings one part, in bytes. Called by several threads at a time."""


class Arrival:
    """A file on its way to a path; see `resumable`. Nobody goes on with a `private` one."""

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
        Bring `size` bytes, several parts at a time, without those that an earlier attempt left; returns the sha256.

        `progress` is told of the bytes of each part. Raises OSError (ENOSPC) before the first byte if the disk has no room.
        """
        kept = self._begin({"version": version, "size": size, "part_bytes": part_bytes})
        self._make_room(size)

        def part(start: int) -> int:
            length = min(part_bytes, size - start)
            if start not in kept or kept[start] != self._crc(start, length):
                self._bring(start, length, fetch)
            return length

        digest = hashlib.sha256()
        # Unbuffered: a buffer would read ahead into a part that has not come yet.
        with ThreadPoolExecutor(threads) as pool, self.data.open("rb", buffering=0) as file:
            for length in pool.map(
                part, range(0, size, part_bytes)
            ):  # in order: hashed while later parts are on their way
                _read(file, length, digest.update)
                if progress:
                    progress(length)
        return digest.hexdigest()

    def remove(self) -> None:
        """Leave nothing. The data go last: once their name is free another process may note its own parts there."""
        for path in (self.journal, self.data):
            path.unlink(missing_ok=True)

    def _bring(self, start: int, length: int, fetch: Fetch) -> None:
        with self.data.open("r+b") as file:
            writer = PartWriter(file, start)
            fetch(start, length, writer)
        self._note({"start": start, "crc": writer.crc})

    def _begin(self, header: dict[str, object]) -> dict[int, int]:
        """The CRC of each part that is there; none of another or an unknown version, or cut into other parts."""
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
        """Of the bytes that are there now."""
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
            file.write(f"\n{json.dumps(entry)}")  # the newline first: a line that a crash cut short spoils no other

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
    An `Arrival` to be filled: whole and on the disk it becomes `path`. After a failure whole parts stay for the next attempt.

    Missing folders are made, an older file at `path` stays until the new one is whole. Nothing stays after trouble with this
    disk (an OSError), or bytes that are not the promised ones (DigestMismatch).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    with ExitStack() as stack:
        arrival, descriptor = _claim(path, stack)
        try:
            yield arrival
            os.fsync(descriptor)
            arrival.journal.unlink(missing_ok=True)  # before the data leave their name, see `remove`
            arrival.data.replace(path)
        except (OSError, DigestMismatch):
            arrival.remove()
            raise
        except BaseException:
            if arrival.private or not arrival.is_begun:
                arrival.remove()
            raise


def _claim(path: Path, stack: ExitStack) -> tuple[Arrival, int]:
    """The arrival that earlier attempts worked on, locked until the stack's end; a private one if another process is at it."""
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
        stack.close()  # its holder finished in between, and it has another name now


def _sweep(folder: Path) -> None:
    """Clear away private arrivals whose processes were killed: their locks died with them."""
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
    """The next `length` bytes, in steps that `use` must not keep."""
    buffer = memoryview(bytearray(min(length, STEP)))
    while length and (count := file.readinto(buffer[: min(length, STEP)])):
        use(buffer[:count])
        length -= count
