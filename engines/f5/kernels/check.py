"""Whether the kernels compute on this device what torch's operations do: each alone, on random numbers of the model's size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engines.f5 import rotary

if TYPE_CHECKING:
    from torch import Tensor

    from engines.f5.kernels.operations import Kernels

BOUNDS: Mapping[str, dict[str, float]] = {
    "torch.float16": {"rotation": 0.0, "norm": 1e-3, "add_norm": 1e-3},
    "torch.bfloat16": {"rotation": 0.0, "norm": 8e-3, "add_norm": 8e-3},
}
"""The rotation is exact. torch rounds a norm's steps one by one, up to five times; a kernel rounds once."""
ROWS = 129


def compare(dit: Any, kernels: "Kernels") -> dict[str, float]:
    """By what is compared, how far they are from torch's operations: the share of numbers that differ, then relative distances."""
    import torch

    weight, attn = dit.proj_out.weight, dit.transformer_blocks[0].attn
    draw = torch.Generator(weight.device).manual_seed(0)

    def random(*shape: int) -> "Tensor":
        return torch.randn(*shape, generator=draw, device=weight.device, dtype=weight.dtype)

    return {
        "rotation": _rotation(dit, kernels, random(ROWS, 3, attn.heads, attn.inner_dim // attn.heads)),
        "norm": _norm(dit, kernels, random(ROWS, dit.dim), *random(2, dit.dim)),
        "add_norm": _add_norm(dit, kernels, *random(2, ROWS, dit.dim), *random(3, dit.dim)),
    }


def _rotation(dit: Any, kernels: "Kernels", qkv: "Tensor") -> float:
    attn, table = dit.transformer_blocks[0].attn, rotary.rotation(dit, ROWS)
    some, want = attn.processor.pe_attn_head, qkv.clone()
    for part in want.unbind(1)[:2]:
        part.copy_(rotary.rotated(part.clone(), table, some))
    kernels.rotate(qkv, table, attn.heads if some is None else some)
    return float((qkv != want).float().mean())


def _norm(dit: Any, kernels: "Kernels", x: "Tensor", scale: "Tensor", shift: "Tensor") -> float:
    want = dit.norm_out.norm(x).mul_(scale).add_(shift)
    return _distance(kernels.norm(x, scale, shift), want)


def _add_norm(
    dit: Any, kernels: "Kernels", x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor"
) -> float:
    summed = x + y * gate
    want = dit.norm_out.norm(summed).mul_(scale).add_(shift)
    normed = kernels.add_norm(x, y, gate, scale, shift)
    return max(_distance(normed, want), _distance(x, summed))


def _distance(value: "Tensor", truth: "Tensor") -> float:
    """Root of the mean square of the difference, over the truth's."""
    wide = truth.float()
    return float((value.float() - wide).square().mean().sqrt() / wide.square().mean().sqrt())
