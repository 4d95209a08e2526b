"""
The transformer blocks of a DiT with fused kernels: what block.py does, in a third of the launches.

Each norm is made where the sum that it reads is made; queries, keys and values are one product, of weights that lie end to end; in a pack
the attention of all sequences is one launch. Only rounding differs: sums and products that block.py rounds one by one are rounded
once.
"""

from typing import TYPE_CHECKING, Any

from engines.f5.block import attend
from engines.f5.kernels.check import compare
from engines.f5.kernels.compiled import DTYPES, EPS, HEAD, SIZES
from engines.f5.kernels.operations import Kernels
from engines.f5.packs import Pack
from engines.f5.tables import Step

if TYPE_CHECKING:
    from torch import Tensor

Linear = tuple["Tensor", "Tensor"]
"""A layer's weight and bias."""


def refusal(dit: Any) -> str:
    """Why the kernels can't do what this model does; '' if they can."""
    weight = dit.proj_out.weight
    dtype = str(weight.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        return f"the kernels are for half precision, and the model is in {dtype}"
    for attn in (block.attn for block in dit.transformer_blocks):
        if (dit.dim, attn.heads) not in SIZES.items():
            return f"the kernels are for {SIZES} features and heads, not for {dit.dim} and {attn.heads}"
        if attn.inner_dim != attn.heads * HEAD or attn.q_norm is not None or attn.k_norm is not None:
            return f"the kernels are for heads of {HEAD} features without norms of their own"
    norms = [one for block in dit.transformer_blocks for one in (block.attn_norm.norm, block.ff_norm)]
    if any(one.eps != EPS or one.weight is not None for one in (*norms, dit.norm_out.norm)):
        return f"the kernels are for norms without weights and with an epsilon of {EPS:g}"
    return ""


class FusedBlocks:
    """
    A model's blocks through its kernels.

    The weights of queries, keys and values become views of one tensor, at the first use and again after they have left the device.
    """

    def __init__(self, dit: Any, kernels: Kernels) -> None:
        self._dit = dit
        self._kernels = kernels
        self._stacked: list[Linear] = []

    def compared(self) -> dict[str, float]:
        """How far each kernel is from torch's operations on this device. For the proof."""
        return compare(self._dit, self._kernels)

    def forget(self) -> None:
        """Let go of the weights, as when they leave the device."""
        self._stacked = []

    def __call__(self, x: "Tensor", step: Step, pack: Pack) -> "Tensor":
        """What `proj_out` takes. x: [rows, dim], which changes."""
        blocks = self._dit.transformer_blocks
        if not self._stacked:
            self._stacked = [_stack(block.attn) for block in blocks]
        following = [*(modulation[:2] for modulation in step.blocks[1:]), step.final]
        normed = self._kernels.norm(x, *step.blocks[0][:2])
        for block, linear, modulation, after in zip(blocks, self._stacked, step.blocks, following, strict=True):
            _, _, gate, scale_ff, shift_ff, gate_ff = modulation
            normed = self._kernels.add_norm(
                x, self._attention(block.attn, linear, normed, pack), gate, scale_ff, shift_ff
            )
            normed = self._kernels.add_norm(x, block.ff(normed), gate_ff, *after)
        return normed

    def _attention(self, attn: Any, linear: Linear, x: "Tensor", pack: Pack) -> "Tensor":
        from torch.nn.functional import linear as product

        qkv = product(x, *linear).view(len(x), 3, attn.heads, -1)
        some = attn.processor.pe_attn_head
        self._kernels.rotate(qkv, pack.rotation, attn.heads if some is None else some)
        query, key, value = qkv.unbind(1)
        attended: Tensor = attn.to_out[0](_attended(query, key, value, pack))
        return attended


def _attended(query: "Tensor", key: "Tensor", value: "Tensor", pack: Pack) -> "Tensor":
    """Each sequence attends to itself; with bounds, all in one launch."""
    if pack.bounds is None:
        return attend(query, key, value, pack)
    import torch

    # What torch.nn.attention.varlen.varlen_attn calls. That would fill a tensor more each time, and the first time import torch._dynamo,
    # which takes seconds.
    attention: Any = torch.ops.aten._flash_attention_forward  # noqa: SLF001 - see above
    bounds, longest = [pack.bounds] * 2, [max(pack.frames)] * 2
    together: Tensor = attention(query, key, value, *bounds, *longest, 0.0, is_causal=False, return_debug_mask=False)[0]
    return together.flatten(1)


def _stack(attn: Any) -> Linear:
    """The weights of one product for three; the layers keep theirs as views, so that nothing is there twice."""
    import torch

    layers = (attn.to_q, attn.to_k, attn.to_v)
    # These outlive the inference that first needs them, and move with the model.
    with torch.inference_mode(False), torch.no_grad():
        weight, bias = (torch.cat([getattr(one, name) for one in layers]) for name in ("weight", "bias"))
        for layer, *views in zip(layers, weight.chunk(3), bias.chunk(3), strict=True):
            layer.weight, layer.bias = (torch.nn.Parameter(view, requires_grad=False) for view in views)
    return weight, bias
