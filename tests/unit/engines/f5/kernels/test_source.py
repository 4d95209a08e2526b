"""What the kernels compute, by Triton's interpreter, beside torch's operations."""

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from engines.f5 import rotary
from engines.f5.kernels.check import BOUNDS
from engines.f5.kernels.compiled import EPS, HEAD
from tests.kernels import InterpretedKernels

if TYPE_CHECKING:
    from torch import Tensor

HALVES = ("float16", "bfloat16")
DIMS = (1024, 768, 64)
HEADS = {"all of 16": (16, None), "all of 12": (12, None), "the first of 16": (16, 1), "five of 12": (12, 5)}


@pytest.fixture(scope="module")
def kernels(source: ModuleType) -> InterpretedKernels:
    return InterpretedKernels(source)


def random(seed: int, dtype: str, *shapes: tuple[int, ...]) -> "list[Tensor]":
    import torch

    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=draw).to(getattr(torch, dtype)) for shape in shapes]


def rotation(rows: int, seed: int) -> rotary.Rotation:
    """Tables of any angles, as rotary.rotation lays them out."""
    import torch

    angle = torch.rand(rows, HEAD // 2, generator=torch.Generator().manual_seed(seed)) * 4000
    sine = torch.complex(torch.zeros_like(angle), angle.sin())
    return angle.cos().repeat_interleave(2, dim=1)[:, None], sine[:, None]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("case", HEADS)
def test_the_rotation_is_torchs_to_the_last_bit(case: str, dtype: str, kernels: InterpretedKernels) -> None:
    """Twenty draws: queries and keys of the heads that are rotated; the other heads and the values stay."""
    import torch

    heads, some = HEADS[case]
    for seed in range(20):
        rows = 1 + seed % 3
        (qkv,), table = random(seed, dtype, (rows, 3, heads, HEAD)), rotation(rows, seed)
        query, key, value = (part.clone() for part in qkv.unbind(1))

        kernels.rotate(qkv, table, some or heads)

        wanted = [rotary.rotated(query, table, some), rotary.rotated(key, table, some), value]
        assert torch.equal(qkv, torch.stack(wanted, dim=1)), seed


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("dim", DIMS)
def test_a_norm_is_as_near_to_the_truth_as_torchs(dim: int, dtype: str, kernels: InterpretedKernels) -> None:
    """And within the proof's bound of it, on rows that are off centre, large, small and even constant."""
    import torch
    from torch.nn.functional import layer_norm

    x, scale, shift = random(dim, dtype, (9, dim), (dim,), (dim,))
    x[1] += 7
    x[2] *= 100
    x[3] *= 0.01
    x[4] = 0.25

    ours = kernels.norm(x, scale, shift)

    torchs = layer_norm(x, (dim,), eps=EPS).mul_(scale).add_(shift)
    truth = layer_norm(x.double(), (dim,), eps=EPS) * scale.double() + shift.double()
    assert distance(ours, truth) <= distance(torchs, truth)
    assert distance(ours, torchs.double()) <= BOUNDS[f"torch.{dtype}"]["norm"]
    assert torch.equal(ours[4], shift)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("dim", DIMS)
def test_a_sum_and_its_norm_are_as_near_to_the_truth_as_torchs(
    dim: int, dtype: str, kernels: InterpretedKernels
) -> None:
    """The sum is kept in place; what is added to it stays as it was."""
    import torch
    from torch.nn.functional import layer_norm

    x, y, gate, scale, shift = random(dim, dtype, (7, dim), (7, dim), (dim,), (dim,), (dim,))
    before, added = x.clone(), y.clone()

    ours = kernels.add_norm(x, y, gate, scale, shift)

    sums = before + y * gate
    torchs = layer_norm(sums, (dim,), eps=EPS).mul_(scale).add_(shift)
    exact = before.double() + y.double() * gate.double()
    truth = layer_norm(exact, (dim,), eps=EPS) * scale.double() + shift.double()
    assert torch.equal(y, added)
    assert distance(x, exact) <= distance(sums, exact)
    assert distance(ours, truth) <= distance(torchs, truth)
    assert distance(ours, torchs.double()) <= BOUNDS[f"torch.{dtype}"]["add_norm"]


def test_no_row_sees_another(kernels: InterpretedKernels) -> None:
    """A row alone gives what it gives in company, and one that is no number spoils itself only."""
    import torch

    x, scale, shift = random(0, "float16", (3, 768), (768,), (768,))
    x[1] = float("nan")

    together = kernels.norm(x, scale, shift)

    assert torch.equal(together[::2], kernels.norm(x[::2].contiguous(), scale, shift))
    assert bool(together[1].isnan().all())


def distance(value: "Tensor", truth: "Tensor") -> float:
    """Root of the mean square of the difference, over the truth's."""
    return float((value.double() - truth).square().mean().sqrt() / truth.square().mean().sqrt())
