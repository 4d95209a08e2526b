"""
What a solver of F5-TTS computes once per time: the modulations, which hold 41 % of the weights.

In float32 each value equals upstream's, bit for bit. In half precision they are computed in float32, as in training, and the
modulations are rounded once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Modulation = tuple["Tensor", ...]
"""(1 + scale, shift, gate) before attention, then before the feed-forward, each of shape [dim]."""


@dataclass(frozen=True)
class Step:
    """One step's length, each block's modulation, and the last one's (1 + scale, shift)."""

    dt: "Tensor"
    blocks: list[Modulation]
    final: "tuple[Tensor, Tensor]"


def is_half(dit: Any) -> bool:
    """Whether the model isn't in float32."""
    return str(dit.proj_out.weight.dtype) != "torch.float32"


def steps_at(dit: Any, times: "list[Tensor]", dts: "list[Tensor]", rows: int) -> "list[Step]":
    """
    The values that depend only on the time.

    In float32 each time's are computed alone, for upstream's number of rows: a product's last bit may depend on it. In half
    precision one product makes all times', which on a GPU is one launch instead of many.
    """
    import torch

    time_embed = dit.time_embed
    batches = [torch.stack(times)] if is_half(dit) else [t.repeat(1) for t in times]
    embs = _in_float32(time_embed.time_mlp, [time_embed.time_embed(t) for t in batches])
    kept = slice(None)
    if not is_half(dit):
        embs, kept = [emb.expand(rows, -1).contiguous() for emb in embs], slice(1)
    tables = [_block_table(*_modulations(block.attn_norm, embs, kept, 6)) for block in dit.transformer_blocks]
    scale, shift = _modulations(dit.norm_out, embs, kept, 2)
    final = zip((1 + scale).unbind(), shift.unbind(), strict=True)
    return [
        Step(dt, list(of_step), last) for dt, of_step, last in zip(dts, zip(*tables, strict=True), final, strict=True)
    ]


def _block_table(*parts: "Tensor") -> "list[Modulation]":
    """A block's modulation at each time, from its linear layer's parts."""
    shift, scale, gate, shift_ff, scale_ff, gate_ff = parts
    by_name = (1 + scale, shift, gate, 1 + scale_ff, shift_ff, gate_ff)
    return list(zip(*(part.unbind() for part in by_name), strict=True))


def _modulations(norm: Any, embs: "Sequence[Tensor]", kept: slice, parts: int) -> "tuple[Tensor, ...]":
    """The layer's `parts`, each of shape [times, dim], from the `kept` rows: computed in float32, in the model's dtype."""
    import torch

    made = _in_float32(norm.linear, [norm.silu(emb) for emb in embs])
    by_time = torch.cat([rows[kept] for rows in made])
    return by_time.to(norm.linear.weight.dtype).chunk(parts, dim=1)


def _in_float32(module: Any, inputs: "Sequence[Tensor]") -> "list[Tensor]":
    """The module's outputs with its weights cast to float32, once for all inputs."""
    import torch
    from torch.func import functional_call

    weights = {name: weight.float() for name, weight in module.named_parameters()}
    return [functional_call(module, weights, (x.to(torch.float32),)) for x in inputs]
