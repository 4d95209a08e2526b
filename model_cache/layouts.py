"""
What a checkpoint file holds, and what it must become so that f5_tts's own loader takes it.

Weights of one DiT go round under many names. A file is accepted, or renamed, only if the *whole* set of names and shapes is
then the one that the architecture has; a prefix that merely looks right proves nothing. Two configurations can share every
name and shape (F5TTS_Base and F5TTS_v1_Base do) and still speak gibberish with each other's weights: which of them a file
needs can't be read from it, so the catalogue says it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloning.errors import CheckpointUnusable
from model_cache.tensorfile import Header

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

TEXT_EMBEDDING = "transformer.text_embed.text_embed.weight"
MEL_CHANNELS = 100
_WEIGHT_TYPES = ("F32", "F16", "BF16")

# What f5_tts 1.1.22 itself does with a .safetensors file (infer/utils_infer.py, load_checkpoint):
_LOADER_SKIPS = ("initted", "step")
_LOADER_STRIPS = "ema_model."
_LOADER_DELETES = ("mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")  # after stripping


@dataclass(frozen=True)
class Ready:
    """f5_tts loads the file as it is."""


@dataclass(frozen=True)
class Repairable:
    """f5_tts loads the file once `renames` (old -> new, every kept tensor) is applied and the tensors `drops` are gone."""

    renames: Mapping[str, str]
    drops: frozenset[str]
    reason: str


@dataclass(frozen=True)
class Refused:
    """No known layout gives what the architecture needs; `reason` says what is amiss."""

    reason: str


Diagnosis = Ready | Repairable | Refused


@dataclass(frozen=True)
class _Layout:
    """Each name in a file of this layout matches exactly one rule, which gives the new name, or None: the tensor goes."""

    reason: str
    rules: tuple[tuple[str, str | None], ...]


_LAYOUTS = (
    _Layout(
        "its names begin with 'ema.', which f5_tts doesn't strip",
        ((r"ema\.((?:transformer|mel_spec)\..+|step|initted)", r"\1"),),
    ),
    _Layout(
        "it is the trainer's whole EMA object: 'ema.' is stripped, and the online weights, which f5_tts doesn't use, are left out",
        ((r"ema\.(ema_model\..+|step|initted)", r"\1"), (r"ema\.online_model\..+", None)),
    ),
)


def diagnose(header: Header, expected: Shapes) -> Diagnosis:
    """What must be done with a file so that a strict load finds exactly `expected`; see `expected_keys`."""
    refusals = [_differences(header, _unchanged(header), expected)]
    if not refusals[0]:
        return Ready()
    for layout in _LAYOUTS:
        names = _apply(layout, header.tensors)
        if names is None:
            continue
        if not (differences := _differences(header, names, expected)):
            return Repairable(names, frozenset(header.tensors) - frozenset(names), layout.reason)
        refusals.append(differences)
    return Refused("; ".join(refusals[-1]))


def expected_keys(arch: Mapping[str, Any], vocabulary: int) -> dict[str, Shape]:
    """
    Name and shape of each tensor of a CFM around a DiT with the arguments `arch`, for a vocabulary of that many entries.

    tests/unit/test_layouts.py compares this with the real classes.
    """
    dim, text_dim = arch["dim"], arch.get("text_dim") or MEL_CHANNELS
    parts: dict[str, dict[str, Shape]] = {
        "time_embed": _time_embedding(dim),
        "text_embed": _text_embedding(vocabulary, text_dim, arch.get("conv_layers", 0)),
        "input_embed": _input_embedding(dim, text_dim),
        "rotary_embed": {"inv_freq": (_head_width(arch) // 2,)},
        "norm_out": _linear("linear", 2 * dim, dim),
        "proj_out": {"weight": (MEL_CHANNELS, dim), "bias": (MEL_CHANNELS,)},
    }
    parts |= {f"transformer_blocks.{index}": _block(arch) for index in range(arch.get("depth", 8))}
    if arch.get("long_skip_connection"):
        parts["long_skip_connection"] = {"weight": (dim, 2 * dim)}
    return {f"transformer.{part}.{name}": shape for part, shapes in parts.items() for name, shape in shapes.items()}


def vocabulary_size(vocab: Path) -> int:
    """
    How many entries f5_tts's tokenizer makes of a vocab.txt: it cuts each line's last character and joins equal lines.

    Raises CheckpointUnusable if the file is not text.
    """
    try:
        with vocab.open(encoding="utf-8") as lines:
            return len({line[:-1] for line in lines})
    except UnicodeDecodeError as error:
        raise CheckpointUnusable("the checkpoint's vocab.txt is not UTF-8 text with one entry a line") from error


def _unchanged(header: Header) -> dict[str, str]:
    return {name: name for name in header.tensors}


def _apply(layout: _Layout, names: Iterable[str]) -> dict[str, str] | None:
    """Old -> new for the tensors that stay; None if some name is not of this layout."""
    renames: dict[str, str] = {}
    for name in names:
        matches = [(match, new) for rule, new in layout.rules if (match := re.fullmatch(rule, name))]
        if len(matches) != 1:
            return None
        match, new = matches[0]
        if new is not None:
            renames[name] = match.expand(new)
    return renames


def _differences(header: Header, names: Mapping[str, str], expected: Shapes) -> list[str]:
    """Why a strict load of the renamed file would fail or take something that is not a weight; empty if it would not."""
    loaded = [
        (new.replace(_LOADER_STRIPS, ""), header.tensors[old]) for old, new in names.items() if new not in _LOADER_SKIPS
    ]
    found = {name: info for name, info in loaded if name not in _LOADER_DELETES}
    common = sorted(found.keys() & expected.keys())
    return [
        *_listed("missing", expected.keys() - found.keys()),
        *_listed("unexpected", found.keys() - expected.keys()),
        *_listed("twice", [name for name, count in Counter(name for name, _ in loaded).items() if count > 1]),
        *_wrong_shapes({name: found[name].shape for name in common if found[name].shape != expected[name]}, expected),
        *_listed("not floating point", [name for name in common if found[name].dtype not in _WEIGHT_TYPES]),
    ]


def _listed(what: str, names: Iterable[str], *, shown: int = 3) -> Iterator[str]:
    if names := sorted(names):
        rest = f" and {len(names) - shown} more" if len(names) > shown else ""
        yield f"{what}: {', '.join(names[:shown])}{rest}"


def _wrong_shapes(wrong: Shapes, expected: Shapes) -> Iterator[str]:
    if set(wrong) == {TEXT_EMBEDDING} and wrong[TEXT_EMBEDDING][1:] == expected[TEXT_EMBEDDING][1:]:
        there, wanted = (shapes[TEXT_EMBEDDING][0] - 1 for shapes in (wrong, expected))
        yield f"it was trained with a vocabulary of {there} entries, vocab.txt has {wanted}: give the checkpoint's own vocab.txt"
        return
    yield from _listed(
        "wrong shape", (f"{name} {list(shape)} instead of {list(expected[name])}" for name, shape in wrong.items())
    )


def _linear(name: str, rows: int, columns: int) -> dict[str, Shape]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _head_width(arch: Mapping[str, Any]) -> int:
    return int(arch.get("dim_head", 64))


def _time_embedding(dim: int) -> dict[str, Shape]:
    return _linear("time_mlp.0", dim, 256) | _linear("time_mlp.2", dim, dim)


def _text_embedding(vocabulary: int, dim: int, layers: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {"text_embed.weight": (vocabulary + 1, dim)}  # entry 0 fills up
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
            f"conv_pos_embed.conv1d.{index}.weight": (dim, dim // 16, 31),
            f"conv_pos_embed.conv1d.{index}.bias": (dim,),
        }
    return shapes


def _block(arch: Mapping[str, Any]) -> dict[str, Shape]:
    dim, inner = arch["dim"], arch.get("heads", 8) * _head_width(arch)
    hidden = int(dim * arch.get("ff_mult", 4))
    shapes = _linear("attn_norm.linear", 6 * dim, dim)
    for name in ("to_q", "to_k", "to_v"):
        shapes |= _linear(f"attn.{name}", inner, dim)
    if arch.get("qk_norm"):
        shapes |= {"attn.q_norm.weight": (_head_width(arch),), "attn.k_norm.weight": (_head_width(arch),)}
    return (
        shapes
        | _linear("attn.to_out.0", dim, inner)
        | _linear("ff.ff.0.0", hidden, dim)
        | _linear("ff.ff.2", dim, hidden)
    )
