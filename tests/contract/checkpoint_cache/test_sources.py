"""Where a checkpoint's files come from: the disk before the bucket before the source, and another of them where one is damaged."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloning.errors import StorageMisconfigured
from cloning.ports import Progress
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.local_checkpoint import LocalCheckpoint
from storage.bulk import sha256_of
from storage.folder_store import FolderStore
from tests.conftest import ROOT
from tests.machines import HUB_URL as URL
from tests.machines import NAME, Hub


class ReadOnlyStore(FolderStore):
    """A bucket whose keys allow only reading."""

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        raise StorageMisconfigured("the bucket refuses writes")


def folder_of(local: LocalCheckpoint) -> str:
    """The digest that names the copy on the disk and in the bucket."""
    return local.model_path.parent.name


def damage(path: Path, *, at: int) -> None:
    """Flip one bit; the size stays the same."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_disk_before_bucket_before_source(
    machine: Callable[[str], CheckpointCache], on_hub: Checkpoint, hub: Hub
) -> None:
    """The first worker fetches from the hub, its next load uses the disk, another machine uses the bucket; all get the same file."""
    found = [machine(name).local(on_hub) for name in ("a", "a", "b", "b")]

    assert [local.came_from for local in found] == ["hub", "local", "bucket", "local"]
    assert {local.sha256 for local in found} == {sha256_of(found[-1].model_path)}
    assert all(local.repaired for local in found)
    assert hub.calls == 1


@pytest.mark.parametrize("file", ["model.safetensors", "vocab.txt", "vocoder/pytorch_model.bin"])
@pytest.mark.parametrize("how", ["truncated", "flipped", "rotten", "gone"])
def test_a_damaged_local_file_is_fetched_again(
    machine: Callable[[str], CheckpointCache], folder: Path, file: str, how: str
) -> None:
    """A local file that is shorter, changed by one bit or missing is found at the next load and fetched from the bucket."""
    checkpoint = find(str(folder))
    whole = machine("a").local(checkpoint)
    path = whole.model_path.parent / file
    digest = sha256_of(path)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    elif how in ("flipped", "rotten"):
        before = path.stat()
        damage(path, at=before.st_size - 1)
        if how == "rotten":  # a disk changes a bit, and no clock
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        path.unlink()

    again = machine("a").local(checkpoint)

    assert again.came_from == "bucket"
    assert sha256_of(path) == digest
    assert machine("a").local(checkpoint).came_from == "local"


def test_a_damaged_published_copy_is_replaced(
    machine: Callable[[str], CheckpointCache], store: FolderStore, on_hub: Checkpoint, tmp_path: Path
) -> None:
    """A bit lost in the bucket is found by the sha256: the next worker goes to the source and publishes a whole copy."""
    whole = machine("a").local(on_hub)
    damage(tmp_path / "bucket" / "checkpoints" / NAME / folder_of(whole) / "model.safetensors", at=50_000)

    found = [machine(name).local(on_hub) for name in ("b", "c")]

    assert [local.came_from for local in found] == ["hub", "bucket"]
    assert sha256_of(found[1].model_path) == whole.sha256


def test_without_its_record_nothing_is_published(
    machine: Callable[[str], CheckpointCache], store: FolderStore, on_hub: Checkpoint
) -> None:
    """The record is written last, so files of a worker that died while publishing are not used."""
    copy = folder_of(machine("a").local(on_hub))
    store.delete(f"checkpoints/{NAME}/{copy}/{CARD}")

    assert machine("b").local(on_hub).came_from == "hub"


def test_a_damaged_record_is_no_record(
    machine: Callable[[str], CheckpointCache], store: FolderStore, on_hub: Checkpoint
) -> None:
    """A record that is no JSON, or that names files outside its folder, is not followed."""
    copy = folder_of(machine("a").local(on_hub))
    key = f"checkpoints/{NAME}/{copy}/{CARD}"
    record = json.loads(store.get(key).body)
    record["files"]["../../x"] = record["files"]["model.safetensors"]

    for number, body in enumerate((b"{", json.dumps(record).encode())):
        store.put(key, body, content_type="application/json")
        assert machine(f"b{number}").local(on_hub).came_from == "hub"


def test_new_files_under_an_old_name_are_noticed(machine: Callable[[str], CheckpointCache], folder: Path) -> None:
    """If new weights are put into the same folder, neither the disk nor the bucket answers with the old ones."""
    old = machine("a").local(find(str(folder)))
    damage(folder / "model.safetensors", at=(folder / "model.safetensors").stat().st_size - 1)

    new = machine("a").local(find(str(folder)))

    assert new.came_from == "folder"
    assert new.sha256 != old.sha256
    assert machine("b").local(find(str(folder))).sha256 == new.sha256


def test_one_of_many_brings_it(machine: Callable[[str], CheckpointCache], on_hub: Checkpoint, hub: Hub) -> None:
    """Of eight workers that start at once on one machine, one fetches, and the others wait for it."""
    caches = [machine("a") for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda cache: cache.local(on_hub), caches))

    assert sorted(local.came_from for local in found) == ["hub"] + ["local"] * 7
    assert hub.calls == 1


def test_a_bucket_that_takes_nothing_does_not_stop_the_worker(on_hub: Checkpoint, hub: Hub, tmp_path: Path) -> None:
    """A worker that can't publish uses its file all the same."""
    cache = CheckpointCache(ReadOnlyStore(tmp_path / "bucket"), tmp_path / "a", hub)

    assert [cache.local(on_hub).came_from for _ in range(2)] == ["hub", "local"]


def test_the_hub_is_asked_through_its_own_client(hub: Hub, tmp_path: Path) -> None:
    """The hub's cache answers without a network; a file that it lacks is a retryable failure; neither imports torch."""
    repository = tmp_path / "hub" / "models--somebody--something"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots" / ("0" * 40)).mkdir(parents=True)
    shutil.copy(hub.file, repository / "snapshots" / ("0" * 40) / "model.safetensors")
    script = (
        "import pathlib, sys\nfrom cloning.errors import HubUnavailable\nfrom model_cache.hub import hub_fetcher\n"
        f"fetch = hub_fetcher(pathlib.Path({str(tmp_path / 'hub')!r}))\nprint(fetch({URL!r}).stat().st_size)\n"
        f"try:\n    fetch({URL + 'x'!r})\nexcept HubUnavailable as error:\n    print(error.retryable, error.message)\n"
        "print('torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    size, refusal, torch = done.stdout.splitlines()
    assert size == str(hub.file.stat().st_size)
    assert refusal.startswith(f"True {URL}x can't be fetched")
    assert torch == "False"
