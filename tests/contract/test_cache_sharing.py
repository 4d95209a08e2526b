"""Copies that are nearly the same, several buckets and machines on one disk, a full disk, and the default vocoder."""

import errno
import json
import os
import shutil
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from cloning.errors import DiskFull, HubUnavailable
from cloning.settings import Settings
from model_cache import cache as cache_module
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, default_vocoder, find
from model_cache.copies.eviction import copies_in
from model_cache.copies.published import Published
from model_cache.copies.record import Dtype
from model_cache.copies.shelf import Shelf
from model_cache.library import Library
from model_cache.local_checkpoint import LocalCheckpoint
from model_cache.progress import unwatched
from storage.folder_store import FolderStore
from tests.machines import CountingStore, Hub
from worker.assembly import make_engines

NAME = "tiny-random-0"


@pytest.fixture
def bucket(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "bucket")


def with_note(folder: Path, note: str) -> Checkpoint:
    """The folder's checkpoint with an edited card."""
    (folder / CARD).write_text(json.dumps(json.loads((folder / CARD).read_text()) | {"note": note}))
    return find(str(folder))


def test_another_vocabulary_makes_another_copy(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The same weights with another vocab.txt are another copy, on the disk and in the bucket; a copy in use keeps its own."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    old = cache.local(find(str(folder)))
    assert old.vocab_path is not None
    before = old.vocab_path.read_bytes()
    lines = (folder / "vocab.txt").read_text("utf-8").split("\n")
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "vocab.txt").write_text("\n".join(lines), "utf-8")

    new = cache.local(find(str(folder)))

    assert new.vocab_path is not None
    assert (new.sha256, new.vocab_path.read_bytes()) == (old.sha256, (folder / "vocab.txt").read_bytes())
    assert old.vocab_path.read_bytes() == before
    assert CheckpointCache(bucket, tmp_path / "b").local(find(str(folder))).came_from == "bucket"
    assert len([*Published(bucket, unwatched).records(NAME)]) == 2


def test_one_copy_serves_both_precisions_where_there_is_nothing_to_halve(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """If the weights are fp16 already, workers of either setting share one copy and never send it again."""
    model = folder / "model.safetensors"
    save_file(
        {name: array.astype("float16") if array.dtype == "float32" else array for name, array in load_file(model).items()},
        model,
    )  # fmt: skip
    CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    sent = list(bucket.uploads)

    def came_from(machine: str, dtype: Dtype) -> str:
        return CheckpointCache(bucket, tmp_path / machine, dtype=dtype).local(find(str(folder))).came_from

    found = [came_from("a", "fp16"), came_from("b", "fp16"), came_from("b", "keep")]

    assert found == ["local", "bucket", "local"]
    assert bucket.uploads == sent


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


def test_an_edited_note_sends_no_file(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """`push` after an edit of the card or the catalogue rewrites the record and sends no file."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    cache.push(with_note(folder, "old"))
    bucket.uploads.clear()
    for path, record in Shelf(tmp_path / "a", NAME).copies():
        edited = record.model_copy(update={"note": "new"})
        (path / CARD).write_text(edited.model_dump_json(exclude_none=True))

    _, sent = cache.push(with_note(folder, "new"))

    assert (sent, bucket.uploads) == (False, [])
    assert [record.note for record in Published(bucket, unwatched).records(NAME)] == ["new"]


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


class VocoderHub:
    """A hub that has the default vocoder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.calls: list[str] = []

    def __call__(self, url: str) -> Path:
        self.calls.append(url)
        return self._folder / "vocoder" / url.rsplit("/", 1)[1]


def vocoder_of(cache: CheckpointCache) -> LocalCheckpoint:
    found = cache.vocoder()
    assert found is not None
    return found


def test_the_default_vocoder_comes_from_the_disk_the_bucket_or_the_hub(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """The default vocoder is fetched from the hub once, published once, and digested, as a checkpoint is."""
    hub = VocoderHub(folder)

    found = [vocoder_of(CheckpointCache(bucket, tmp_path / name, hub)) for name in ("a", "a", "b")]

    assert [each.came_from for each in found] == ["hub", "local", "bucket"]
    assert sorted(hub.calls) == [
        f"hf://charactr/vocos-mel-24khz/{name}" for name in ("config.yaml", "pytorch_model.bin")
    ]
    assert len(bucket.uploads) == 2
    assert found[2].vocoder_path is not None
    for name in ("config.yaml", "pytorch_model.bin"):
        assert (found[2].vocoder_path / name).read_bytes() == (folder / "vocoder" / name).read_bytes()


def test_a_damaged_vocoder_is_fetched_again(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A damaged vocoder is found by its sha256 and fetched again."""
    path = vocoder_of(CheckpointCache(bucket, tmp_path / "a", VocoderHub(folder))).model_path
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    assert vocoder_of(CheckpointCache(bucket, tmp_path / "a", VocoderHub(folder))).came_from == "bucket"


def test_without_a_hub_f5_tts_is_left_to_find_its_vocoder(bucket: CountingStore, tmp_path: Path) -> None:
    """Without a hub the cache has no vocoder, which is no failure: f5_tts may have one in a cache of its own."""

    def gone(url: str) -> Path:
        raise HubUnavailable(url)

    assert CheckpointCache(bucket, tmp_path / "a", gone).vocoder() is None


def test_a_worker_without_a_hub_speaks_with_the_buckets_vocoder(folder: Path, tmp_path: Path) -> None:
    """A worker without a hub takes f5_tts's default vocoder from the bucket, where another worker published it."""
    store = FolderStore(tmp_path / "bucket")
    CheckpointCache(store, tmp_path / "another", VocoderHub(folder)).vocoder()
    card = {name: value for name, value in json.loads((folder / CARD).read_text()).items() if name != "vocoder"}
    (folder / CARD).write_text(json.dumps(card))
    settings = Settings(data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "models", device="cpu")

    engines = make_engines(settings, store, lambda: None)
    engine = engines.get(engines.check(str(folder)))

    assert engine.facts.vocoder == default_vocoder().name
