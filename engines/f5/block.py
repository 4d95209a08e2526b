"""
The transformer block of a DiT over a pack of utterances.

Operations on single rows run over all rows. Operations along a sequence (attention, the convolution before the blocks) run for each
utterance, so none sees another.
"""

from typing import TYPE_CHECKING, Any

from engines.f5 import rotary
from engines.f5.packs import Pack
from engines.f5.tables import Modulation

if TYPE_CHECKING:
    from torch import Tensor


def apply_block(block: Any, x: "Tensor", modulation: Modulation, pack: Pack) -> None:
    """DiTBlock.forward (f5_tts/model/modules.py), in place. x: [rows, dim]."""
    scale, shift, gate, scale_ff, shift_ff, gate_ff = modulation
    attended = _attention(block.attn, block.attn_norm.norm(x).mul_(scale).add_(shift), pack)
    x.add_(attended.mul_(gate))
    x.add_(block.ff(block.ff_norm(x).mul_(scale_ff).add_(shift_ff)).mul_(gate_ff))


def _attention(attn: Any, x: "Tensor", pack: Pack) -> "Tensor":
    """AttnProcessor.__call__ without a mask: each sequence attends to itself."""
    heads = (len(x), attn.heads, -1)
    query, key, value = (one(x).view(heads) for one in (attn.to_q, attn.to_k, attn.to_v))
    query = query if attn.q_norm is None else attn.q_norm(query)
    key = key if attn.k_norm is None else attn.k_norm(key)
    some = attn.processor.pe_attn_head  # v0 checkpoints rotate the first heads only; None is all
    query, key = rotary.rotated(query, pack.rotation, some), rotary.rotated(key, pack.rotation, some)
    attended: Tensor = attn.to_out[0](attend(query, key, value, pack))
    return attended


def attend(query: "Tensor", key: "Tensor", value: "Tensor", pack: Pack) -> "Tensor":
    """Each sequence to itself, utterance by utterance. Of shape [rows, heads, head]; gives [rows, heads * head]."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    outputs = []
    for frames, *parts in zip(pack.frames, pack.parts(query), pack.parts(key), pack.parts(value), strict=True):
        q, k, v = (part.view(pack.copies, frames, *part.shape[1:]).transpose(1, 2) for part in parts)
        outputs.append(scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(frames * pack.copies, -1))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)
