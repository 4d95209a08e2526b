"""
Whisper's beam search without copies of the encoder's output: all beams of a recording attend to the same one.

transformers repeats the encoder's output for each beam, so five beams project, keep and read the same keys and values five times. That is over a third
of a transcription on a CPU, and four fifths of the cross-attention cache on a GPU. The sums are the same; some are rounded differently.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def share_encoder_output(model: Any) -> None:
    """Change a loaded WhisperForConditionalGeneration, once, so that its beams share the encoder's output. Its words stay the same."""
    _override(
        model, _expand_inputs_for_generation=_expand_all_but_encoder_output, _reorder_cache=_reorder_self_attention
    )
    for layer in model.get_decoder().layers:
        _override(layer.encoder_attn, forward=_cross_attention)


def _override(module: Any, **methods: Any) -> None:
    """Give the module a class of its own: methods set on the module itself would hold it in a cycle, and its weights with it."""
    module.__class__ = type(type(module).__name__, (type(module),), methods)


def _expand_all_but_encoder_output(model: Any, **inputs: Any) -> Any:
    """Repeat the inputs for each beam; transformers leaves the encoder's output alone unless it is told of an encoder."""
    return super(type(model), model)._expand_inputs_for_generation(**inputs | {"is_encoder_decoder": False})


def _reorder_self_attention(_: Any, cache: Any, beams: "Tensor") -> Any:
    """Put the beams' self-attention in their new order; the cross-attention is the same for all of them."""
    cache.self_attention_cache.reorder_cache(beams)
    return cache


def _cross_attention(
    attention: Any, hidden_states: "Tensor", *, key_value_states: "Tensor", past_key_values: Any = None, **more: Any
) -> Any:
    """
    Replace WhisperAttention.forward. Shapes: `hidden_states` (recordings * beams, tokens, width), `key_value_states` (recordings, positions, width).

    The beams of a recording become one row with more tokens: in cross-attention no token depends on another. With one beam it is the usual forward.
    """
    from torch.nn.functional import scaled_dot_product_attention

    layer = attention.layer_idx
    is_kept = past_key_values is not None and past_key_values.is_updated.get(layer)
    recordings = len(past_key_values.cross_attention_cache.layers[layer].keys if is_kept else key_value_states)
    if len(hidden_states) == recordings:
        return super(type(attention), attention).forward(
            hidden_states, key_value_states=key_value_states, past_key_values=past_key_values, **more
        )

    def by_head(projected: "Tensor") -> "Tensor":
        return projected.view(recordings, -1, attention.num_heads, attention.head_dim).transpose(1, 2)

    if is_kept:
        kept = past_key_values.cross_attention_cache.layers[layer]
        keys, values = kept.keys, kept.values
    else:
        keys, values = by_head(attention.k_proj(key_value_states)), by_head(attention.v_proj(key_value_states))
        if past_key_values is not None:  # a Whisper's generation_config.json may turn the cache off
            past_key_values.cross_attention_cache.update(keys, values, layer)
            past_key_values.is_updated[layer] = True
    queries = by_head(attention.q_proj(hidden_states) * attention.scaling)
    attended = scaled_dot_product_attention(queries, keys, values, scale=1.0)
    return attention.out_proj(attended.transpose(1, 2).reshape_as(hidden_states)), None
