"""Fused kernels that are wrong, can't be loaded or take the worker along: an engine in half precision speaks without them, and says why."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from cloning.errors import GpuOutOfMemory, WorkerUnfit
from cloning.ports import Reference
from engines.f5 import choice
from engines.f5.kernels.compiled import KernelsUnusable
from storage.folder_store import FolderStore
from tests.contract.half_precision.proved import QUICK, TEXT, load, proof
from tests.kernels import TorchKernels
from tests.lanes import Killed
from tests.unit.engines.f5.test_fused_proof import BROKEN

if TYPE_CHECKING:
    from engines.f5.rotary import Rotation

pytestmark = pytest.mark.usefixtures("card")


def fails(error: BaseException) -> type[TorchKernels]:
    class Failing(TorchKernels):
        def rotate(self, qkv: "torch.Tensor", rotation: "Rotation", heads: int) -> None:
            raise error

    return Failing


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
