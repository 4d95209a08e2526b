"""
The loadable copies of one checkpoint on this disk.

    FOLDER/<name>/<digest>/                      one copy; it appears by a rename, complete
    FOLDER/<name>/<digest>.lock                  locked while the copy is used (model_cache.copies.lease)
    FOLDER/<name>/<digest>.published-<bucket>    that bucket has it
    FOLDER/<name>/.staging-<host>-*/             a copy being made
    FOLDER/<name>/.incoming-<host>-<digest>/     files being downloaded; a broken transfer resumes from them
    FOLDER/.locks/<name>                         one process at a time fetches a copy
    FOLDER/.locks/.publishing-<name>             one process at a time sends one to the bucket

A copy's digest is over all of its files and their origins, so a copy is never replaced by a different one while it is in use.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from cloning.errors import CheckpointUnusable
from cloning.ports import DigestMismatch, NoSuchObject
from model_cache.catalog import CARD
from model_cache.copies import record as records
from model_cache.copies.lease import InUse
from model_cache.copies.record import CopyRecord
from storage.atomic import sync, this_machine
from storage.locks import locked
from storage.resumable import UNFINISHED

_STALE_S = 24 * 3600.0
_ABANDONED_S = 900.0  # after so long without a byte the transfer was given up

# The hidden folders that a cache makes; others belong to someone else.
_OURS = (".staging-", ".incoming-")


class Shelf:
    """The copies of the checkpoint `name` in the cache folder `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self._folder = root / name
        self._lock = root / ".locks" / name  # no checkpoint has such a name
        self._publishing = root / ".locks" / f".publishing-{name}"

    def copies(self) -> Iterator[tuple[Path, CopyRecord]]:
        """Each copy's folder and record; the caller checks whether the files still match the record."""
        yield from copies_in(self._folder)

    @contextmanager
    def one_writer(self) -> Iterator[None]:
        """Wait for the lock, hold it, and remove what dead writers left. The lock is freed if its holder dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone(self._lock):
            self._sweep()
            yield

    @contextmanager
    def one_publisher(self) -> Iterator[None]:
        """Wait for the publishing lock, and hold it."""
        with _alone(self._publishing):
            yield

    def tidy(self, *finished: str) -> None:
        """Remove what dead writers left, and the incoming files of these digests, unless a writer is at work."""
        if next(self._folder.glob(".*"), None) is None:
            return
        with suppress(OSError), locked(self._lock, wait=False):
            self._sweep()
            for digest in finished:
                shutil.rmtree(self._incoming(digest), ignore_errors=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield an empty folder on the same disk, to fill and pass to `place`; what is left of it is removed."""
        with TemporaryDirectory(dir=self._folder, prefix=staging_prefix()) as parent:
            folder = Path(parent) / "new"
            folder.mkdir()
            yield folder

    @contextmanager
    def incoming(self, digest: str) -> Iterator[Path]:
        """
        Yield the download folder of a digest, with the files of earlier attempts.

        It stays after failures that may pass, so that the next attempt resumes; after any other failure, and at the end, it is
        removed. On a shared volume each machine has its own; what a dead machine left is taken over.
        """
        folder = self._incoming(digest)
        self._take_over(folder, digest)
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        except (DigestMismatch, NoSuchObject, CheckpointUnusable, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)

    def place(self, folder: Path, record: CopyRecord) -> tuple[Path, InUse]:
        """
        Write a finished folder's record and move it to its place; return that with a lease on it.

        A damaged copy already there is removed, with its marks. An intact one stays: another machine that shares the volume
        was faster, and may be using it.
        """
        for leftover in folder.rglob(f".*{UNFINISHED}"):
            leftover.unlink()
        records.write(folder, records.as_on_disk(record, folder))
        for path in folder.rglob("*"):
            sync(path)
        target = self._folder / record.digest
        lease = InUse(target)
        if _is_whole(target):
            return target, lease
        _forget_marks(target)
        old = self._folder / f"{staging_prefix()}{uuid4().hex}"
        if target.exists():
            target.rename(old)
        folder.rename(target)
        sync(self._folder)
        shutil.rmtree(old, ignore_errors=True)
        return target, lease

    def _incoming(self, digest: str) -> Path:
        return self._folder / f".incoming-{this_machine()}-{digest}"

    def _take_over(self, folder: Path, digest: str) -> None:
        """Take over an abandoned folder by a rename: only one of several machines succeeds."""
        for other in self._folder.glob(f".incoming-*-{digest}"):
            if not folder.exists() and time.time() - _touched(other) > _ABANDONED_S:
                with suppress(OSError):
                    other.rename(folder)

    def _sweep(self) -> None:
        """
        Remove what dead writers of this machine left, and what has not changed for a day.

        Machines that share a volume may not see each other's locks, so their fresh folders are left alone.
        """
        for path in self._folder.glob(".*"):
            if not path.name.startswith(_OURS):
                continue
            if path.name.startswith(staging_prefix()) or time.time() - _touched(path) > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(exist_ok=True)
    with locked(lock):
        yield


def copies_in(folder: Path) -> Iterator[tuple[Path, CopyRecord]]:
    """
    The copies in a checkpoint's folder, with their records.

    Only what a cache placed there counts: a folder named by its record's digest. Anything else belongs to someone else.
    """
    for card in sorted(folder.glob(f"[0-9a-f]*/{CARD}")):
        try:
            record = records.parse(card.read_bytes())
        except OSError:  # evicted since the folder was read, or not readable for us
            continue
        if record and record.digest == card.parent.name:
            yield card.parent, record


def is_published(folder: Path, bucket: str) -> bool:
    """Whether that bucket is known to have this copy."""
    return _mark(folder, bucket).exists()


def mark_published(folder: Path, bucket: str) -> None:
    """Record that this bucket has the copy."""
    _mark(folder, bucket).touch()


def forget(folder: Path) -> None:
    """Remove an unused copy (the caller holds its exclusive lock). It disappears at once, by a rename."""
    grave = folder.with_name(f"{staging_prefix()}{uuid4().hex}")
    _forget_marks(folder)
    folder.rename(grave)
    shutil.rmtree(grave, ignore_errors=True)


def _mark(folder: Path, bucket: str) -> Path:
    return folder.with_name(f"{folder.name}.published-{bucket}")


def _forget_marks(folder: Path) -> None:
    for mark in folder.parent.glob(f"{folder.name}.published-*"):
        mark.unlink(missing_ok=True)


def _is_whole(folder: Path) -> bool:
    for path, record in copies_in(folder.parent):
        if path == folder:
            return records.is_intact(folder, record, trust_time=False)
    return False


def staging_prefix() -> str:
    """The prefix of the hidden folders of this machine's writers."""
    return f".staging-{this_machine()}-"


def _touched(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # it is being filled or removed at the moment
        return time.time()
