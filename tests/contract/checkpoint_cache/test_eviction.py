"""What the checkpoint cache keeps and evicts: leases, the order of eviction, leftovers of the dead, and what is not the cache's own."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from model_cache.cache import CheckpointCache
from model_cache.catalog import Checkpoint, find
from model_cache.copies.eviction import copies_in, evict
from model_cache.copies.lease import InUse, alone
from model_cache.copies.shelf import Shelf, staging_prefix
from model_cache.local_checkpoint import LocalCheckpoint
from tests.machines import HOLD, NAME, CountingStore, kill, python, retrained


def three(folder: Path, make: Callable[[Checkpoint], LocalCheckpoint]) -> list[LocalCheckpoint]:
    """Fetch three checkpoints of the same size, one after the other."""
    found = []
    for times in (1.5, 2.0, 2.5):
        retrained(folder / "model.safetensors", times)
        found.append(make(replace(find(str(folder)), name=f"c{times:g}")))
    return found


def names_in(root: Path) -> list[str]:
    return [copy.name for copy in copies_in(root)]


def test_the_least_recently_used_goes_first(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The least recently used copy is evicted first, even if it was fetched last."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    found = three(folder, cache.local)
    size = copies_in(tmp_path / "m")[0].size
    for local in found:
        local.lease.release()
    cache.local(replace(found[2].checkpoint)).lease.release()  # its file is the folder's still

    gone = evict(tmp_path / "m", 2 * size)

    assert [copy.name for copy in gone] == ["c1.5"]
    assert names_in(tmp_path / "m") == ["c2", "c2.5"]
    assert not list((tmp_path / "m" / "c1.5").glob("*/*"))


def test_what_is_in_use_is_never_evicted(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """With too small a limit other copies are evicted as they are released; a loaded one keeps its files."""
    cache = CheckpointCache(bucket, tmp_path / "m", max_bytes=1)

    held = three(folder, cache.local)

    assert names_in(tmp_path / "m") == ["c1.5", "c2", "c2.5"]
    held[0].lease.release()
    held[1].lease.release()
    assert [copy.name for copy in evict(tmp_path / "m", 1)] == ["c1.5", "c2"]
    assert held[2].model_path.is_file()


def test_another_process_in_use_counts_until_it_dies(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The lease is a kernel lock, so it ends when its process is killed."""
    user = python(HOLD, tmp_path / "bucket", tmp_path / "m", folder)
    assert user.stdout is not None
    assert user.stdout.readline() == "folder\n"

    assert evict(tmp_path / "m", 0) == []
    kill(user)

    assert [copy.name for copy in evict(tmp_path / "m", 0)] == [NAME]


def test_a_lease_ends_with_its_holder(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """Nobody has to release a lease: it ends when nothing refers to the checkpoint any more."""
    local = CheckpointCache(bucket, tmp_path / "m").local(find(str(folder)))
    assert evict(tmp_path / "m", 0) == []

    del local

    assert len(evict(tmp_path / "m", 0)) == 1


def test_an_evicted_checkpoint_comes_back_from_the_bucket(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """An evicted checkpoint is fetched from the bucket again."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    evict(tmp_path / "m", 0)

    assert cache.local(find(str(folder))).came_from == "bucket"


def test_leftovers_of_the_dead_are_cleared(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The staging folder of a killed process is removed by the next fetch; one that another machine is filling stays."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    shelf = tmp_path / "m" / NAME
    for name in (f"{staging_prefix()}dead", ".staging-elsewhere-alive"):
        (shelf / name).mkdir()
        (shelf / name / "model.safetensors").write_bytes(b"half")
    evict(tmp_path / "m", 0)

    cache.local(find(str(folder)))

    assert [path.name for path in shelf.glob(".*")] == [".staging-elsewhere-alive"]


def test_what_the_cache_did_not_make_is_left_alone(tmp_path: Path) -> None:
    """MODEL_CACHE_DIR may be a folder or repository of somebody's own checkpoints: files that the cache didn't make stay."""
    theirs = tmp_path / "mine" / "emma-voice"
    for folder in (theirs, tmp_path / "mine" / ".git"):
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").write_text('{"name": "emma"}', encoding="utf-8")
        os.utime(folder / "checkpoint.json", (0, 0))
        os.utime(folder, (0, 0))

    evict(tmp_path, 0)
    with Shelf(tmp_path, "mine").one_writer():
        pass

    assert (theirs / "checkpoint.json").exists()
    assert (tmp_path / "mine" / ".git" / "checkpoint.json").exists()


def test_a_childs_end_does_not_free_its_parents_copy(tmp_path: Path) -> None:
    """When a forked child exits, the copy that its parent uses keeps its lease."""
    folder = tmp_path / "copy"
    lease = InUse(folder)
    child = os.fork()
    if child == 0:
        lease.release()
        os._exit(0)
    os.waitpid(child, 0)

    with alone(folder) as free:
        assert not free
    lease.release()
