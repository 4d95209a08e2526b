"""Both trainings: they step until the time is over, save what can be resumed, and give the same weights for the same seed."""

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from tests.unit.training.trained import acoustic_training, ticking, train_acoustic, train_vocoder
from training import acoustic, runs
from training.batches import VOCAB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acoustic")
    train_acoustic(folder)
    return folder


def test_a_training_leaves_a_checkpoint_in_f5_ttss_names(folder: Path) -> None:
    """A training leaves a checkpoint under f5_tts's names: 16 bits, the moving average, its own vocabulary, the space first."""
    weights = load_file(folder / "model.safetensors")

    assert all(name.startswith("ema_model.transformer.") for name in weights)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert (folder / "vocab.txt").read_text().split("\n")[:-1] == [*VOCAB]
    assert VOCAB[0] == " "


def test_a_training_changes_every_kind_of_weight(folder: Path) -> None:
    """Both optimizers change weights: Muon the matrices, AdamW the rest."""
    begun = acoustic_training().live
    state = torch.load(folder / "state.pt", weights_only=True)

    assert state["step"] > 2
    for name in ("proj_out.bias", "transformer_blocks.0.ff.ff.2.weight", "text_embed.text_embed.weight"):
        assert not torch.equal(begun[name], state["model"][name])


def test_the_same_seed_gives_the_same_weights(folder: Path, tmp_path: Path) -> None:
    """The same number of steps of the same seed on the same machine ends in the same bytes."""
    train_acoustic(tmp_path)

    assert (tmp_path / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_attention_is_f5_ttss_again_after_a_training(folder: Path) -> None:
    """What replaced f5_tts's attention on a CPU is removed after the training."""
    assert folder
    assert functional.scaled_dot_product_attention.__module__ != "training.flow"


def test_a_resumed_training_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    """Weights, average, optimizers and counts are restored; a stopped run is continued, one that ended is followed by another."""
    ended, stopped = acoustic_training(), acoustic_training()
    ended_at = ended.resume(folder / "state.pt")
    run = runs.Run(3, ticking())
    run.stop()
    acoustic.train(ended, random.Random(0), run, tmp_path)

    stopped_at = stopped.resume(tmp_path / "state.pt")

    assert ended_at == 0
    assert 0 < stopped_at < 1
    assert (stopped.step, stopped.spoken) == (ended.step, ended.spoken)
    assert all(torch.equal(stopped.live[name], ended.live[name]) for name in ended.live)
    assert (
        stopped.optimizers[0].state_dict()["state"].keys() == ended.optimizers[0].state_dict()["state"].keys() != set()
    )


def test_a_state_of_an_older_run_is_taken_up(folder: Path, tmp_path: Path) -> None:
    """A state of an older run that doesn't say how far it was counts as ended."""
    state = torch.load(folder / "state.pt", weights_only=True)
    torch.save({name: part for name, part in state.items() if name != "progress"}, tmp_path / "state.pt")

    assert acoustic_training().resume(tmp_path / "state.pt") == 0


def test_a_vocoder_learns_and_resumes(tmp_path: Path) -> None:
    """A vocoder's weights, optimizer and steps are restored."""
    first = train_vocoder(tmp_path)
    steps = first.step

    done = first.resume()

    assert done == 0
    assert first.step == steps > 2
    assert (tmp_path / "config.yaml").is_file()
    assert {t.dtype for t in torch.load(tmp_path / "pytorch_model.bin", weights_only=True).values()} == {torch.float16}
