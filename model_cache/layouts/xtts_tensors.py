"""
The tensors of an XTTS v2 model with given numbers, and the numbers that a file's tensors imply.

tests/contract/test_xtts_checkpoints.py compares the table with the real class of coqui-tts 0.28.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from model_cache.formats.contents import Shape, Shapes

VOCABULARY = ("gpt.text_embedding.weight", "gpt.text_head.weight", "gpt.text_head.bias")
INTEGER = "num_batches_tracked"  # the end of the names of integer tensors

_MELS = 80
_LATENTS, _PERCEIVER_INNER = 32, 512
# Each number, the argument of XttsArgs that it comes from, and how much larger the tensor is.
_ARGUMENTS = {
    "channels": ("gpt_n_model_channels", 0),
    "layers": ("gpt_layers", 0),
    "audio_tokens": ("gpt_num_audio_tokens", 0),
    "audio_positions": ("gpt_max_audio_tokens", 3),
    "text_positions": ("gpt_max_text_tokens", 2),
    "decoder_in": ("decoder_input_dim", 0),
}
_DECODER_CHANNELS = 512  # no argument of XttsArgs
_SPEAKER = 512  # numbers that describe a speaker
_UPSAMPLING = ((16, 2), (16, 4), (4, 8), (4, 16))  # (kernel, divisor of the channels at the start)
_RESBLOCK_KERNELS = (3, 7, 11)
_ENCODER_LAYERS = ((3, 32, 32), (4, 32, 64), (6, 64, 128), (3, 128, 256))  # (blocks, channels in, channels out)


def expected_keys(numbers: Mapping[str, int]) -> dict[str, Shape]:
    """Name and shape of each tensor of the model (before `init_gpt_for_inference`) with the numbers of `numbers_of`."""
    shapes: dict[str, Shape] = {"mel_stats": (_MELS,)}
    shapes |= _under("gpt", _gpt(numbers))
    shapes |= _under("hifigan_decoder.waveform_decoder", _vocoder(numbers["decoder_in"], numbers["decoder_channels"]))
    return shapes | _under("hifigan_decoder.speaker_encoder", _speaker_encoder())


def numbers_of(shapes: Shapes) -> dict[str, int] | None:
    """The widths, depth and lengths that the file's tensors imply; None if a needed tensor is missing."""
    sources = {
        "channels": ("gpt.gpt.ln_f.weight", 0),
        "vocabulary": ("gpt.text_embedding.weight", 0),
        "audio_tokens": ("gpt.mel_embedding.weight", 0),
        "audio_positions": ("gpt.mel_pos_embedding.emb.weight", 0),
        "text_positions": ("gpt.text_pos_embedding.emb.weight", 0),
        "decoder_channels": ("hifigan_decoder.waveform_decoder.conv_pre.weight", 0),
        "decoder_in": ("hifigan_decoder.waveform_decoder.conv_pre.weight", 1),
    }
    if any(len(shapes.get(name, ())) <= axis for name, axis in sources.values()):
        return None
    layers = [int(match[1][:9]) for name in shapes if (match := re.match(r"gpt\.gpt\.h\.(\d+)\.", name))]
    return {
        **{number: shapes[name][axis] for number, (name, axis) in sources.items()},
        "layers": min(max(layers, default=-1) + 1, len(shapes)),
    }


def other_numbers(numbers: Mapping[str, int], args: Mapping[str, Any]) -> Iterator[str]:
    """Sizes that differ from `args` (of XttsArgs); nothing without them."""
    for number, (name, more) in _ARGUMENTS.items():
        if name in args and numbers[number] != args[name] + more:
            yield f"size mismatch: its {name} is {numbers[number] - more}, the configuration has {args[name]}"
    if args and numbers["decoder_channels"] != _DECODER_CHANNELS:
        yield f"size mismatch: its decoder has {numbers['decoder_channels']} channels, coqui-tts makes {_DECODER_CHANNELS}"


def _under(prefix: str, shapes: Shapes) -> dict[str, Shape]:
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def _both(name: str, shape: Shape) -> dict[str, Shape]:
    """A weight, and a bias as long as its first axis."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _gpt(numbers: Mapping[str, int]) -> dict[str, Shape]:
    width = numbers["channels"]
    shapes = _both("conditioning_encoder.init", (width, _MELS, 1))
    for index in range(6):
        block = _both("norm", (width,)) | _both("qkv", (3 * width, width, 1)) | _both("proj_out", (width, width, 1))
        shapes |= _under(f"conditioning_encoder.attn.{index}", block)
    shapes |= {
        "text_embedding.weight": (numbers["vocabulary"], width),
        "mel_embedding.weight": (numbers["audio_tokens"], width),
        "mel_pos_embedding.emb.weight": (numbers["audio_positions"], width),
        "text_pos_embedding.emb.weight": (numbers["text_positions"], width),
    }
    shapes |= _both("final_norm", (width,)) | _both("gpt.ln_f", (width,))
    shapes |= _both("text_head", (numbers["vocabulary"], width)) | _both("mel_head", (numbers["audio_tokens"], width))
    for index in range(numbers["layers"]):
        shapes |= _under(f"gpt.h.{index}", _layer(width))
    return shapes | _under("conditioning_perceiver", _perceiver(width))


def _layer(width: int) -> dict[str, Shape]:
    shapes = _both("ln_1", (width,)) | _both("ln_2", (width,))
    for name, rows, columns in (
        ("attn.c_attn", width, 3 * width),
        ("attn.c_proj", width, width),
        ("mlp.c_fc", width, 4 * width),
        ("mlp.c_proj", 4 * width, width),
    ):
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (columns,)}  # a convolution: inputs come first
    return shapes


def _perceiver(width: int) -> dict[str, Shape]:
    hidden = int(width * 4 * 2 / 3)
    shapes: dict[str, Shape] = {"latents": (_LATENTS, width), "norm.gamma": (width,)}
    for index in range(2):
        attention: dict[str, Shape] = {
            "0.to_q.weight": (_PERCEIVER_INNER, width),
            "0.to_kv.weight": (2 * _PERCEIVER_INNER, width),
            "0.to_out.weight": (width, _PERCEIVER_INNER),
        }
        shapes |= _under(
            f"layers.{index}", attention | _both("1.0", (2 * hidden, width)) | _both("1.2", (width, hidden))
        )
    return shapes


def _normed(name: str, shape: Shape, bias: int) -> dict[str, Shape]:
    """A weight-normed convolution: its weight is a direction and a length."""
    parts = {"original0": (shape[0], 1, 1), "original1": shape}
    return {f"{name}.bias": (bias,)} | _under(f"{name}.parametrizations.weight", parts)


def _vocoder(inputs: int, channels: int) -> dict[str, Shape]:
    shapes = _both("conv_pre", (channels, inputs, 7)) | _both("cond_layer", (channels, _SPEAKER, 1))
    for index, (kernel, fewer) in enumerate(_UPSAMPLING):
        out = channels // fewer
        shapes |= _normed(f"ups.{index}", (2 * out, out, kernel), out)
        shapes |= _both(f"conds.{index}", (out, _SPEAKER, 1))
        for number, size in enumerate(_RESBLOCK_KERNELS, start=index * len(_RESBLOCK_KERNELS)):
            for step in range(3):
                for convs in ("convs1", "convs2"):
                    shapes |= _normed(f"resblocks.{number}.{convs}.{step}", (out, out, size), out)
    return shapes | {"conv_post.weight": (1, channels // _UPSAMPLING[-1][1], 7)}


def _batch_norm(name: str, channels: int) -> dict[str, Shape]:
    averages: dict[str, Shape] = {f"{name}.{average}": (channels,) for average in ("running_mean", "running_var")}
    return _both(name, (channels,)) | averages | {f"{name}.{INTEGER}": ()}


def _speaker_encoder() -> dict[str, Shape]:
    shapes = _both("conv1", (32, 1, 3, 3)) | _batch_norm("bn1", 32)
    for layer, (blocks, before, channels) in enumerate(_ENCODER_LAYERS, start=1):
        for index in range(blocks):
            block = _encoder_block(before if index == 0 else channels, channels)
            if index == 0 and before != channels:
                block |= {"downsample.0.weight": (channels, before, 1, 1)} | _batch_norm("downsample.1", channels)
            shapes |= _under(f"layer{layer}.{index}", block)
    shapes |= {
        "torch_spec.0.filter": (1, 1, 2),
        "torch_spec.1.spectrogram.window": (400,),
        "torch_spec.1.mel_scale.fb": (257, 64),
    }
    shapes |= _both("attention.0", (128, 2048, 1)) | _batch_norm("attention.2", 128)
    return shapes | _both("attention.3", (2048, 128, 1)) | _both("fc", (_SPEAKER, 4096))


def _encoder_block(before: int, channels: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "conv1.weight": (channels, before, 3, 3),
        "conv2.weight": (channels, channels, 3, 3),
    }
    shapes |= _batch_norm("bn1", channels) | _batch_norm("bn2", channels)
    return shapes | _both("se.fc.0", (channels // 8, channels)) | _both("se.fc.2", (channels, channels // 8))
