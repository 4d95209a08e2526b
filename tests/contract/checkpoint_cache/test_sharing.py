"""Processes, machines and buckets that share copies: one download, one published object, and no lock for another."""

import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from cloning.errors import HubUnavailable, StorageUnavailable
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.copies.published import Published
from model_cache.copies.shelf import Shelf
from model_cache.progress import unwatched
from tests.machines import HOLD, NAME, CountingStore, Hub, kill, python


def test_two_cold_processes_make_one_download(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """Two processes that start at once on one cache make one download."""
    CheckpointCache(bucket, tmp_path / "first").local(find(str(folder)))
    both = [python(HOLD, tmp_path / "bucket", tmp_path / "m", folder) for _ in range(2)]

    told = sorted(process.stdout.readline() for process in both if process.stdout)

    for process in both:
        kill(process)
    assert told == ["bucket\n", "local\n"]


def test_a_worker_that_died_while_publishing_is_made_good(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """A copy that its dead worker had not published is published by the next load; the load after that asks the bucket for nothing."""
    hub = Hub(folder / "model.safetensors")
    bucket.gone = True
    CheckpointCache(bucket, tmp_path / "a", hub).local(on_hub)
    bucket.gone = False

    again = [CheckpointCache(bucket, tmp_path / "a", hub).local(on_hub).came_from for _ in range(2)]

    assert again == ["local", "local"]
    assert len(bucket.uploads) == 1
    assert CheckpointCache(bucket, tmp_path / "b", hub).local(on_hub).came_from == "bucket"


def test_workers_that_publish_at_once_end_in_one_object(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """Four cold machines publish the same bytes under the same keys, and one record names them."""
    hub = Hub(folder / "model.safetensors")
    caches = [CheckpointCache(bucket, tmp_path / f"m{n}", hub) for n in range(4)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda cache: cache.local(on_hub), caches))

    assert len({local.sha256 for local in found}) == 1
    assert [info.key for info in bucket.list()] == [
        f"checkpoints/{NAME}/{found[0].model_path.parent.name}/{name}" for name in (CARD, "model.safetensors")
    ]
    assert CheckpointCache(bucket, tmp_path / "late", hub).local(on_hub).came_from == "bucket"


def test_what_the_bucket_has_is_not_sent_again(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """What another machine published while this one repaired is not sent again."""
    hub = Hub(folder / "model.safetensors")
    bucket.gone = True
    late = CheckpointCache(bucket, tmp_path / "late", hub)
    late.local(on_hub)
    bucket.gone = False
    CheckpointCache(bucket, tmp_path / "early", hub).local(on_hub)
    assert len(bucket.uploads) == 1

    late.local(on_hub)

    assert len(bucket.uploads) == 1


def test_a_bucket_that_goes_away_is_named_and_costs_nothing(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """If the bucket goes away, the failure is retryable and named, older copies still load, and the next call goes on."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    CheckpointCache(bucket, tmp_path / "other").local(find(str(folder)))
    bucket.gone = True

    with pytest.raises(StorageUnavailable) as caught:
        cache.local(find(str(folder)))

    assert caught.value.retryable
    bucket.gone = False
    assert cache.local(find(str(folder))).came_from == "bucket"


def test_a_copy_that_is_made_anew_is_published_anew(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A copy that is made again is published again, although an older copy of the same name was."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    local = cache.local(find(str(folder)))
    local.model_path.unlink()
    for info in [*bucket.list("checkpoints/")]:
        bucket.delete(info.key)

    assert cache.local(find(str(folder))).came_from == "folder"

    assert CheckpointCache(bucket, tmp_path / "b").local(find(str(folder))).came_from == "bucket"


def test_a_whole_copy_is_never_swapped(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A whole copy is never replaced: another machine on the volume may have placed it in between and be using it."""
    local = CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    inode = local.model_path.stat().st_ino
    shelf = Shelf(tmp_path / "a", NAME)
    (record,) = (record for _, record in shelf.copies())

    with shelf.one_writer(), shelf.staging() as staged:
        shutil.copytree(local.model_path.parent, staged, dirs_exist_ok=True)
        placed, lease = shelf.place(staged, record)

    lease.release()
    assert (placed, local.model_path.stat().st_ino) == (local.model_path.parent, inode)


def test_verify_names_a_record_that_is_damaged(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """`verify` finds a record that can't be read or belongs to another folder."""
    local = CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    key = f"checkpoints/{NAME}/{local.model_path.parent.name}/{CARD}"
    body = bucket.get(key).body
    for number, text in enumerate((b"{", body.replace(local.sha256.encode(), b"0" * 64))):
        bucket.put(key, text, content_type="x/y")

        assert list(Published(bucket, unwatched).found(NAME)) == [(local.model_path.parent.name, None)]
        assert CheckpointCache(bucket, tmp_path / f"b{number}").local(find(str(folder))).came_from == "folder"
        assert len([*Published(bucket, unwatched).records(NAME)]) == 1


def test_another_bucket_gets_its_copy_too(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """If MODEL_CACHE_DIR is used with a second bucket, that bucket gets its own copy."""
    other = CountingStore(tmp_path / "other")
    CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))

    for _ in range(2):
        CheckpointCache(other, tmp_path / "a").local(find(str(folder)))

    assert sorted(other.uploads) == sorted(bucket.uploads)
    assert CheckpointCache(other, tmp_path / "b").local(find(str(folder))).came_from == "bucket"


def test_machines_on_one_volume_have_their_own_incoming_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines don't share locks, so each has its own incoming folder; one abandoned for a quarter of an hour is taken over."""
    shelf = Shelf(tmp_path, "mine")

    def incoming(host: str) -> tuple[Path, list[str]]:
        monkeypatch.setattr(socket, "gethostname", lambda: host)
        with suppress(HubUnavailable), shelf.one_writer(), shelf.incoming("d") as folder:
            there = [path.name for path in folder.iterdir()]
            (folder / f"from-{host}").touch()
            raise HubUnavailable("gone")
        return folder, there

    first, _ = incoming("one")
    second, there = incoming("two")
    assert first != second
    assert there == []
    shutil.rmtree(second)
    for path in (*first.iterdir(), first):
        os.utime(path, (path.stat().st_mtime - 1000, path.stat().st_mtime - 1000))

    assert incoming("two")[1] == ["from-one"]
    assert not first.exists()


def test_names_that_end_in_lock_are_names(tmp_path: Path) -> None:
    """`a` and `a.lock` are two different checkpoints."""
    for name in ("a", "a.lock"):
        with Shelf(tmp_path, name).one_writer():
            assert (tmp_path / name).is_dir()
