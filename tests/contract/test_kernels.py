"""An engine in half precision speaks with fused kernels where they are asked for and proved, and with torch's operations elsewhere, told."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from cloning.audio.canonical import check_and_make_canonical
from cloning.errors import GpuOutOfMemory, WorkerUnfit
from cloning.generate.chunk_store import inputs_of
from cloning.ports import Reference
from engines.f5 import choice
from engines.f5.engine import F5Engine
from engines.f5.kernels.compiled import Compiled, KernelsUnusable
from engines.f5.proof import measure
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN
from tests.contract.test_sampler_proof import QUICK, TEXT, _in_half_precision, load, proof  # noqa: F401 - it is used by all
from tests.kernels import TorchKernels, flash_attention
from tests.unit.engines.f5.test_fused_proof import BROKEN

if TYPE_CHECKING:
    from engines.f5.rotary import Rotation

COMPILED = Compiled({}, 64, "float16", "0123456789abcdef")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """A machine with kernels for its card; called with another way to make them, with those."""
    flash_attention(monkeypatch)

    def has(make: Callable[[], Any]) -> None:
        monkeypatch.setattr(choice, "compiled_for", lambda _: COMPILED)
        monkeypatch.setattr(choice, "expect_driver", lambda _: None)
        monkeypatch.setattr(choice, "load_kernels", lambda *_: make())

    has(TorchKernels)
    return has


def fails(error: BaseException) -> type[TorchKernels]:
    class Failing(TorchKernels):
        def rotate(self, qkv: "torch.Tensor", rotation: "Rotation", heads: int) -> None:
            raise error

    return Failing


def test_unless_they_are_asked_for_nothing_looks_for_kernels(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting is off by default, and then nothing tells of it."""
    monkeypatch.setattr(choice, "compiled_for", lambda _: pytest.fail("nobody asked"))

    engine = load(tiny_checkpoint, tmp_path, "one")

    assert engine.facts.sampler == "fast"
    assert not [name for name in proof(engine) if name.startswith("kernels")]


def test_kernels_that_prove_themselves_speak(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker remembers and measures nothing; its chunks have the names that they have without kernels."""
    measured = list[str]()

    def watched(*given: Any, **kernels: Any) -> Any:
        measured.append("fused" if kernels.get("fused") else "eager")
        return measure(*given, **kernels)

    monkeypatch.setattr("engines.f5.choice.measure", watched)
    first = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    second = load(tiny_checkpoint, tmp_path, "two", kernels="auto")
    eager = load(tiny_checkpoint, tmp_path, "three")

    assert measured == ["fused", "eager"]
    assert [proof(one)["state"] for one in (first, second)] == ["proved", "remembered"]
    for engine in (first, second):
        assert (engine.facts.sampler, proof(engine)["kernels"], proof(engine)["kernels_why"]) == ("fast", "fused", "")
        assert proof(engine)["kernels_digest"] == COMPILED.digest
        assert proof(engine)["distances"].keys() >= {"rotation", "norm", "add_norm", "velocity"}
        assert inputs_of(engine.facts, QUICK) == inputs_of(eager.facts, QUICK)
    assert len({proof(one)["key"] for one in (first, second, eager)}) == 2


def test_what_they_speak_is_the_eager_speech_but_for_rounding(
    tiny_checkpoint: Path, tmp_path: Path, reference: Reference
) -> None:
    """Alone, and again after the weights have been away."""
    fused = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    eager = load(tiny_checkpoint, tmp_path, "two")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (fused, eager))
    fused.park()
    fused.resume()
    again = fused.speak(reference, TEXT, seed=1, parameters=QUICK)

    assert np.sqrt(np.mean((ours - theirs) ** 2)) <= 0.02 * np.sqrt(np.mean(theirs**2))
    assert not np.array_equal(ours, theirs)
    assert np.array_equal(ours, again)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__.lstrip("_"))
def test_a_broken_kernel_leaves_the_eager_path_which_is_proved(
    broken: type[TorchKernels], tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """The facts say which kernel it was; a second worker does not try it again."""
    card(broken)
    first = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    card(lambda: pytest.fail("it is known"))
    second = load(tiny_checkpoint, tmp_path, "two", kernels="auto")

    for engine, state in ((first, "proved"), (second, "remembered")):
        assert (engine.facts.sampler, proof(engine)["state"], proof(engine)["kernels"]) == ("fast", state, "eager")
        assert f"{BROKEN[broken]}: " in proof(engine)["kernels_why"]
    assert proof(first)["kernels_why"].startswith("failed: ")
    assert proof(second)["kernels_why"].startswith("remembered: ")


def test_who_falls_back_speaks_as_if_no_kernels_had_been_asked_for(
    tiny_checkpoint: Path, tmp_path: Path, reference: Reference, card: Callable[[Callable[[], Any]], None]
) -> None:
    """Sample for sample: weights that lie end to end are the same weights."""
    card(next(iter(BROKEN)))
    fallen = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    eager = load(tiny_checkpoint, tmp_path, "two")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (fallen, eager))

    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KernelsUnusable("the driver can't load norm.cubin"), "failed: the driver can't load norm.cubin"),
        (RuntimeError("the driver refused to launch it: invalid argument (1)"), "failed: RuntimeError in the proof"),
        (torch.OutOfMemoryError("CUDA out of memory"), "skipped: GPU_OUT_OF_MEMORY: the memory of cpu did not suffice"),
    ],
)
def test_kernels_that_can_not_be_loaded_or_launched_leave_the_eager_path(
    error: Exception, says: str, tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """Memory that did not suffice is no verdict; the rest is remembered."""

    def unusable() -> Any:
        raise error

    card(unusable if isinstance(error, KernelsUnusable) else fails(error))
    engine = load(tiny_checkpoint, tmp_path, "one", kernels="auto")

    assert (engine.facts.sampler, proof(engine)["state"], proof(engine)["kernels"]) == ("fast", "proved", "eager")
    assert proof(engine)["kernels_why"].startswith(says)


def test_a_worker_that_dies_of_a_kernel_takes_no_other_along(
    tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """Its mark is there before the first launch, and is the kernels' alone: the others speak fast without them."""
    card(fails(Killed()))
    with pytest.raises(Killed):
        load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    card(lambda: pytest.fail("it is marked"))
    other = load(tiny_checkpoint, tmp_path, "two", kernels="auto")

    assert (other.facts.sampler, proof(other)["state"], proof(other)["kernels"]) == ("fast", "proved", "eager")
    assert proof(other)["kernels_why"].startswith("skipped: worker one began the proof at ")


def test_a_lost_gpu_ends_the_worker_and_the_next_one_speaks_without_kernels(
    tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """The context is gone, so nothing can go on in it; the verdict is there for the others."""
    card(fails(torch.AcceleratorError("CUDA error: an illegal memory access was encountered")))
    with pytest.raises(WorkerUnfit):
        load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    other = load(tiny_checkpoint, tmp_path, "two", kernels="auto")

    assert (other.facts.sampler, proof(other)["kernels"]) == ("fast", "eager")
    assert "the GPU failed in the proof" in proof(other)["kernels_why"]


def test_where_a_bucket_can_not_be_asked_nothing_is_launched(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: Callable[[Callable[[], Any]], None]
) -> None:
    """Without a mark a crash would come again and again: neither kernels nor the fast path."""

    def unreachable(*_: Any, **__: Any) -> Any:
        raise GpuOutOfMemory("any failure of a service", device="cpu")

    card(lambda: pytest.fail("nothing was marked"))
    monkeypatch.setattr(FolderStore, "create", unreachable)

    engine = load(tiny_checkpoint, tmp_path, "one", kernels="auto")

    assert (engine.facts.sampler, proof(engine)["state"], proof(engine)["kernels"]) == ("official", "skipped", "eager")


def test_fast_is_obeyed_and_its_kernels_are_proved_all_the_same(
    tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """SAMPLER=fast needs no proof of the solver; a broken kernel speaks for nobody."""
    good = load(tiny_checkpoint, tmp_path, "one", kernels="auto", sampler="fast")
    card(next(iter(BROKEN)))
    bad = load(tiny_checkpoint, tmp_path / "other", "one", kernels="auto", sampler="fast")

    assert (good.facts.sampler, proof(good)["kernels"]) == ("fast", "fused")
    assert (bad.facts.sampler, set(proof(bad))) == ("fast", {"kernels", "kernels_why"})


def test_the_official_path_has_no_kernels(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Whoever chose it is obeyed."""
    engine = load(tiny_checkpoint, tmp_path, "one", kernels="auto", sampler="official")

    assert (engine.facts.sampler, engine.facts.sampler_proof) == ("official", None)


def test_the_log_says_what_speaks(
    tiny_checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, card: Callable[[Callable[[], Any]], None]
) -> None:
    """A line for the kernels, and the sampler's as ever."""
    caplog.set_level("INFO", "engines.f5")
    load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    card(next(iter(BROKEN)))
    load(tiny_checkpoint, tmp_path / "other", "one", kernels="auto")

    assert [record.message for record in caplog.records] == [
        "sampler.proved",
        "kernels.fused",
        "kernels.eager",
        "sampler.proved",
    ]
    assert "rotation: " in caplog.records[2].__dict__["why"]


def test_a_machine_without_what_a_launch_needs_says_nothing_of_the_card(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's library that can't be found, or another GPU than the current one, is this worker's matter: others prove the kernels."""

    def missing(_: str) -> None:
        raise KernelsUnusable("the driver's library libcuda.so.1 can't be used: no such file")

    monkeypatch.setattr(choice, "expect_driver", missing)
    first = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    monkeypatch.setattr(choice, "expect_driver", lambda _: None)
    second = load(tiny_checkpoint, tmp_path, "two", kernels="auto")

    assert (proof(first)["state"], proof(first)["kernels"]) == ("proved", "eager")
    assert proof(first)["kernels_why"].startswith("the driver's library libcuda.so.1 can't be used")
    assert (proof(second)["state"], proof(second)["kernels"]) == ("proved", "fused")


def test_proved_kernels_that_can_not_be_loaded_are_not_said_to_speak(
    tiny_checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, card: Callable[[Callable[[], Any]], None]
) -> None:
    """Neither by the facts nor by the log, though their verdict is good."""

    def unusable() -> Any:
        raise KernelsUnusable("the driver can't load norm.cubin")

    load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    card(unusable)
    caplog.set_level("INFO", "engines.f5")
    engine = load(tiny_checkpoint, tmp_path, "two", kernels="auto")

    assert (proof(engine)["kernels"], proof(engine)["kernels_why"]) == ("eager", "the driver can't load norm.cubin")
    assert [record.message for record in caplog.records] == ["kernels.eager", "sampler.proved"]


def test_an_operator_is_told_which_verdict_to_remove(
    tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """The key beside it is that of the eager path; without the kernels' own object the next worker tries them again."""
    card(next(iter(BROKEN)))
    first = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    second = load(tiny_checkpoint, tmp_path, "two", kernels="auto")
    named = {proof(one)["kernels_why"].rpartition("its verdict is ")[2] for one in (first, second)}
    card(TorchKernels)
    FolderStore(tmp_path / "bucket").delete(next(iter(named)))
    third = load(tiny_checkpoint, tmp_path, "three", kernels="auto")

    assert len(named) == 1
    assert (proof(third)["state"], proof(third)["kernels"]) == ("proved", "fused")


def test_a_cpu_speaks_as_ever_and_says_why(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    """In float32 its samples are the official path's to the last bit, whatever KERNELS says."""
    monkeypatch.undo()
    asked = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    usual = load(tiny_checkpoint, tmp_path, "two")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (asked, usual))
    assert isinstance(asked, F5Engine)
    assert proof(asked) == {"kernels": "eager", "kernels_why": "the kernels run on a GPU, and the model is on cpu"}
    assert usual.facts.sampler_proof is None
    assert np.array_equal(ours, theirs)
