"""A disk that is full, fails or can't be written: what the checkpoint cache does then, and what it leaves."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloning.errors import CheckpointUnusable, DiskFull
from model_cache import cache as cache_module
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.copies.eviction import copies_in
from model_cache.library import Library
from storage.folder_store import FolderStore
from tests.machines import HOLD, NAME, CountingStore, Hub, files_under, python, retrained


def test_a_full_disk_leaves_the_cache_as_it_was(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A full disk raises an error that says what to do; the older copy stays whole and nothing half-made is left."""
    CheckpointCache(bucket, tmp_path / "m").local(find(str(folder))).lease.release()
    retrained(folder / "model.safetensors", 3.0)
    before = files_under(tmp_path / "m")
    script = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from cloning.errors import DiskFull\n"
        f"try:\n    exec({HOLD!r})\nexcept DiskFull as error:\n    print(error.message)\n"
    )

    told, _ = python(script, tmp_path / "bucket", tmp_path / "m", folder).communicate()

    assert told.startswith("the disk is full: make room, or set MODEL_CACHE_MAX_GB")
    assert files_under(tmp_path / "m") == before


def test_a_copy_on_a_disk_without_writing_is_used(
    folder: Path, bucket: CountingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy on a volume that is mounted read-only is used; nothing is written there, and nothing is published."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "m").rglob("*"))
    opened = os_open_refusing_writes(tmp_path / "m")
    monkeypatch.setattr("os.open", opened)
    monkeypatch.setattr("os.utime", refuse)
    monkeypatch.setattr("os.access", lambda *_: False)

    assert cache.local(find(str(folder))).came_from == "local"
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "m").rglob("*")) == before


def os_open_refusing_writes(folder: Path) -> Callable[..., int]:
    """Let os.open fail below the folder as on a read-only disk: the tests run as root, who may write anywhere."""
    real = os.open

    def opened(path: object, flags: int, *rest: object, **more: object) -> int:
        if str(path).startswith(str(folder)) and flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    return opened


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def three_copies(folder: Path, cache: CheckpointCache) -> None:
    for name in ("x", "y", "z"):
        cache.local(replace(find(str(folder)), name=name)).lease.release()


def full(_: object) -> Path:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_at_the_hub_makes_room_once(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """The hub doesn't say how much will come: if the disk fills, unused copies are evicted and the fetch is tried once more."""
    hub, calls = Hub(folder / "model.safetensors"), []

    def full_once(url: str) -> Path:
        calls.append(url)
        return full(url) if len(calls) == 1 else hub(url)

    cache = CheckpointCache(bucket, tmp_path / "a", full_once, max_bytes=10**12)
    three_copies(folder, cache)

    found = cache.local(on_hub)

    assert (found.came_from, len(calls)) == ("hub", 2)
    assert [copy.name for copy in copies_in(tmp_path / "a")] == [NAME]


def test_a_disk_that_stays_full_is_told(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """A disk that stays full is an error after one more try, once all unused copies are gone, with a limit or without."""
    for limit in (10**12, None):
        cache = CheckpointCache(bucket, tmp_path / str(limit), full, max_bytes=limit)
        three_copies(folder, cache)

        with pytest.raises(DiskFull, match="the disk is full"):
            cache.local(on_hub)

        assert copies_in(tmp_path / str(limit)) == []


def test_room_is_made_before_a_source_is_fetched(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """Unused copies are evicted before the first byte of a source that wouldn't fit beside them."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    three_copies(folder, cache)
    size = copies_in(tmp_path / "a")[0].size
    card = json.loads((folder / CARD).read_text()) | {"name": "mine"}
    for path in folder.rglob("*"):
        if path.is_file():
            body = json.dumps(card).encode() if path.name == CARD else path.read_bytes()
            bucket.put(f"checkpoints/mine/{path.relative_to(folder).as_posix()}", body, content_type="x/y")
    there: list[int] = []

    class Looking(CountingStore):
        def download(self, key: str, path: Path, **more: object) -> str:
            there.append(len(copies_in(tmp_path / "a")))
            return super().download(key, path, **more)  # type: ignore[arg-type]

    bounded = CheckpointCache(Looking(tmp_path / "bucket"), tmp_path / "a", max_bytes=2 * size)
    bounded.local(Library(bucket).find("mine"))

    assert there[0] <= 1


@pytest.mark.parametrize("step", ["evict", "mark_published", "drop"])
def test_housekeeping_that_fails_does_not_fail_the_work(
    step: str, on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """If the disk refuses an eviction, a mark or the removal of a leftover, that is logged and the checkpoint is still used."""

    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(cache_module, step, refused)
    cache = CheckpointCache(bucket, tmp_path / "a", Hub(folder / "model.safetensors"), max_bytes=1)

    assert cache.local(on_hub).came_from == "hub"
    assert "checkpoint.housekeeping_failed" in caplog.messages


def test_a_cache_that_cannot_be_written_is_named(
    on_hub: Checkpoint, hub: Hub, store: FolderStore, tmp_path: Path
) -> None:
    """If the cache can't be written, the message names the setting and no path of this machine."""
    (tmp_path / "file").touch()

    with pytest.raises(CheckpointUnusable, match="MODEL_CACHE_DIR") as caught:
        CheckpointCache(store, tmp_path / "file", hub).local(on_hub)
    assert str(tmp_path) not in caught.value.message
