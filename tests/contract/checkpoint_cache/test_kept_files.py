"""Files of a source that arrived whole before a failure or a kill, and how the next attempt uses them."""

import json
import os
import shutil
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.ports import Progress
from model_cache import prepare
from model_cache.cache import CheckpointCache
from model_cache.catalog import BUCKET, CARD, Checkpoint
from model_cache.copies import record
from model_cache.library import Library
from model_cache.progress import unwatched
from model_cache.sources import Sources
from storage.bulk import sha256_of
from tests.machines import CountingStore, same_weights

KEY = "checkpoints/mine/model.safetensors"


class LossyStore(CountingStore):
    """A bucket that stops answering for files of that name while one is set."""

    lost = ""

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        if self.lost and key.endswith(self.lost):
            raise StorageUnavailable("the bucket does not answer")
        return super().download(key, path, sha256=sha256, progress=progress)

    @property
    def model_downloads(self) -> int:
        return [info.key for info in self.downloads].count(KEY)


@pytest.fixture
def owners(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The folder as its owner has it."""
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "folder"))
    card = json.loads((folder / CARD).read_text()) | {"name": "mine"}
    (folder / CARD).write_text(json.dumps(card))
    return folder


@pytest.fixture
def bucket(owners: Path, tmp_path: Path) -> LossyStore:
    """A bucket that holds the folder's files."""
    store = LossyStore(tmp_path / "bucket")
    for path in (path for path in owners.rglob("*") if path.is_file()):
        store.put(f"checkpoints/mine/{path.relative_to(owners).as_posix()}", path.read_bytes(), content_type="x/y")
    return store


@pytest.fixture
def checkpoint(bucket: LossyStore) -> Checkpoint:
    return Library(bucket).find("mine")


def broken_off(bucket: LossyStore, checkpoint: Checkpoint, folder: Path) -> Path:
    """Run a load that loses the bucket after the model's file, and return that file."""
    bucket.lost = "vocoder/config.yaml"
    with pytest.raises(StorageUnavailable):
        CheckpointCache(bucket, folder).local(checkpoint)
    bucket.lost = ""
    (model,) = folder.glob(f"mine/.incoming-*/{KEY}")
    return model


def test_a_file_that_arrived_whole_is_not_fetched_again(
    bucket: LossyStore, checkpoint: Checkpoint, owners: Path, tmp_path: Path
) -> None:
    """If the bucket fails after the largest file, the next load fetches only what is missing and leaves nothing behind."""
    broken_off(bucket, checkpoint, tmp_path / "a")

    local = CheckpointCache(bucket, tmp_path / "a").local(checkpoint)

    assert bucket.model_downloads == 1
    assert same_weights(owners / "model.safetensors", local.model_path)
    assert not list((tmp_path / "a" / "mine").glob(".*"))


@pytest.mark.parametrize("how", ["flipped", "truncated", "no note", "torn note"])
def test_a_file_that_is_damaged_meanwhile_is_fetched_again(
    bucket: LossyStore, checkpoint: Checkpoint, owners: Path, tmp_path: Path, how: str
) -> None:
    """A kept file is digested before it is used; without its note it is not used."""
    model = broken_off(bucket, checkpoint, tmp_path / "a")
    (note,) = (path for path in model.parent.glob(".model*"))
    if how == "flipped":
        before = model.stat()
        body = bytearray(model.read_bytes())
        body[-1] ^= 1
        model.write_bytes(body)
        os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif how == "truncated":
        model.write_bytes(model.read_bytes()[:-1])
    elif how == "no note":
        note.unlink()
    else:
        note.write_text(note.read_text()[:-9])

    local = CheckpointCache(bucket, tmp_path / "a").local(checkpoint)

    assert bucket.model_downloads == 2
    assert same_weights(owners / "model.safetensors", local.model_path)


def test_what_this_process_brought_is_not_digested_again(
    bucket: LossyStore, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an engine is loaded again after its memory was freed, its files aren't digested again: that was done as they arrived."""
    caches = [CheckpointCache(bucket, tmp_path / name) for name in ("first", "later")]
    for cache in caches:
        cache.local(checkpoint)

    def refused(path: Path) -> str:
        pytest.fail(f"{path.name} is read again")

    monkeypatch.setattr(record, "sha256_of", refused)

    assert [cache.local(checkpoint).came_from for cache in caches] == ["local", "local"]


def test_another_version_is_fetched(bucket: LossyStore, tmp_path: Path) -> None:
    """If the bucket now has other bytes under the same name and size, the file is fetched again."""
    sources, source = Sources(bucket, Path, unwatched), f"{BUCKET}{KEY}"
    first = sources.fetch(source, tmp_path / "in")
    body = bytearray(bucket.get(KEY).body)
    body[-1] ^= 1
    bucket.put(KEY, bytes(body), content_type="x/y")

    second = sources.fetch(source, tmp_path / "in")

    assert (second.path, second.sha256) == (first.path, sha256_of(second.path))
    assert second.path.read_bytes() == bytes(body)
    assert second.sha256 != first.sha256


def test_a_file_is_not_believed_while_its_names_change(
    bucket: LossyStore, checkpoint: Checkpoint, owners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill during the renaming leaves a file without its note, so the file is fetched again."""
    notes: list[Path] = []

    def killed(path: Path, _: object) -> None:
        notes.extend(path.parent.glob(".model*"))
        path.write_bytes(path.read_bytes()[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "rename_private", killed)
    with pytest.raises(KeyboardInterrupt):
        CheckpointCache(bucket, tmp_path / "a").local(checkpoint)
    monkeypatch.undo()

    local = CheckpointCache(bucket, tmp_path / "a").local(checkpoint)

    assert notes == []
    assert bucket.model_downloads == 2
    assert same_weights(owners / "model.safetensors", local.model_path)
