"""
Rotary position embedding: the table of a length, and queries and keys rotated by it.

In float32 each value equals upstream's, bit for bit. In half precision it is computed in float32, as in training.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Rotation = tuple["Tensor", "Tensor"]
"""By position: the cosine, shape [n, 1, head], float32; the sine as an imaginary number, shape [n, 1, head / 2], complex64."""


def rotation(dit: Any, frames: int) -> Rotation:
    """The rotary table of a length, in float32."""
    import torch

    inv_freq = frequencies(dit.rotary_embed.inv_freq)
    angle = torch.einsum("i,j->ij", torch.arange(frames, device=inv_freq.device).float(), inv_freq)
    cosine, sine = angle.cos(), angle.sin()
    return cosine.repeat_interleave(2, dim=1)[:, None], torch.complex(torch.zeros_like(sine), sine)[:, None]


def frequencies(inv_freq: "Tensor") -> "Tensor":
    """The rotary frequencies in float32: where they were rounded with the weights, x_transformers' own formula restores them."""
    import torch

    if inv_freq.dtype == torch.float32:
        return inv_freq
    half = torch.arange(0, len(inv_freq) * 2, 2, device=inv_freq.device).float()
    return 1.0 / (10000.0 ** (half / (len(inv_freq) * 2)))


def rotated(x: "Tensor", rotation: Rotation, heads: int | None) -> "Tensor":
    """apply_rotary_pos_emb of x_transformers: neighbours (a, b) become (a cos - b sin, b cos + a sin). x: [rows, heads, head]."""
    import torch

    cosine, sine = rotation
    turned = x[:, :heads].float()  # in float32 this is x itself, a product's output that nothing else uses
    # Times i sin (a, b) is (-b sin, a sin), each rounded once. With a real part too torch would fuse products and sums only in
    # some lanes, and the last bit would depend on the number of threads.
    crossed = torch.view_as_complex(turned.view(*turned.shape[:-1], -1, 2)) * sine
    turned.mul_(cosine).add_(torch.view_as_real(crossed).flatten(-2))
    if turned.dtype != x.dtype:
        x[:, :heads] = turned
    return x
