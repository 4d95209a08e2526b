"""What an interrupted download leaves, how the next one goes on, and stores that break the rules of ranged requests."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.ports import DigestMismatch
from s3_utils import MIB, S3Store, s3_client
from storage import mirror as transfer
from storage.resumable import PartWriter, resumable
from tests.conftest import ROOT
from tests.servers import Fault, Faults, Server, spoiling

PART = 5 * MIB  # S3's smallest
PARTS = 4
BYTES = "application/octet-stream"


class Bucket:
    """A large object in a bucket, behind a proxy, and the file that it is downloaded to."""

    def __init__(self, store: S3Store, faults: Faults, folder: Path) -> None:
        self.store = store
        self.faults = faults
        self.source = folder / "source"
        self.folder = folder / "target"
        self.target = self.folder / "model"
        self.upload()

    def upload(self) -> None:
        self.source.write_bytes(os.urandom((PARTS - 1) * PART + 3))
        self.store.upload("model", self.source, content_type=BYTES)

    def download(self) -> list[str]:
        """Download, check the bytes, and return the ranges that were requested."""
        self.faults.seen.clear()
        self.store.download("model", self.target, sha256=hashlib.sha256(self.source.read_bytes()).hexdigest())
        assert self.target.read_bytes() == self.source.read_bytes()
        assert list(self.folder.iterdir()) == [self.target]
        return sorted(seen.headers.get("Range", "whole") for seen in self.faults.seen if seen.method == "GET")

    def break_off(self) -> None:
        """Break off a download: its third part fails for good, the others are kept."""
        self.faults.choose = lambda request: Fault(keep=9) if request.headers.get("Range") == part(2) else None
        with pytest.raises(StorageUnavailable):
            self.store.download("model", self.target)
        self.faults.choose = lambda _: None
        assert not self.target.exists()

    @property
    def data(self) -> Path:
        """The bytes that have arrived."""
        return max(self.folder.glob(".*.part"), key=lambda path: path.stat().st_size)


def part(index: int) -> str:
    end = (PARTS - 1) * PART + 3 if index == PARTS - 1 else (index + 1) * PART
    return f"bytes={index * PART}-{end - 1}"


@pytest.fixture
def broken(server: Server, bucket: str, tmp_path: Path) -> Iterator[Bucket]:
    with spoiling(server) as (proxy, faults):
        client = s3_client(proxy.settings(bucket), attempts=1)
        yield Bucket(S3Store(bucket, client, part_bytes=PART, threads=2, sleep=lambda _: None), faults, tmp_path)


def test_a_later_call_fetches_only_what_lacks(broken: Bucket) -> None:
    """Whole parts stay beside the target with their version, and the next call, in any process, fetches only the rest."""
    broken.break_off()

    asked = broken.download()

    assert part(0) not in asked
    assert part(2) in asked
    assert "whole" not in asked


def test_a_mirrored_tree_goes_on_from_the_parts(broken: Bucket) -> None:
    """`sync_models_from_s3` also goes on from there, and fetches no complete file again."""
    broken.faults.choose = lambda request: Fault(keep=9) if request.headers.get("Range") == part(2) else None
    with pytest.raises(StorageUnavailable):
        transfer.pull_tree(broken.store, broken.folder, "")
    broken.faults.choose = lambda _: None
    broken.faults.sent.clear()

    transfer.pull_tree(broken.store, broken.folder, "")

    assert broken.target.read_bytes() == broken.source.read_bytes()
    moved = sum(size for seen, size in broken.faults.sent if "Range" in seen.headers)
    assert PART <= moved < broken.source.stat().st_size - PART
    broken.faults.sent.clear()
    transfer.pull_tree(broken.store, broken.folder, "")
    assert not [seen for seen, _ in broken.faults.sent if "model" in seen.path]


def test_what_has_no_version_is_not_continued(broken: Bucket) -> None:
    """Without an ETag the rest might be of another object, so all of it is read again in one stream."""
    broken.faults.hidden = ("etag",)
    broken.faults.choose = lambda request: Fault(keep=2 * PART) if request.method == "GET" else None
    with pytest.raises(StorageUnavailable):
        broken.store.download("model", broken.target)
    broken.faults.choose = lambda _: None

    assert broken.download() == ["whole"]


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


def test_parts_of_an_older_version_are_not_kept(broken: Bucket) -> None:
    """If the object was replaced between two attempts, everything is fetched again."""
    broken.break_off()
    broken.upload()

    assert len(broken.download()) == PARTS


def test_a_kept_part_that_is_damaged_is_fetched_again(broken: Bucket) -> None:
    """After a crash of the machine a part in the journal may lack its bytes on the disk: its CRC shows that, and it is fetched again."""
    broken.break_off()
    with broken.data.open("r+b") as file:
        file.seek(100)
        file.write(b"\0\1\2\3")

    assert part(0) in broken.download()


def test_a_journal_that_is_cut_short_counts_up_to_there(broken: Bucket) -> None:
    """A torn last line of the journal doesn't count."""
    broken.break_off()
    (journal,) = broken.folder.glob(".*.journal.part")
    journal.write_text(journal.read_text()[:-4])

    assert len(broken.download()) >= 2


def test_bytes_that_are_not_the_promised_ones_leave_nothing(broken: Bucket) -> None:
    """If the sha256 is wrong, no part is kept, and an older file at the target stays."""
    broken.folder.mkdir()
    broken.target.write_bytes(b"older")

    with pytest.raises(DigestMismatch):
        broken.store.download("model", broken.target, sha256="0" * 64)

    assert [path.read_bytes() for path in broken.folder.iterdir()] == [b"older"]


def test_a_store_without_ranges_is_read_in_one_stream(broken: Bucket) -> None:
    """A store that answers every range with the whole object is read in one stream."""
    broken.faults.deaf_to = ("range",)

    broken.download()


def test_versions_are_not_mixed_by_a_store_without_conditions(broken: Bucket) -> None:
    """If a store ignores If-Match, the version in each part's reply shows that the object has changed."""
    broken.faults.deaf_to = ("if-match",)
    replaced: list[bool] = []

    def replace_once(request: object) -> None:
        if not replaced and getattr(request, "headers", {}).get("Range") == part(1):
            replaced.append(True)
            broken.faults.choose = lambda _: None
            broken.source.write_bytes(os.urandom((PARTS - 1) * PART + 3))
            broken.store.upload("model", broken.source, content_type=BYTES)

    broken.faults.choose = replace_once  # a fault that only looks on
    broken.store.download("model", broken.target)

    assert replaced
    assert broken.target.read_bytes() == broken.source.read_bytes()


def test_a_second_process_does_not_wait_for_the_first(broken: Bucket) -> None:
    """A process that finds the parts locked downloads for itself; both end with the complete file."""
    with resumable(broken.target) as other:
        broken.store.download("model", broken.target)
        other.data.write_bytes(b"the other one's")

    assert broken.target.read_bytes() == b"the other one's"
    assert list(broken.folder.iterdir()) == [broken.target]


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


def test_a_disk_that_fills_on_the_way_leaves_nothing(broken: Bucket, server: Server, bucket: str) -> None:
    """If the disk fills on the way (here: a limit on file sizes), the new bytes are removed and an older file stays."""
    broken.folder.mkdir()
    broken.target.write_bytes(b"older")
    script = (
        "import pathlib, resource, sys\nfrom cloning.settings import Settings\nfrom s3_utils import S3Store\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({PART}, {PART}))\n"
        f"try:\n    S3Store.from_settings(Settings()).download('model', pathlib.Path({str(broken.target)!r}))\n"
        "except OSError as error:\n    sys.exit(7)\n"
    )
    environment = {**os.environ, **server.environment(bucket)}

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=False)

    assert done.returncode == 7
    assert [path.read_bytes() for path in broken.folder.iterdir()] == [b"older"]


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
