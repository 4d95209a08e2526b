"""What the whole engine would ask of a GPU, seen without one: its load, its speech alone and in packs, its weights' way out and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from cloning.ports import F5Parameters, Reference, Utterance
from engines.device.placement import tensors_of
from engines.device.verdicts import Circumstances, Verdict
from engines.f5 import choice
from engines.f5.engine import F5Engine
from engines.f5.kernels.compiled import Compiled
from engines.f5.loading import mel_modules
from engines.imports.f5 import import_f5
from tests.conftest import SPOKEN, examples
from tests.real import tiny_files
from tests.standins.fake_gpu import CUDA, Card, Operations, fake_gpu

UP, DOWN = ("cpu", CUDA), (CUDA, "cpu")
VOICE = Reference(examples() / "basic" / "basic_ref_en.wav", SPOKEN, "a" * 64, 5.3)
STEPS = 4
# Operations of a spoken utterance besides its solver's steps, the voice known and the tables there. More is a step back.
AROUND = {1: 88, 3: 260}
BOUNDS = 6  # that say to kernels where the sequences of a pack of three begin
VOCODER = 26  # through two layers


@dataclass
class Loaded:
    """An engine on the fake GPU, and what loading it asked."""

    engine: F5Engine
    asked: Operations

    @property
    def tensors(self) -> dict[str, list[torch.Tensor]]:
        """By part; single numbers may be anywhere."""
        parts = {"model": self.engine._model, "vocoder": self.engine._vocoder}
        return {name: [tensor for _, tensor in tensors_of(part) if tensor.ndim] for name, part in parts.items()}

    def speak(self, count: int = 1, steps: int = STEPS, *, is_frugal: bool = False) -> Operations:
        """Utterances of one voice and several lengths, together."""
        utterances = [
            Utterance(VOICE, "The river runs. " * (1 + one), one, F5Parameters(nfe_step=steps)) for one in range(count)
        ]
        operations = Operations(is_answering=True)
        with operations:
            spoken = self.engine.speak_many(utterances, frugal=is_frugal)
        assert [type(one).__name__ for one in spoken] == ["ndarray"] * count
        return operations


class NoKernels:
    """They compute nothing: what they give is as large as what a kernel would give."""

    def rotate(self, qkv: torch.Tensor, rotation: Any, heads: int) -> None:
        assert {str(one.device) for one in (qkv, *rotation)} == {CUDA}

    def norm(self, x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        assert {str(one.device) for one in (x, *rest)} == {CUDA}
        return torch.empty_like(x)

    def add_norm(self, *given: torch.Tensor) -> torch.Tensor:
        return self.norm(*given)


def remembered(circumstances: Circumstances, _: Any) -> Verdict:
    """Another worker has proved it."""
    return Verdict("remembered", holds=True, why="", key="", circumstances=circumstances)


@pytest.fixture(params=["off", "auto"], ids=["eager", "fused"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The setting; where it is `auto` there are some for the card."""
    monkeypatch.setattr(choice, "compiled_for", lambda _: Compiled({}, 64, "float16", "digest"))
    monkeypatch.setattr(choice, "expect_driver", lambda _: None)
    monkeypatch.setattr(choice, "load_kernels", lambda *_: NoKernels())
    return str(request.param)


@pytest.fixture
def loaded(tiny_checkpoint: Path, tmp_path: Path, kernels: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loaded]:
    """The small checkpoint, its numbers left out, without kernels and with them."""
    import_f5()
    files = tiny_files(tiny_checkpoint, tmp_path)
    weights = safetensors.torch.load_file(files.model)

    def shapes(_: str, device: str) -> dict[str, Any]:
        return {name: torch.empty(one.shape, dtype=one.dtype, device=device) for name, one in weights.items()}

    monkeypatch.setattr(safetensors.torch, "load_file", shapes)
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", lambda _: None)
    with fake_gpu(monkeypatch, may_be_real=True):
        with Operations(is_answering=True) as operations:
            engine = F5Engine.load(files, "cuda", "fast", remembered, kernels)
        assert (dict(engine.facts.sampler_proof or {}).get("kernels") == "fused") is (kernels == "auto")
        yield Loaded(engine, operations)
    mel_modules().clear()


def test_a_load_puts_all_tensors_on_the_card(loaded: Loaded) -> None:
    """The model in half precision, the vocoder in float32; the facts name the card."""
    places = {
        name: {(str(one.device), one.dtype) for one in tensors if one.is_floating_point()}
        for name, tensors in loaded.tensors.items()
    }

    assert places == {"model": {(CUDA, torch.float16)}, "vocoder": {(CUDA, torch.float32)}}
    assert (loaded.engine.facts.device, loaded.engine.facts.dtype) == (f"cuda ({Card.name})", "float16")


def test_a_load_copies_the_vocoder_alone_and_waits_for_nothing(loaded: Loaded) -> None:
    """The model is made where it will be; each tensor of the vocoder comes over once."""
    assert loaded.asked.copies == {UP: len(loaded.tensors["vocoder"])}
    assert loaded.asked.waits == {}


def test_a_first_utterance_brings_the_voice_and_its_mel_filters(loaded: Loaded) -> None:
    """Recording, window, filters and tokens go to the card, samples come back; the host looks at a new time grid once."""
    asked = loaded.speak()

    assert asked.copies == {UP: 4, DOWN: 1}
    assert asked.waits == {"solver.py": 1}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_frugal", [False, True])
def test_utterances_bring_tokens_and_take_samples(loaded: Loaded, count: int, is_frugal: bool) -> None:  # noqa: FBT001
    """One copy each way for each of them, alone or together, and no wait but for the samples."""
    loaded.speak(count)

    asked = loaded.speak(count, is_frugal=is_frugal)

    assert asked.copies == {UP: count, DOWN: count}
    assert set(asked.mixed) <= {("_to_copy", "cpu", CUDA), ("to", "cpu", CUDA)}
    assert asked.waits == {}


@pytest.mark.parametrize("count", AROUND)
def test_what_is_around_the_solver_asks_no_more_than_it_did(loaded: Loaded, count: int, kernels: str) -> None:
    """Counted: what a solve of twice as many steps asks more is the steps; the rest is text, mel and vocoder."""
    for steps in (STEPS, 2 * STEPS):
        loaded.speak(count, steps)

    few, many = loaded.speak(count, STEPS), loaded.speak(count, 2 * STEPS)

    bounds = BOUNDS if kernels == "auto" and count > 1 else 0
    assert 2 * few.counts.total() - many.counts.total() == AROUND[count] + bounds


def test_the_vocoder_stays_on_the_card(loaded: Loaded) -> None:
    """In float32, without a copy or a wait, in so many operations."""
    mel = torch.randn(1, 100, 50, device="cuda")

    with torch.no_grad(), Operations() as operations:
        wave = loaded.engine._vocoder.decode(mel)

    assert (str(wave.device), wave.dtype, wave.shape) == (CUDA, torch.float32, (1, 49 * 256))
    assert operations.mixed == {}
    assert operations.counts.total() == VOCODER


def test_weights_leave_once_and_return_each_time(loaded: Loaded) -> None:
    """The copy in the machine's memory is kept: a second departure moves nothing."""
    tensors = sum(map(len, loaded.tensors.values()))
    with Operations() as first:
        loaded.engine.park()
    with Operations() as back:
        loaded.engine.resume()
    with Operations() as again:
        loaded.engine.park()

    assert (first.copies[DOWN], back.copies[UP], again.copies[DOWN]) == (tensors, tensors, 0)


def test_a_tensor_that_stayed_behind_is_seen(loaded: Loaded) -> None:
    """The test of the tests: a layer of the vocoder on the CPU fails the speech as it would on a card."""
    loaded.speak()
    loaded.engine._vocoder.head.to("cpu")

    with pytest.raises(RuntimeError, match="device"):
        loaded.engine._vocoder.decode(torch.randn(1, 100, 50, device="cuda"))
