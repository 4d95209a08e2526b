"""Publishing in the background: nobody waits for it, it is done once, and after a kill the next worker does it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloning.errors import CheckpointUnusable
from cloning.ports import Progress
from cloning.settings import Settings
from model_cache.background import Errands
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from model_cache.copies.eviction import evict
from tests.machines import NAME, CountingStore, errands_done, kill, python
from worker.assembly import make_engines

LATE = """
import sys
from pathlib import Path
from storage.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
works = []
local = CheckpointCache(FolderStore(Path(sys.argv[1])), Path(sys.argv[2]), later=works.append).local(find(sys.argv[3]))
print(local.came_from, len(works), flush=True)
sys.stdin.read()
"""


class SlowStore(CountingStore):
    """A bucket whose uploads wait for a signal."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.keep_going = threading.Event(), threading.Event()

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        self.begun.set()
        assert self.keep_going.wait(60)
        return super().upload(key, path, content_type=content_type, progress=progress)


@pytest.fixture
def bucket(tmp_path: Path) -> SlowStore:
    return SlowStore(tmp_path / "bucket")


@pytest.fixture
def errands(bucket: SlowStore) -> Iterator[Errands]:
    """A publisher that is stopped after the test."""
    made = Errands()
    yield made
    bucket.keep_going.set()
    errands_done()


def test_nobody_waits_for_an_upload(folder: Path, bucket: SlowStore, errands: Errands, tmp_path: Path) -> None:
    """The copy can be used before its first byte is sent and stays while it is sent; then other machines find it."""
    local = CheckpointCache(bucket, tmp_path / "a", later=errands.add).local(find(str(folder)))
    assert (local.came_from, bucket.begun.is_set()) == ("folder", False)

    errands.begin()
    assert bucket.begun.wait(60)
    local.lease.release()
    assert evict(tmp_path / "a", 0) == []
    bucket.keep_going.set()
    errands_done()

    assert CheckpointCache(bucket, tmp_path / "b").local(find(str(folder))).came_from == "bucket"
    assert len(evict(tmp_path / "a", 0)) == 1


def test_what_several_want_to_publish_is_sent_once(
    folder: Path, bucket: SlowStore, errands: Errands, tmp_path: Path
) -> None:
    """Two workers of one machine, and a second load before the first upload, send each file once."""
    other = Errands()
    for later in (errands.add, errands.add, other.add):
        CheckpointCache(bucket, tmp_path / "a", later=later).local(find(str(folder))).lease.release()

    errands.begin()
    other.begin()
    bucket.keep_going.set()
    errands_done()

    assert len(bucket.uploads) == len(set(bucket.uploads)) == 4


def test_a_worker_that_is_killed_before_it_publishes_is_made_good(folder: Path, tmp_path: Path) -> None:
    """If a worker is killed before it publishes, its lease ends and the next load of the local copy publishes it."""
    worker = python(LATE, tmp_path / "bucket", tmp_path / "a", folder)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "folder 1\n"
    kill(worker)
    bucket = CountingStore(tmp_path / "bucket")
    assert [*bucket.list()] == []

    CheckpointCache(bucket, tmp_path / "a").local(find(str(folder))).lease.release()

    assert CheckpointCache(bucket, tmp_path / "b").local(find(str(folder))).came_from == "bucket"
    assert len(evict(tmp_path / "a", 0)) == 1


def test_work_that_fails_does_not_stop_what_follows(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged, the next work is done, and the thread ends after the last."""
    errands, done = Errands(), threading.Event()

    def fail() -> None:
        raise RuntimeError("no")

    errands.add(fail)
    errands.add(done.set)
    errands.begin()
    errands_done()

    assert done.is_set()
    assert "errand.failed" in caplog.messages
    assert "errands" not in [thread.name for thread in threading.enumerate()]


def test_work_that_needs_no_beginning_is_done_beside_its_asker() -> None:
    """Work starts at once in a thread of its own, in the order of the calls."""
    errands, keep_going, ended, done = Errands(), threading.Event(), threading.Event(), list[int]()

    errands.do(lambda: done.append(1) if keep_going.wait(60) else None)
    errands.do(lambda: done.append(2))
    errands.do(ended.set)
    before = list(done)
    keep_going.set()

    assert ended.wait(60)
    assert (before, done) == ([], [1, 2])


def test_an_engine_is_loaded_before_its_checkpoint_is_published(
    folder: Path, bucket: SlowStore, tmp_path: Path
) -> None:
    """The worker's engine speaks before its checkpoint has been published to a slow bucket."""
    settings = Settings(data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "a", device="cpu")

    engines = make_engines(settings, bucket, lambda: None)
    engine = engines.get(engines.check(str(folder)))

    assert engine.facts.checkpoint == NAME
    assert bucket.uploads == []
    bucket.keep_going.set()
    errands_done()
    assert len(bucket.uploads) == 4


def test_a_checkpoint_that_no_engine_takes_is_published_nevertheless(
    folder: Path, bucket: SlowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that passed every check is published even if no engine takes it, so that the next worker needn't repair it again."""
    bucket.keep_going.set()
    settings = Settings(data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "a", device="cpu")

    def refused(*_: object) -> None:
        raise CheckpointUnusable("no")

    monkeypatch.setattr("engines.f5.engine.F5Engine.load", refused)
    engines = make_engines(settings, bucket, lambda: None)
    with pytest.raises(CheckpointUnusable):
        engines.get(engines.check(str(folder)))

    errands_done()
    assert len(bucket.uploads) == 4
