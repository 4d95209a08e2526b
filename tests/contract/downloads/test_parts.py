"""The parts of a file and their journal on the disk: which are used again, and what each of several processes leaves."""

import hashlib
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.ports import DigestMismatch
from storage.resumable import PartWriter, resumable
from tests.conftest import ROOT


def test_parts_without_a_version_are_not_kept(tmp_path: Path) -> None:
    """Two objects without a version are never taken for the same, whatever an older attempt noted."""
    for whole in (b"a" * 2000, b"b" * 2000):

        def fetch(start: int, length: int, part: PartWriter, whole: bytes = whole) -> None:
            if start and whole[:1] == b"a":
                raise StorageUnavailable("gone")
            part.restart()
            part.write(whole[start : start + length])

        with suppress(StorageUnavailable), resumable(tmp_path / "x") as arrival:
            arrival.fill("", 2000, fetch, part_bytes=1000, threads=1)

    assert (tmp_path / "x").read_bytes() == b"b" * 2000


def test_a_part_that_comes_late_is_hashed_as_it_came(tmp_path: Path) -> None:
    """Hashing a part never reads into the next one, which may not have arrived, whatever their sizes."""
    whole, first_is_hashed = os.urandom(2500), threading.Event()

    def fetch(start: int, length: int, part: PartWriter) -> None:
        assert start == 0 or first_is_hashed.wait(30)
        part.restart()
        part.write(whole[start : start + length])

    with resumable(tmp_path / "x") as arrival:
        digest = arrival.fill("v", 2500, fetch, part_bytes=1000, threads=3, progress=lambda _: first_is_hashed.set())

    assert (tmp_path / "x").read_bytes() == whole
    assert digest == hashlib.sha256(whole).hexdigest()


def test_a_full_disk_is_found_before_the_first_part(tmp_path: Path) -> None:
    """A file that can't fit, by the disk's free space, is refused before anything is fetched."""
    fetched: list[int] = []

    with pytest.raises(OSError, match="No space left"), resumable(tmp_path / "x") as arrival:
        arrival.fill("v", 1 << 60, lambda start, *_: fetched.append(start), part_bytes=1 << 30, threads=1)

    assert fetched == []
    assert list(tmp_path.iterdir()) == []


def begin(path: Path) -> None:
    """Run an attempt that fails after the first of two parts."""

    def fetch(start: int, length: int, part: PartWriter) -> None:
        if start:
            raise StorageUnavailable("gone")
        part.restart()
        part.write(b"a" * length)

    with suppress(StorageUnavailable), resumable(path) as arrival:
        arrival.fill("v", 2000, fetch, part_bytes=1000, threads=1)


def is_continued(path: Path) -> bool:
    """Whether an earlier attempt's first part is used."""
    asked: list[int] = []

    def fetch(start: int, length: int, part: PartWriter) -> None:
        asked.append(start)
        part.restart()
        part.write(b"a" * length)

    with resumable(path) as arrival:
        arrival.fill("v", 2000, fetch, part_bytes=1000, threads=1)
    return asked == [1000]


def test_a_second_process_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A second process that fails removes its own parts, which nobody could find; the first one's stay."""
    with suppress(StorageUnavailable), resumable(tmp_path / "x"):
        before = sorted(tmp_path.iterdir())

        begin(tmp_path / "x")

        assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_second_process_left_goes(tmp_path: Path) -> None:
    """What a killed second process left is removed by the next download into the folder; a living one's files stay."""
    script = (
        "import os, pathlib, signal\nfrom storage.resumable import resumable\n"
        f"path = pathlib.Path({str(tmp_path / 'x')!r})\n"
        "with resumable(path), resumable(path) as second:\n"
        "    second.journal.touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert len(list(tmp_path.iterdir())) == 3

    with resumable(tmp_path / "z"), resumable(tmp_path / "z") as living:
        begin(tmp_path / "y")
        left = [path for path in tmp_path.iterdir() if "-" in path.name]

        assert left == [living.data]


@pytest.mark.parametrize("how", ["replace", "unlink"])
def test_a_new_attempt_keeps_its_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Once the first attempt's data have been renamed or removed, another process may begin; its journal stays."""
    real = getattr(Path, how)
    begun: list[Path] = []

    def and_another_begins(path: Path, *words: Path, **more: bool) -> None:
        real(path, *words, **more)
        if path.suffix == ".part" and "journal" not in path.name and not begun:
            begun.append(path)
            begin(tmp_path / "x")

    with monkeypatch.context() as patched, suppress(DigestMismatch):
        patched.setattr(Path, how, and_another_begins)
        with resumable(tmp_path / "x"):
            if how == "unlink":
                raise DigestMismatch("other bytes")

    assert begun
    assert is_continued(tmp_path / "x")
