"""What an interrupted download leaves, how the next one goes on, and stores that break the rules of ranged requests."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.ports import DigestMismatch
from s3_utils import MIB, S3Store, s3_client
from storage import mirror as transfer
from storage.resumable import resumable
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
