"""A checkpoint that its owner put into the bucket: repaired once, noticed when it changes, and kept to its own folder."""

import json
from pathlib import Path

import pytest

from cloning.errors import CheckpointUnusable
from model_cache.cache import CheckpointCache
from model_cache.catalog import BUCKET, CARD, Checkpoint
from model_cache.library import Library
from storage.folder_store import FolderStore
from tests.machines import CountingStore, retrained, same_weights


def put_into_bucket(folder: Path, bucket: FolderStore, name: str = "mine") -> Checkpoint:
    """Upload the folder as its owner would: unchanged, under checkpoints/<name>/."""
    card = json.loads((folder / CARD).read_text()) | {"name": name}
    (folder / CARD).write_text(json.dumps(card))
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"checkpoints/{name}/{path.relative_to(folder).as_posix()}"
            bucket.put(key, path.read_bytes(), content_type="x/y")
    return Library(bucket).find(name)


def test_an_owner_may_put_a_checkpoint_into_the_bucket(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The first worker repairs a folder that its owner uploaded; the second fetches only the repaired bytes."""
    checkpoint = put_into_bucket(folder, bucket)
    first = CheckpointCache(bucket, tmp_path / "a").local(checkpoint)
    bucket.downloads.clear()

    second = CheckpointCache(bucket, tmp_path / "b").local(Library(bucket).find("mine"))

    assert (first.came_from, second.came_from, first.repaired) == ("bucket", "bucket", True)
    assert same_weights(folder / "model.safetensors", second.model_path)
    moved = {info.key.rsplit("/", 1)[1]: info.size for info in bucket.downloads}
    assert {info.key.split("/")[2] for info in bucket.downloads} == {second.model_path.parent.name}
    assert moved["model.safetensors"] == second.model_path.stat().st_size
    assert len(moved) == 4


def test_a_new_file_in_the_bucket_is_noticed(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """If the owner uploads other weights under the same name, neither the disk nor the bucket answers with the old ones."""
    checkpoint = put_into_bucket(folder, bucket)
    cache = CheckpointCache(bucket, tmp_path / "a")
    old = cache.local(checkpoint)
    retrained(folder / "model.safetensors", 2.0)
    bucket.put("checkpoints/mine/model.safetensors", (folder / "model.safetensors").read_bytes(), content_type="x/y")

    assert cache.local(checkpoint).sha256 != old.sha256


def test_a_card_in_the_bucket_can_not_lead_out_of_its_folder(folder: Path, bucket: CountingStore) -> None:
    """Neither '..' nor another checkpoint's name in a card leads out of the checkpoint's folder."""
    for change in ({"model": "../other/model.safetensors"}, {"vocab": "/etc/passwd"}, {"name": "other"}):
        put_into_bucket(folder, bucket)
        card = json.loads((folder / CARD).read_text()) | change
        bucket.put(f"checkpoints/mine/{CARD}", json.dumps(card).encode(), content_type="x/y")
        with pytest.raises(CheckpointUnusable):
            Library(bucket).find("mine")


def test_a_file_that_the_owner_forgot_is_named(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A file that the card names and the bucket lacks is named in the error."""
    checkpoint = put_into_bucket(folder, bucket)
    bucket.delete("checkpoints/mine/vocab.txt")

    with pytest.raises(CheckpointUnusable, match=r"no file vocab\.txt"):
        CheckpointCache(bucket, tmp_path / "a").local(checkpoint)
    assert checkpoint.source == f"{BUCKET}checkpoints/mine/model.safetensors"
