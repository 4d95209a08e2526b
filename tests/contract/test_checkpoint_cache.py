"""
The checkpoint cache on a real small checkpoint, a real folder store and f5_tts's own, unmodified loader.

A plain folder stands in for the model hub, except where the hub itself is tested.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from cloning.errors import CheckpointUnusable, StorageMisconfigured
from cloning.ports import Progress
from engines.imports.f5 import import_f5
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.local_checkpoint import LocalCheckpoint
from storage.bulk import sha256_of
from storage.folder_store import FolderStore
from tests.conftest import ROOT
from tests.machines import HUB_URL as URL
from tests.machines import Hub

NAME = "tiny-random-0"


class ReadOnlyStore(FolderStore):
    """A bucket whose keys allow only reading."""

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        raise StorageMisconfigured("the bucket refuses writes")


@pytest.fixture
def hub(folder: Path) -> Hub:
    return Hub(folder / "model.safetensors")


@pytest.fixture
def machine(store: FolderStore, tmp_path: Path, hub: Hub) -> Callable[[str], CheckpointCache]:
    """The cache of the machine of that name; all machines share the bucket and the hub."""
    return lambda name: CheckpointCache(store, tmp_path / name, hub)


def folder_of(local: LocalCheckpoint) -> str:
    """The digest that names the copy on the disk and in the bucket."""
    return local.model_path.parent.name


def load_officially(local: LocalCheckpoint) -> None:
    """Load with f5_tts's own strict loader."""
    import_f5().load_model(
        _backbone(), local.arch, str(local.model_path), vocab_file=str(local.vocab_path), device="cpu"
    )


def _backbone() -> type:
    import_f5()
    from f5_tts.model import DiT

    backbone: type = DiT
    return backbone


def whole_ema_object(path: Path) -> None:
    """Give the file the layout of the trainer's EMA object, online weights included."""
    weights = {name.removeprefix("ema."): array for name, array in load_file(path).items()}
    layout = {f"ema.ema_model.{name}": array for name, array in weights.items() if name.startswith("transformer.")}
    layout |= {
        f"ema.online_model.{name}": array * 0 for name, array in weights.items() if name.startswith("transformer.")
    }
    save_file(layout | {f"ema.{name}": weights[name] for name in ("step", "initted")}, path)


def damage(path: Path, *, at: int) -> None:
    """Flip one bit; the size stays the same."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("layout", ["ema", "whole ema object"])
def test_f5_tts_loads_the_repaired_file_and_not_the_original(
    machine: Callable[[str], CheckpointCache], folder: Path, layout: str
) -> None:
    """A file that f5_tts's strict loader refuses loads after the repair, bit for bit with the EMA's weights; the source stays as it was."""
    if layout == "whole ema object":
        whole_ema_object(folder / "model.safetensors")
    before = sha256_of(folder / "model.safetensors")
    checkpoint = find(str(folder))

    local = machine("a").local(checkpoint)

    with pytest.raises(RuntimeError, match="Missing key"):
        load_officially(replace(local, model_path=folder / "model.safetensors"))
    load_officially(local)
    assert local.repaired
    assert sha256_of(folder / "model.safetensors") == before
    original = load_file(folder / "model.safetensors")
    repaired = load_file(local.model_path)
    prefix = "ema." if layout == "ema" else "ema.ema_model."
    for name, array in original.items():
        if name.startswith(f"{prefix}transformer."):
            assert (repaired[name.removeprefix("ema.")] == array).all()
    assert len(repaired) == 56


def test_the_vocoder_is_one_that_f5_tts_loads(machine: Callable[[str], CheckpointCache], folder: Path) -> None:
    """The checkpoint's own vocoder is published and fetched with it."""
    machine("a").local(find(str(folder)))

    local = machine("b").local(find(str(folder)))

    assert local.came_from == "bucket"
    import_f5().load_vocoder(is_local=True, local_path=str(local.vocoder_path), device="cpu")


def test_a_training_file_becomes_one_that_f5_tts_loads(machine: Callable[[str], CheckpointCache], folder: Path) -> None:
    """From a .pt with the trainer's EMA names and an optimizer only the EMA's weights are taken."""
    import torch
    from safetensors.torch import load_file as load_tensors

    model = folder / "model.safetensors"
    weights = {name.removeprefix("ema."): tensor for name, tensor in load_tensors(model).items() if "." in name[4:]}
    online = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    ema = {f"ema_model.{name}": tensor for name, tensor in weights.items()} | {"step": torch.tensor(1)}
    torch.save({"model_state_dict": online, "ema_model_state_dict": ema, "update": 1}, folder / "model_last.pt")
    model.unlink()
    card = json.loads((folder / CARD).read_text()) | {"model": "model_last.pt"}
    (folder / CARD).write_text(json.dumps(card))

    local = machine("a").local(find(str(folder)))

    load_officially(local)
    found = {name.removeprefix("ema_model."): tensor for name, tensor in load_tensors(local.model_path).items()}
    assert local.repaired
    assert all(torch.equal(tensor, found[name]) for name, tensor in weights.items())
    assert machine("b").local(find(str(folder))).came_from == "bucket"


def test_disk_before_bucket_before_source(
    machine: Callable[[str], CheckpointCache], on_hub: Checkpoint, hub: Hub
) -> None:
    """The first worker fetches from the hub, its next load uses the disk, another machine uses the bucket; all get the same file."""
    found = [machine(name).local(on_hub) for name in ("a", "a", "b", "b")]

    assert [local.came_from for local in found] == ["hub", "local", "bucket", "local"]
    assert {local.sha256 for local in found} == {sha256_of(found[-1].model_path)}
    assert all(local.repaired for local in found)
    assert hub.calls == 1


def test_a_file_that_needs_nothing_is_taken_as_it_is(
    machine: Callable[[str], CheckpointCache], on_hub: Checkpoint, hub: Hub
) -> None:
    """A file on the hub that loads as it is, is not rewritten."""
    ready = {
        name.replace("ema.", "ema_model.", 1): array
        for name, array in load_file(hub.file).items()
        if "transformer" in name
    }
    save_file(ready, hub.file)

    local = machine("a").local(on_hub)

    assert not local.repaired
    assert local.sha256 == sha256_of(hub.file)


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


def test_an_unknown_layout_is_refused_with_the_reason(
    machine: Callable[[str], CheckpointCache], store: FolderStore, folder: Path, tmp_path: Path
) -> None:
    """A checkpoint that lacks a tensor is refused with its name; nothing is kept or published."""
    weights = load_file(folder / "model.safetensors")
    del weights["ema.transformer.proj_out.bias"]
    save_file(weights, folder / "model.safetensors")

    with pytest.raises(CheckpointUnusable, match=r"'F5TTS_v1' needs: missing: transformer\.proj_out\.bias"):
        machine("a").local(find(str(folder)))

    assert list(store.list()) == []
    assert [path for path in (tmp_path / "a").rglob("*") if path.is_file()] == [tmp_path / "a" / ".locks" / NAME]


def test_a_bucket_that_takes_nothing_does_not_stop_the_worker(on_hub: Checkpoint, hub: Hub, tmp_path: Path) -> None:
    """A worker that can't publish uses its file all the same."""
    cache = CheckpointCache(ReadOnlyStore(tmp_path / "bucket"), tmp_path / "a", hub)

    assert [cache.local(on_hub).came_from for _ in range(2)] == ["hub", "local"]


def test_another_file_than_the_catalogue_knows_is_refused(
    machine: Callable[[str], CheckpointCache], on_hub: Checkpoint
) -> None:
    """If the catalogue has a digest, the hub's file must match it."""
    with pytest.raises(CheckpointUnusable, match="its sha256 differs"):
        machine("a").local(replace(on_hub, sha256="0" * 64))


def test_a_file_that_the_card_names_must_be_there(machine: Callable[[str], CheckpointCache], folder: Path) -> None:
    """A folder without its vocabulary is refused with the reason."""
    (folder / "vocab.txt").unlink()

    with pytest.raises(CheckpointUnusable, match=r"has no file vocab\.txt"):
        machine("a").local(find(str(folder)))


def test_a_cache_that_cannot_be_written_is_named(
    on_hub: Checkpoint, hub: Hub, store: FolderStore, tmp_path: Path
) -> None:
    """If the cache can't be written, the message names the setting and no path of this machine."""
    (tmp_path / "file").touch()

    with pytest.raises(CheckpointUnusable, match="MODEL_CACHE_DIR") as caught:
        CheckpointCache(store, tmp_path / "file", hub).local(on_hub)
    assert str(tmp_path) not in caught.value.message


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


@pytest.mark.parametrize(("known", "said"), [("F5TTS_Base", "F5TTS_v1_Base"), ("F5TTS_v1_Base", "F5TTS_Base")])
def test_a_known_file_with_the_other_configuration_is_refused(
    folder: Path, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, said: str
) -> None:
    """Files of v0 and v1 look the same and load with either configuration; the catalogue's digest tells them apart."""
    entry = {"source": URL, "config": known, "languages": ["en"], "license": "MIT", "commercial": True, "note": ""}
    catalogue = tmp_path / "catalog.json"
    catalogue.write_text(json.dumps({"official": entry | {"sha256": sha256_of(folder / "model.safetensors")}}))
    monkeypatch.setattr("model_cache.catalog._CATALOG", catalogue)
    card = json.loads((folder / CARD).read_text())
    for config, usable in ((said, False), (known, True)):
        (folder / CARD).write_text(json.dumps(card | {"config": config}))
        cache = CheckpointCache(store, tmp_path / config)
        if usable:
            assert cache.local(find(str(folder))).checkpoint.config == known
        else:
            with pytest.raises(CheckpointUnusable, match=f"knows as 'official'.*{known}.*says '{said}'"):
                cache.local(find(str(folder)))


@pytest.mark.parametrize("name", ["F5TTS_Base", "F5TTS_v1_Base", "F5-TTS-pt-br"])
def test_a_name_brings_its_own_configuration(name: str) -> None:
    """A request names a checkpoint and never a configuration, so it can't pair one with the other's."""
    assert find(name).arch["text_mask_padding"] is ("v1" in name)
    assert find(name).config == ("F5TTS_v1_Base" if "v1" in name else "F5TTS_Base")
