"""Fused blocks prove themselves as the eager ones do, and no faulty kernel: on a CPU, by torch's operations in the kernels' place."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from engines.f5 import packs, rotary
from engines.f5.fused import FusedBlocks
from engines.f5.proof import measure
from engines.tiny import TINY_ARCH
from tests.kernels import TorchKernels, flash_attention
from tests.standins.half import Float32Products
from tests.unit.engines.f5.solver_faults import FAULTS, fault
from tests.unit.engines.f5.test_fused import HALVES, V0_ARCH
from tests.unit.engines.f5.test_proof import MIDDLE_ARCH, SMALL, SMALLEST, Mel, make_half

if TYPE_CHECKING:
    from torch import Tensor


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A CPU has no attention over unequal lengths, and float16 products take it long."""
    flash_attention(monkeypatch)
    with Float32Products():
        yield


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("arch", "sizes", "draws"),
    [(TINY_ARCH, SMALL, 20), (V0_ARCH, SMALL, 5), (MIDDLE_ARCH, SMALLEST, 3)],
    ids=["tiny", "v0", "middle"],
)
def test_the_fused_blocks_are_proved_whatever_the_weights(
    arch: dict[str, Any], sizes: Any, draws: int, dtype: str, record_property: Callable[[str, object], None]
) -> None:
    """Several draws of them, within the bounds of the proof without kernels."""
    found = []
    for seed in range(draws):
        model = make_half(arch, seed=seed, dtype=dtype)
        found.append(measure(model, Mel(), sizes, FusedBlocks(model.transformer, TorchKernels())))

    for name in found[0].distances:
        record_property(name, max(one.distances[name] or 0.0 for one in found))
    assert [one.problems for one in found] == [()] * draws


class _LastHeadStays(TorchKernels):
    def rotate(self, qkv: "Tensor", rotation: rotary.Rotation, heads: int) -> None:
        super().rotate(qkv, rotation, heads - 1)


class _KeysStay(TorchKernels):
    def rotate(self, qkv: "Tensor", rotation: rotary.Rotation, heads: int) -> None:
        keys = qkv[:, 1].clone()
        super().rotate(qkv, rotation, heads)
        qkv[:, 1] = keys


class _ProductsAreFused(TorchKernels):
    """The last bit, as a compiler would round that may fuse."""

    def rotate(self, qkv: "Tensor", rotation: rotary.Rotation, heads: int) -> None:
        exact, rounded = qkv.double(), qkv.dtype
        cosine, sine = rotation[0].double(), rotation[1].imag.double().repeat_interleave(2, dim=-1)
        for part in exact.unbind(1)[:2]:
            pairs = part.view(*part.shape[:-1], -1, 2)
            crossed = pairs.flip(-1).mul(pairs.new_tensor([-1.0, 1.0])).flatten(-2)
            part.copy_(part * cosine + crossed * sine)
        qkv.copy_(exact.to(rounded))


class _NormLacksItsShift(TorchKernels):
    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        return super().norm(x, scale, shift * 0)


class _NormIsALittleOff(TorchKernels):
    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        return super().norm(x, scale * 1.01, shift)


class _GateIsOpen(TorchKernels):
    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", *rest: "Tensor") -> "Tensor":
        return super().add_norm(x, y, gate * 0 + 1, *rest)


class _SumIsForgotten(TorchKernels):
    def add_norm(self, x: "Tensor", *rest: "Tensor") -> "Tensor":
        return super().add_norm(x.clone(), *rest)


class _ARowIsMissing(TorchKernels):
    def add_norm(self, x: "Tensor", *rest: "Tensor") -> "Tensor":
        made = super().add_norm(x, *rest)
        made[-1] = 0
        return made


BROKEN: dict[type[TorchKernels], str] = {
    _LastHeadStays: "rotation",
    _KeysStay: "rotation",
    _NormLacksItsShift: "norm",
    _NormIsALittleOff: "norm",
    _GateIsOpen: "add_norm",
    _SumIsForgotten: "add_norm",
    _ARowIsMissing: "add_norm",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__.lstrip("_"))
def test_a_broken_kernel_is_named(broken: type[TorchKernels]) -> None:
    """By the check of that kernel, before any velocity is compared."""
    model = make_half()

    problems = measure(model, Mel(), SMALLEST, FusedBlocks(model.transformer, broken())).problems

    assert [problem for problem in problems if problem.startswith(f"{BROKEN[broken]}: ")], problems


def test_a_rotation_that_rounds_once_is_no_rotation_of_torchs() -> None:
    """Right but for the last bit of a few numbers: the velocities can't tell, and the check does."""
    model = make_half()

    problems = measure(model, Mel(), SMALLEST, FusedBlocks(model.transformer, _ProductsAreFused())).problems

    assert [problem.partition(":")[0] for problem in problems] == ["rotation"]


# A fault in how the pack is used shows with kernels as it does without.
SHARED = [
    name
    for name in FAULTS
    if name in ("another token", "a late reference", "another time", "guidance 1.9", "another grid", "another draw")
]


@pytest.mark.parametrize("name", SHARED)
def test_faults_around_the_blocks_are_found_with_kernels_too(name: str) -> None:
    """The proof looks at what is spoken with, not at the eager blocks."""
    model = make_half()

    with fault(name) as says:
        problems = measure(model, Mel(), SMALL, FusedBlocks(model.transformer, TorchKernels())).problems

    assert any(says in problem for problem in problems), problems


def test_sequences_that_see_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are wrong let utterances into one another: only a pack shows it."""
    bounds = packs._bounds
    monkeypatch.setattr(packs, "_bounds", lambda *given: bounds(*given)[[0, 2, 4]])
    model = make_half()

    problems = measure(model, Mel(), SMALL, FusedBlocks(model.transformer, TorchKernels())).problems

    assert problems[0].startswith("velocity: ")
