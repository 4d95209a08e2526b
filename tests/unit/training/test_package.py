"""The checkpoint folder: what a worker loads, and a card that says what was measured."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from cloning.audio.canonical import check_and_make_canonical
from cloning.ports import F5Parameters, Reference
from tests.real import load_tiny_engine
from tests.unit.training.reports import report
from tests.unit.training.trained import train_acoustic, train_vocoder
from training.package import MOST_BYTES, card, package


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    train_acoustic(folder / "acoustic")
    train_vocoder(folder / "vocoder")
    (folder / "evaluation.json").write_text(json.dumps(report()))
    (folder / "prompt-slt.wav").write_bytes(b"RIFF, and what follows")
    return folder


def packaged(sources: Path, out: Path) -> Path:
    return package(sources / "acoustic", sources / "vocoder", sources / "evaluation.json", out, "small")


def test_a_worker_repairs_it_loads_it_and_speaks(sources: Path, tmp_path: Path, human_wav: bytes) -> None:
    """A worker repairs, loads and uses the folder through its checkpoint cache, with the folder's own vocabulary and vocoder."""
    folder = packaged(sources, tmp_path / "small")
    canonical, _ = check_and_make_canonical(human_wav)
    (tmp_path / "voice.wav").write_bytes(canonical.wav)
    digest = hashlib.sha256(canonical.wav).hexdigest()
    reference = Reference(tmp_path / "voice.wav", "Hello there, my friend.", digest, canonical.duration, "en")

    engine = load_tiny_engine(folder, tmp_path)
    speech = engine.speak(reference, "Where is the plate?", seed=1, parameters=F5Parameters(nfe_step=2))

    assert len(speech) > 24_000 / 2
    assert (engine.facts.checkpoint, engine.facts.checkpoint_license) == ("small", "MIT")


def test_its_weights_are_the_trained_ones_under_the_ema_objects_names(sources: Path, tmp_path: Path) -> None:
    """Every tensor is under `ema.` in 16 bits, beside two counters; the folder is small."""
    folder = packaged(sources, tmp_path / "small")

    weights = load_file(folder / "model.safetensors")
    trained = load_file(sources / "acoustic" / "model.safetensors")
    assert weights.keys() == {f"ema.{name}" for name in trained} | {"ema.initted", "ema.step"}
    assert all((weights[f"ema.{name}"] == tensor).all() for name, tensor in trained.items())
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MOST_BYTES


def test_the_prompts_and_the_evaluation_are_beside_the_weights(sources: Path, tmp_path: Path) -> None:
    """The folder has the prompts of its voices with their words, and every transcript of the evaluation."""
    folder = packaged(sources, tmp_path / "small")

    assert json.loads((folder / "evaluation.json").read_text()) == report()
    assert json.loads((folder / "voices.json").read_text()) == {"slt": "The king slept."}
    assert (folder / "voices" / "slt.wav").read_bytes() == b"RIFF, and what follows"


def test_a_folder_that_is_there_is_left_alone(sources: Path, tmp_path: Path) -> None:
    """An existing folder isn't overwritten, and nothing half-made is left."""
    packaged(sources, tmp_path / "small")

    with pytest.raises(FileExistsError, match="remove it or choose another folder"):
        packaged(sources, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


@pytest.mark.parametrize(
    ("evaluation", "row"),
    [
        (report(), "| model, NFE 32 | unseen | 0.250 (0.200 to 0.300) | 20 | 0.800 | 0.550 | 0.990 |"),
        (
            report(likeness=False),
            "| model, NFE 32 | unseen | 0.250 (0.200 to 0.300) | 20 | not measured | not measured | not measured |",
        ),
    ],
)
def test_the_card_says_what_was_measured(evaluation: dict[str, Any], row: str) -> None:
    """The card has steps, hours and every row of the evaluation; what wasn't measured says so."""
    text = card("small", evaluation)

    assert row in text
    assert "1000 steps, 10.0 hours" in text
