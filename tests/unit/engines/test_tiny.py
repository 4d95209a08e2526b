"""The small checkpoint: random, says so, and is a real checkpoint in every other respect."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from engines.imports.f5 import import_f5
from engines.tiny import make_checkpoint
from model_cache.catalog import find
from model_cache.prepare import prepare
from model_cache.progress import unwatched
from model_cache.sources import Fetched


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two folders of one seed are equal byte for byte; another seed has other weights in every tensor file."""
    first = files(make_checkpoint(tmp_path / "a", seed=1))
    second = files(make_checkpoint(tmp_path / "b", seed=1))
    other = files(make_checkpoint(tmp_path / "c", seed=2))

    assert first == second
    assert {name for name in first if first[name] != other[name]} == {
        "checkpoint.json",
        "model.safetensors",
        "vocoder/pytorch_model.bin",
    }


def test_it_is_small_and_says_what_it_is(tmp_path: Path) -> None:
    """Under 20 MB, every tensor under `ema.`, and a note that nobody can take for a promise."""
    folder = make_checkpoint(tmp_path / "tiny")

    assert sum(map(len, files(folder).values())) < 20e6
    assert json.loads((folder / "checkpoint.json").read_text())["note"] == "random weights: proves plumbing, not sound"
    with safe_open(folder / "model.safetensors", "np") as file:
        names = set(file.keys())
    assert names >= {"ema.step", "ema.initted"}
    assert all(name.startswith("ema.") for name in names)
    assert len((folder / "vocab.txt").read_text("utf-8").splitlines()) == 2545


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    """The same checkpoint again does nothing; another one never replaces what is there."""
    folder = make_checkpoint(tmp_path / "tiny")
    times = [path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))]

    assert make_checkpoint(folder) == folder
    with pytest.raises(FileExistsError, match="remove it or choose another folder"):
        make_checkpoint(folder, seed=1)
    assert [path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))] == times
    assert list(tmp_path.iterdir()) == [folder]


def test_an_unknown_architecture_is_told_the_choices(tmp_path: Path) -> None:
    """The names of f5_tts's own configurations are listed, and nothing is made."""
    with pytest.raises(
        ValueError, match="choose tiny or one of F5TTS_Base, F5TTS_Small, F5TTS_v1_Base, F5TTS_v1_Small"
    ):
        make_checkpoint(tmp_path / "tiny", arch="E2TTS_Base")
    assert list(tmp_path.iterdir()) == []


def test_what_it_speaks_depends_on_the_text(tmp_path: Path) -> None:
    """On the official path, with the same noise: the same text gives the same samples, another text others, audibly so in 16 bits."""
    folder = make_checkpoint(tmp_path / "tiny")
    checkpoint = find(str(folder))
    source = Fetched(Path(checkpoint.source), private=False)
    prepare(source, tmp_path / "m.safetensors", checkpoint, folder / "vocab.txt", dtype="keep", watch=unwatched)
    utils_infer = import_f5()
    from f5_tts.model import DiT

    model = utils_infer.load_model(
        DiT, checkpoint.arch, str(tmp_path / "m.safetensors"), vocab_file=checkpoint.vocab, device="cpu"
    )
    vocoder = utils_infer.load_vocoder(is_local=True, local_path=checkpoint.vocoder, device="cpu")

    def speak(text: str) -> Any:
        import torch

        torch.manual_seed(0)
        reference = torch.linspace(-0.5, 0.5, 24_000)[None]
        speech = utils_infer.infer_batch_process(
            (reference, 24_000),
            "One. ",
            [text],
            model,
            vocoder,
            nfe_step=4,
            fix_duration=2.0,
            progress=None,
            device="cpu",
        )
        return next(speech)[0]

    assert speak("Good morning, all of you.").tobytes() == speak("Good morning, all of you.").tobytes()
    assert abs(speak("Good morning, all of you.") - speak("Good evening, all of you.")).max() > 100 / 32768
