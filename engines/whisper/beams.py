"""
Whisper's beam search without copies of what was heard: all beams of a recording attend to the one encoded sound.

transformers repeats the encoder's output for each beam, so five beams project, keep and read the same keys and values five times.
On a CPU that is over a third of a transcription; on a GPU four fifths of its cache. The sums are the same, one may be rounded differently.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def share_what_was_heard(model: Any) -> None:
    """Change a loaded WhisperForConditionalGeneration so that its beams share their sound. Its words stay the same."""
    _override(model, _expand_inputs_for_generation=_repeat_all_but_the_sound, _reorder_cache=_reorder_what_was_said)
    for layer in model.get_decoder().layers:
        _override(layer.encoder_attn, forward=_attend)


def _override(module: Any, **methods: Any) -> None:
    """In a class of its own: methods set on the module would hold it in a cycle, and its weights with it."""
    module.__class__ = type(type(module).__name__, (type(module),), methods)


def _repeat_all_but_the_sound(model: Any, **inputs: Any) -> Any:
    """Repeat it as transformers does, which leaves the encoder's output alone unless it is told of an encoder."""
    return super(type(model), model)._expand_inputs_for_generation(**inputs | {"is_encoder_decoder": False})


def _reorder_what_was_said(_: Any, cache: Any, beams: "Tensor") -> Any:
    """Put what each beam has said in the beams' new order; what they heard is the same for all."""
    cache.self_attention_cache.reorder_cache(beams)
    return cache


def _attend(
    attention: Any, said: "Tensor", *, key_value_states: "Tensor", past_key_values: Any = None, **more: Any
) -> Any:
    """
    One layer's cross-attention: `said` has shape (sounds * beams, tokens, width), `key_value_states` (sounds, positions, width).

    The beams of a sound become one row of more tokens: in cross-attention no token depends on another.
    """
    from torch.nn.functional import scaled_dot_product_attention

    layer = attention.layer_idx
    is_kept = past_key_values is not None and past_key_values.is_updated.get(layer)
    sounds = len(past_key_values.cross_attention_cache.layers[layer].keys if is_kept else key_value_states)
    if len(said) == sounds:
        return super(type(attention), attention).forward(
            said, key_value_states=key_value_states, past_key_values=past_key_values, **more
        )

    def by_head(projected: "Tensor") -> "Tensor":
        return projected.view(sounds, -1, attention.num_heads, attention.head_dim).transpose(1, 2)

    if is_kept:
        kept = past_key_values.cross_attention_cache.layers[layer]
        keys, values = kept.keys, kept.values
    else:
        keys, values = by_head(attention.k_proj(key_value_states)), by_head(attention.v_proj(key_value_states))
        if past_key_values is not None:  # a Whisper's generation_config.json may say that nothing is kept
            past_key_values.cross_attention_cache.update(keys, values, layer)
            past_key_values.is_updated[layer] = True
    asked = by_head(attention.q_proj(said) * attention.scaling)
    heard = scaled_dot_product_attention(asked, keys, values, scale=1.0)
    return attention.out_proj(heard.transpose(1, 2).reshape_as(said)), None
