"""
The architectures of f5_tts: the tensors that given arguments produce, and the arguments that a file's tensors imply.

Shapes don't distinguish F5TTS_Base from F5TTS_v1_Base (v0 and v1): both have the same 364 names and shapes, and speak gibberish
with each other's weights. tests/unit/model_cache/layouts/test_f5_tensors.py compares the tables with the real classes.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from model_cache.formats.contents import Shape, Shapes

TEXT_EMBEDDING = "transformer.text_embed.text_embed.weight"
MEL_CHANNELS = 100
_FREQUENCIES = 256  # of the sinusoidal embedding of time
_KERNEL = 31
_GROUPS = 16


def expected_keys(arch: Mapping[str, Any], vocabulary: int, backbone: str = "DiT") -> dict[str, Shape]:
    """
    Name and shape of each tensor of a CFM around a DiT or UNetT with the arguments `arch` and that many vocabulary entries.

    Raises KeyError if `arch` has no `dim`.
    """
    dim, text_dim = arch["dim"], arch.get("text_dim") or MEL_CHANNELS
    parts: dict[str, dict[str, Shape]] = {
        "time_embed": _linear("time_mlp.0", dim, _FREQUENCIES) | _linear("time_mlp.2", dim, dim),
        "text_embed": _text_embedding(vocabulary, text_dim, arch.get("conv_layers", 0)),
        "input_embed": _input_embedding(dim, text_dim),
        "rotary_embed": {"inv_freq": (_head_width(arch) // 2,)},
        "proj_out": {"weight": (MEL_CHANNELS, dim), "bias": (MEL_CHANNELS,)},
    }
    depth = arch.get("depth", 8)
    if backbone == "DiT":
        parts |= {"norm_out": _linear("linear", 2 * dim, dim)}
        parts |= {f"transformer_blocks.{index}": _dit_block(arch) for index in range(depth)}
    else:
        parts |= {"norm_out": {"g": (dim,)}}
        parts |= {f"layers.{index}": _unet_layer(arch, later=index >= depth // 2) for index in range(depth)}
    if arch.get("long_skip_connection"):
        parts["long_skip_connection"] = {"weight": (dim, 2 * dim)}
    return {f"transformer.{part}.{name}": shape for part, shapes in parts.items() for name, shape in shapes.items()}


def backbone_of(names: Mapping[str, Any]) -> str | None:
    """The class that has such names; None if it is unknown."""
    if any(name.startswith("transformer.audio_embed.") for name in names):
        return "MMDiT"
    for backbone, start in (("DiT", "transformer.transformer_blocks."), ("UNetT", "transformer.layers.")):
        if any(name.startswith(start) for name in names):
            return backbone
    return None


def numbers_of(shapes: Shapes) -> dict[str, Any] | None:
    """
    The backbone's arguments that most of the tensors imply, and `vocabulary`; None if there are too few tensors.

    A single misshapen tensor is outvoted by others that imply the same number, so a later comparison names it.
    """
    blocks = r"transformer\.(?:transformer_blocks|layers)\.\d+"
    dim = _most(shapes, rf"(?:{blocks}\..*to_q|transformer\.proj_out|transformer\.time_embed\.time_mlp\.2)\.weight", 1)
    inner = _most(shapes, rf"{blocks}\..*to_[qkv]\.weight", 0)
    hidden = _most(shapes, rf"{blocks}\..*ff\.0\.0\.weight", 0)
    entries = _most(shapes, re.escape(TEXT_EMBEDDING), 0)
    text_dim = _most(shapes, r"transformer\.text_embed\.(?:text_blocks\.\d+\.pwconv1|text_embed)\.weight", 1)
    if not (dim and inner and hidden and entries and text_dim):
        return None
    head = 2 * (_most(shapes, r"transformer\.rotary_embed\.inv_freq", 0) or 32)
    return {
        "dim": dim,
        "depth": _count(shapes, rf"{blocks[:-3]}(\d+)\."),
        "heads": inner // head if head and inner % head == 0 else None,
        "dim_head": head,
        "ff_mult": hidden // dim if hidden % dim == 0 else hidden / dim,
        "text_dim": text_dim,
        "conv_layers": _count(shapes, r"transformer\.text_embed\.text_blocks\.(\d+)\."),
        "qk_norm": "rms_norm" if any(name.endswith(".q_norm.weight") for name in shapes) else None,
        "long_skip_connection": "transformer.long_skip_connection.weight" in shapes,
        "vocabulary": entries - 1,
    }


def _most(shapes: Shapes, pattern: str, axis: int) -> int | None:
    rule = re.compile(pattern)
    sizes = Counter(shape[axis] for name, shape in shapes.items() if len(shape) > axis and rule.fullmatch(name))
    return sizes.most_common(1)[0][0] if sizes else None


def _count(shapes: Shapes, pattern: str) -> int:
    """One more than the highest index, but no more than there are tensors, whatever a name claims."""
    rule = re.compile(pattern)
    found = [int(match[1][:9]) for name in shapes if (match := rule.match(name))]
    return min(max(found) + 1, len(shapes)) if found else 0


def _linear(name: str, rows: int, columns: int) -> dict[str, Shape]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _head_width(arch: Mapping[str, Any]) -> int:
    return int(arch.get("dim_head", 64))


def _text_embedding(vocabulary: int, dim: int, layers: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {"text_embed.weight": (vocabulary + 1, dim)}  # entry 0 is padding
    for index in range(layers):
        block: dict[str, Shape] = {
            "dwconv.weight": (dim, 1, 7),
            "dwconv.bias": (dim,),
            "norm.weight": (dim,),
            "norm.bias": (dim,),
        }
        block |= _linear("pwconv1", 2 * dim, dim) | _linear("pwconv2", dim, 2 * dim)
        block |= {"grn.gamma": (1, 1, 2 * dim), "grn.beta": (1, 1, 2 * dim)}
        shapes |= {f"text_blocks.{index}.{name}": shape for name, shape in block.items()}
    return shapes


def _input_embedding(dim: int, text_dim: int) -> dict[str, Shape]:
    shapes = _linear("proj", dim, 2 * MEL_CHANNELS + text_dim)
    for index in (0, 2):
        shapes |= {
            f"conv_pos_embed.conv1d.{index}.weight": (dim, dim // _GROUPS, _KERNEL),
            f"conv_pos_embed.conv1d.{index}.bias": (dim,),
        }
    return shapes


def _attention(name: str, arch: Mapping[str, Any]) -> dict[str, Shape]:
    dim, inner = arch["dim"], (arch.get("heads") or 8) * _head_width(arch)
    shapes: dict[str, Shape] = {}
    for projection in ("to_q", "to_k", "to_v"):
        shapes |= _linear(f"{name}.{projection}", inner, dim)
    if arch.get("qk_norm"):
        shapes |= {f"{name}.{norm}.weight": (_head_width(arch),) for norm in ("q_norm", "k_norm")}
    return shapes | _linear(f"{name}.to_out.0", dim, inner)


def _feed_forward(name: str, arch: Mapping[str, Any]) -> dict[str, Shape]:
    dim = arch["dim"]
    hidden = int(dim * arch.get("ff_mult", 4))
    return _linear(f"{name}.ff.0.0", hidden, dim) | _linear(f"{name}.ff.2", dim, hidden)


def _dit_block(arch: Mapping[str, Any]) -> dict[str, Shape]:
    modulation = _linear("attn_norm.linear", 6 * arch["dim"], arch["dim"])
    return modulation | _attention("attn", arch) | _feed_forward("ff", arch)


def _unet_layer(arch: Mapping[str, Any], *, later: bool) -> dict[str, Shape]:
    dim = arch["dim"]
    norms: dict[str, Shape] = {"1.g": (dim,), "3.g": (dim,)}
    if later:
        norms["0.weight"] = (dim, 2 * dim)  # joins the skipped connection
    return norms | _attention("2", arch) | _feed_forward("4", arch)
