"""A checkpoint becomes one that f5_tts's own, unmodified loader takes, or is refused with the reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from cloning.errors import CheckpointUnusable
from engines.imports.f5 import import_f5
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.local_checkpoint import LocalCheckpoint
from storage.bulk import sha256_of
from storage.folder_store import FolderStore
from tests.machines import HUB_URL as URL
from tests.machines import NAME, Hub


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
