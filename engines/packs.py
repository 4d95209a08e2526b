"""
The transformer blocks of a DiT over several utterances at once, laid end to end without padding.

Rows are positions: utterance by utterance, with guidance first those that hear and read, then those that don't. What looks at one
row alone, or adds and multiplies, runs over all rows. What looks along a sequence (attention, the convolution before the blocks)
runs for each utterance, so that none sees another.

A matrix product's last bit may hang on the number of rows, and a vectorised function's on where the vectors end. So unless
`is_merged`, products and activations run for each utterance too, in the shapes that it has alone: then its result is the same
whoever shares the pack, bit for bit. Merged, the products run over all rows, as a GPU likes it, and rounding differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Rotation = tuple["Tensor", "Tensor"]
"""Cosine and signed sine by position, shape [n, 1, head], float32."""
Modulation = tuple["Tensor", ...]
"""(1 + scale, shift, gate) before attention, then before the feed-forward, each of shape [dim]."""


@dataclass(frozen=True)
class Pack:
    """The layout: each utterance's length in frames, and how many sequences of that length it has (2 with guidance)."""

    frames: tuple[int, ...]
    copies: int
    rotation: Rotation
    is_merged: bool

    @classmethod
    def of(cls, rotations: Sequence[Rotation], copies: int, *, is_merged: bool) -> "Pack":
        """For utterances with these rotary tables."""
        import torch

        cosine, sine = (
            torch.cat([table for table in tables for _ in range(copies)]) for tables in zip(*rotations, strict=True)
        )
        return cls(tuple(len(cosine) for cosine, _ in rotations), copies, (cosine, sine), is_merged)

    def parts(self, x: "Tensor") -> "tuple[Tensor, ...]":
        """Each utterance's rows."""
        import torch

        return torch.split(x, [frames * self.copies for frames in self.frames])

    def each(self, module: "Callable[[Tensor], Tensor]", x: "Tensor") -> "Tensor":
        """The module over all rows, at once or by utterance."""
        import torch

        if self.is_merged or len(self.frames) == 1:
            return module(x)
        return torch.cat([module(part) for part in self.parts(x)])


def apply_block(block: Any, x: "Tensor", modulation: Modulation, pack: Pack) -> None:
    """DiTBlock.forward (f5_tts/model/modules.py), in place. x: [rows, dim]."""
    scale, shift, gate, scale_ff, shift_ff, gate_ff = modulation
    attended = _attention(block.attn, block.attn_norm.norm(x).mul_(scale).add_(shift), pack)
    x.add_(attended.mul_(gate))
    x.add_(pack.each(block.ff, block.ff_norm(x).mul_(scale_ff).add_(shift_ff)).mul_(gate_ff))


def _attention(attn: Any, x: "Tensor", pack: Pack) -> "Tensor":
    """AttnProcessor.__call__ without a mask: each sequence attends to itself."""
    heads = (len(x), attn.heads, -1)
    query, key, value = (pack.each(one, x).view(heads) for one in (attn.to_q, attn.to_k, attn.to_v))
    query = query if attn.q_norm is None else attn.q_norm(query)
    key = key if attn.k_norm is None else attn.k_norm(key)
    some = attn.processor.pe_attn_head  # v0 checkpoints rotate the first heads only; None is all
    query, key = _rotated(query, pack.rotation, some), _rotated(key, pack.rotation, some)
    return pack.each(attn.to_out[0], _attended(query, key, value, pack))


def _attended(query: "Tensor", key: "Tensor", value: "Tensor", pack: Pack) -> "Tensor":
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    outputs = []
    for frames, *parts in zip(pack.frames, pack.parts(query), pack.parts(key), pack.parts(value), strict=True):
        q, k, v = (part.view(pack.copies, frames, *part.shape[1:]).transpose(1, 2) for part in parts)
        outputs.append(scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(frames * pack.copies, -1))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _rotated(x: "Tensor", rotation: Rotation, heads: int | None) -> "Tensor":
    """apply_rotary_pos_emb of x_transformers: neighbours (a, b) become (a cos - b sin, b cos + a sin). x: [rows, heads, head]."""
    import torch

    cosine, sine = rotation
    turned = x[:, :heads]
    pairs = turned.reshape(*turned.shape[:-1], -1, 2)
    # No complex product: torch's fuses products and sums in some lanes, and the last bit would hang on the number of threads.
    swapped = torch.stack((pairs[..., 1], pairs[..., 0]), -1).flatten(-2)
    if x.dtype == cosine.dtype:  # x is a product's output, and nobody else's
        turned.mul_(cosine).add_(swapped.mul_(sine))
    else:
        x[:, :heads] = (turned * cosine).add_(swapped * sine)
    return x
