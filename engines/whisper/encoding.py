"""
Whisper's encoder over as much as there is to hear.

The published models hear 30 s, padded with silence. A chunk is shorter, and three seconds of silence behind it are enough: measured on
recordings of people (docs/decisions/0042), the words are found as well, in a third of the time.
"""

from typing import Any

from cloning.ports import Samples

_PADDING_S = 3
_RATE = 16_000
_STEP = 320  # samples of one position


def encoded(model: Any, feature_extractor: Any, audio: Samples) -> Any:
    """What the encoder makes of 16 kHz samples with silence behind them; at most what the model takes."""
    import numpy as np
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    most = model.config.max_source_positions * _STEP
    wanted = -(-(len(audio) + _PADDING_S * _RATE) // _STEP) * _STEP
    padded = np.zeros(min(wanted, most), np.float32)
    padded[: len(audio)] = audio[:most]
    features = feature_extractor(
        padded, sampling_rate=_RATE, return_tensors="pt", padding="do_not_pad", truncation=False
    ).input_features
    encoder = model.get_encoder()
    gelu = torch.nn.functional.gelu
    with torch.no_grad():
        states = gelu(encoder.conv1(features.to(model.device, model.dtype)))
        states = gelu(encoder.conv2(states)).permute(0, 2, 1)
        states = states + encoder.embed_positions.weight[: states.shape[1]]
        for layer in encoder.layers:
            states = layer(states, None)
            states = states[0] if isinstance(states, tuple) else states
        return BaseModelOutput(encoder.layer_norm(states))
