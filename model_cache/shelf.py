"""
The loadable copies of one checkpoint on this disk.

    FOLDER/<name>/<sha256>/             one copy: it appears by a rename and is whole then
    FOLDER/<name>/<sha256>.lock         who uses it (model_cache.lease)
    FOLDER/<name>/<sha256>.published    the bucket has it
    FOLDER/<name>/.staging-<host>-*/    a copy in the making
    FOLDER/<name>/.incoming-<sha256>/   files on their way; a broken transfer goes on from them
    FOLDER/<name>.lock                  one process at a time brings a copy
"""

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from cloning.errors import CheckpointUnusable
from cloning.partial import UNFINISHED
from cloning.ports import DigestMismatch, NoSuchObject
from model_cache import record as records
from model_cache.catalog import CARD
from model_cache.lease import Lease
from model_cache.record import Record

_STALE_S = 24 * 3600.0


# The hidden folders that a cache makes; others are their owners'.
_OURS = (".staging-", ".incoming-")


class Shelf:
    """The copies of the checkpoint `name` in the cache folder `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self._folder = root / name
        self._lock = root / f"{name}.lock"

    def copies(self) -> Iterator[tuple[Path, Record]]:
        """Each copy's folder and record; whether the files are still the record's is for the reader to check."""
        yield from copies_in(self._folder)

    @contextmanager
    def one_writer(self) -> Iterator[None]:
        """Wait for the lock and hold it; what dead writers left is cleared away. Its holder's death frees it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                self._sweep()
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough: a forked child may hold the file open

    def tidy(self, *finished: str) -> None:
        """Clear away what dead writers left, and what came in under these digests, unless a writer is at work."""
        if next(self._folder.glob(".*"), None) is None:
            return
        with suppress(OSError), self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                self._sweep()
                for digest in finished:
                    shutil.rmtree(self._folder / f".incoming-{digest}", ignore_errors=True)
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder on the same disk, to be filled and given to `place`; what is left of it goes away."""
        with TemporaryDirectory(dir=self._folder, prefix=staging_prefix()) as parent:
            folder = Path(parent) / "new"
            folder.mkdir()
            yield folder

    @contextmanager
    def incoming(self, digest: str) -> Iterator[Path]:
        """
        A folder for files that a store sends, by the digest of what they are; with what earlier attempts brought.

        It stays after failures that may pass, so that the next attempt goes on, and goes after all others and at the end.
        """
        folder = self._folder / f".incoming-{digest}"
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        except (DigestMismatch, NoSuchObject, CheckpointUnusable, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)

    def place(self, folder: Path, record: Record) -> tuple[Path, Lease]:
        """Give a finished folder its record and its place; a copy that is there already goes. Returns it, held."""
        for leftover in folder.rglob(f".*{UNFINISHED}"):
            leftover.unlink()
        records.write(folder, records.as_on_disk(record, folder))
        for path in folder.rglob("*"):
            _sync(path)
        target = self._folder / record.sha256
        lease = Lease(target)
        old = self._folder / f"{staging_prefix()}{uuid4().hex}"
        if target.exists():
            target.rename(old)
        folder.rename(target)
        _sync(self._folder)
        shutil.rmtree(old, ignore_errors=True)
        return target, lease

    def _sweep(self) -> None:
        """
        Remove what dead writers of this machine left, and what nobody has touched for a day.

        A volume may be shared by machines whose locks don't reach each other: their fresh folders are left alone.
        """
        for path in self._folder.glob(".*"):
            if not path.name.startswith(_OURS):
                continue
            if path.name.startswith(staging_prefix()) or time.time() - _touched(path) > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)


def copies_in(folder: Path) -> Iterator[tuple[Path, Record]]:
    """
    The copies in a checkpoint's folder, with their records.

    Only what a cache has placed there counts: a folder named by the digest that its record tells. Anything else is its owner's.
    """
    for card in sorted(folder.glob(f"[0-9a-f]*/{CARD}")):
        try:
            record = records.parse(card.read_bytes())
        except OSError:  # evicted since the folder was read, or not ours to read
            continue
        if record and record.sha256 == card.parent.name:
            yield card.parent, record


def is_published(folder: Path) -> bool:
    """Whether the bucket is known to have this copy."""
    return _mark(folder).exists()


def mark_published(folder: Path) -> None:
    """Remember that the bucket has this copy."""
    _mark(folder).touch()


def forget(folder: Path) -> None:
    """Remove a copy that nobody uses (the caller holds it alone). It disappears at once, by a rename."""
    grave = folder.with_name(f"{staging_prefix()}{uuid4().hex}")
    _mark(folder).unlink(missing_ok=True)
    folder.rename(grave)
    shutil.rmtree(grave, ignore_errors=True)


def _mark(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.published")


def staging_prefix() -> str:
    """How the hidden folders of this machine's writers begin."""
    return f".staging-{re.sub(r'[^A-Za-z0-9]', '_', socket.gethostname())}-"


def _touched(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # it is being filled, or removed, right now
        return time.time()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
