"""
The loadable copies of one checkpoint on this disk.

FOLDER/<name>/<sha256>/ holds one copy, FOLDER/<name>.lock lets one process at a time bring another. A copy appears by a rename
and is whole then; what a crash leaves lies in a hidden folder that nobody reads.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from model_cache import record as records
from model_cache.catalog import CARD
from model_cache.record import Record


class Shelf:
    """The copies of the checkpoint `name` in the cache folder `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self._folder = root / name
        self._lock = root / f"{name}.lock"

    def copies(self) -> Iterator[tuple[Path, Record]]:
        """Each copy's folder and record; whether the files are still the record's is for the reader to check."""
        for card in sorted(self._folder.glob(f"[0-9a-f]*/{CARD}")):
            if record := records.parse(card.read_bytes()):
                yield card.parent, record

    @contextmanager
    def one_writer(self) -> Iterator[None]:
        """Wait for the lock and hold it. Its holder's death frees it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder on the same disk, to be filled and given to `place`; what is left of it goes away."""
        with TemporaryDirectory(dir=self._folder, prefix=".") as parent:
            folder = Path(parent) / "new"
            folder.mkdir()
            yield folder

    def place(self, folder: Path, record: Record) -> Path:
        """Give a staged folder its record and its place; returns it. A copy that is there already goes with the staging."""
        records.write(folder, records.as_on_disk(record, folder))
        for path in folder.rglob("*"):
            _sync(path)
        target = self._folder / record.sha256
        if target.exists():
            target.rename(folder.with_name("old"))
        folder.rename(target)
        _sync(target.parent)
        return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
