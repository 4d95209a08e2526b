"""
The layouts in which XTTS v2 is published, and what each needs for `Xtts.load_checkpoint` of coqui-tts 0.28.

The loader takes `{"model": weights}`, with or without `xtts.` before each name, skips the trainer's own parts, and accepts the
second names that a model gets when it is made ready for inference. It rewrites a file that holds a pickled XttsConfig in place
at the first load: on a shared volume in every worker; on a read-only one this fails. Such a file is prepared once instead.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from model_cache.formats.contents import Contents, Tensor, Wrapper
from model_cache.formats.unpickling import Call
from model_cache.layouts.diagnosis import Diagnosis, counted, differences, listed, refused
from model_cache.layouts.xtts_tensors import INTEGER, VOCABULARY, expected_keys, numbers_of, other_numbers

_BOOKKEEPING = "_initialized"  # an attribute of coqui-tts's objects, not a setting
_CONFIG_DEPTH, _CONFIG_ITEMS = 8, 10_000
_MODEL: Wrapper = ("model",)
_ROOTS = ("gpt.", "hifigan_decoder.", "mel_stats")
_STRIPPED = ("module", "xtts", "_orig_mod", "model")
_TRAINING = ("dvae", "torch_mel_spectrogram_style_encoder", "torch_mel_spectrogram_dvae")  # the loader skips them
_TRAINING_STATE = ("optimizer", "scheduler", "scaler")

_CONFIGS = {
    f"TTS.{module}.{name}"
    for module in ("tts.models.xtts", "tts.configs.xtts_config", "config.shared_configs")
    for name in ("XttsConfig", "XttsArgs", "XttsAudioConfig", "BaseDatasetConfig")
}

# Second names that `init_gpt_for_inference` gives to tensors, and what a blind rename of 'gpt_inference' makes of them.
_SECOND = (
    (r"gpt\.gpt\.wte\.weight", "gpt.mel_embedding.weight"),
    (r"gpt\.(?:gpt_inference|gpt)\.transformer\.wte\.weight", "gpt.mel_embedding.weight"),
    (r"gpt\.(?:gpt_inference|gpt)\.transformer\.(.+)", r"gpt.gpt.\1"),
    (r"gpt\.(?:gpt_inference|gpt)\.embeddings\.weight", "gpt.mel_embedding.weight"),
    (r"gpt\.(?:gpt_inference|gpt)\.pos_embedding\.(.+)", r"gpt.mel_pos_embedding.\1"),
    (r"gpt\.(?:gpt_inference|gpt)\.(?:final_norm|lm_head\.0)\.(.+)", r"gpt.final_norm.\1"),
    (r"gpt\.(?:gpt_inference|gpt)\.lm_head\.1\.(.+)", r"gpt.mel_head.\1"),
)
_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


@dataclass
class _Sorted:
    """One dictionary's tensors: by the model's names (each with all of its names in the file), for training, and unknown."""

    weights: dict[str, dict[str, Tensor]] = field(default_factory=lambda: defaultdict(dict))
    prefixes: set[str] = field(default_factory=set)
    training: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


def is_xtts(contents: Contents) -> bool:
    """Whether a file's names are those of an XTTS model, under any prefix."""
    return any(_looks_like(tensors) for tensors in contents.dicts.values())


def diagnose(contents: Contents, vocabulary: int | None = None, args: Mapping[str, Any] | None = None) -> Diagnosis:
    """Diagnose what makes XTTS's loader take a file strictly and leave it unchanged; `args` are XttsArgs's."""
    if strangers := sorted(set(contents.foreign) - _CONFIGS):
        return refused("foreign-classes", f"the file asks for code that is not XTTS's: {', '.join(strangers[:5])}")
    holders = [
        wrapper
        for wrapper, tensors in contents.dicts.items()
        if _looks_like(tensors) and not (wrapper and wrapper[0].startswith(_TRAINING_STATE))
    ]
    if len(holders) != 1:
        return refused("unknown", f"it holds {len(holders)} XTTS models, and nothing says which one is meant")
    seen = _sort(contents.dicts[holders[0]])
    layout = _layout(contents, holders[0], seen)
    weights = {name: next(iter(tensors.values())) for name, tensors in seen.weights.items()}
    numbers = numbers_of({name: tensor.shape for name, tensor in weights.items()})
    if "gpt.prompt_embedding.weight" in weights:
        return refused(layout, "unknown architecture: it is XTTS v1, which has no perceiver; XTTS v2 is needed")
    if numbers is None:
        sure = ("gpt.gpt.ln_f.weight", "gpt.text_embedding.weight", "gpt.mel_embedding.weight")
        return refused(layout, "; ".join(listed("missing", [n for n in sure if n not in weights])) or "it is cut down")
    architecture = _described(numbers, weights)
    amiss = [
        *other_numbers(numbers, args or {}),
        *_conflicts(seen),
        *_compare(weights, numbers, vocabulary),
        *listed("unexpected", seen.strange),
    ]
    if amiss:
        return refused(layout, "; ".join(amiss), architecture)
    return _verdict(contents, holders[0], seen, layout, architecture, weights)


def _looks_like(tensors: Mapping[str, Tensor]) -> bool:
    return any(_split(name)[1].startswith(_ROOTS) for name in tensors)


def _split(name: str) -> tuple[str, str]:
    """Split a name into its known leading wrappers and the rest."""
    parts = name.split(".")
    known = 0
    while known < len(parts) - 1 and parts[known] in _STRIPPED:
        known += 1
    return ".".join(parts[:known]), ".".join(parts[known:])


def _sort(tensors: Mapping[str, Tensor]) -> _Sorted:
    seen = _Sorted()
    for name, tensor in tensors.items():
        prefix, rest = _split(name)
        if rest.split(".")[0] in _TRAINING:
            seen.training.append(name)
        elif rest.startswith(_ROOTS):
            seen.weights[_first_name(rest)][name] = tensor
            seen.prefixes.add(prefix)
        else:
            seen.strange.append(name)
    return seen


def _first_name(name: str) -> str:
    for pattern, first in _SECOND:
        if match := re.fullmatch(pattern, name):
            return match.expand(first)
    return _normal(name)


def _conflicts(seen: _Sorted) -> Iterator[str]:
    """Second names that are not aliases: if the tensors differ, only one can be right."""
    split = (
        f"{name} ({', '.join(sorted(tensors)[:2])})"
        for name, tensors in seen.weights.items()
        if len(set(tensors.values())) > 1
    )
    yield from listed("two different tensors for one weight", split)


def _compare(weights: Mapping[str, Tensor], numbers: Mapping[str, int], vocabulary: int | None) -> list[str]:
    expected = expected_keys({**numbers, "vocabulary": numbers["vocabulary"] if vocabulary is None else vocabulary})
    integers = [name for name in expected if name.endswith(INTEGER)]
    return differences(weights, expected, embedding=VOCABULARY, integers=integers)


def _described(numbers: Mapping[str, int], weights: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "family": "xtts",
        "backbone": "Xtts v2",
        "dim": numbers["channels"],
        "depth": numbers["layers"],
        "heads": None,
        "text_dim": numbers["channels"],
        "vocabulary": numbers["vocabulary"],
        "dtype": Counter(tensor.dtype for tensor in weights.values()).most_common(1)[0][0],
        "config": "unknown",
    }


def _layout(contents: Contents, wrapper: Wrapper, seen: _Sorted) -> str:
    if contents.foreign:
        return "xtts-pickled-config"
    names = {name for tensors in seen.weights.values() for name in tensors}
    second = any(re.search(r"(?:^|\.)gpt_inference\.", name) for name in names)
    first = any(re.search(r"(?:^|\.)gpt\.gpt\.h\.", name) for name in names)
    kind = "xtts-inference" if second and first else "xtts-inference-only" if second else "xtts"
    if not first and not second:
        kind = "xtts-renamed"
    if seen.training:
        kind += "-trainer"
    if wrapper != _MODEL:
        kind += "-bare"
    return kind + ("-ddp" if any("module" in prefix for prefix in seen.prefixes) else "")


def _verdict(
    contents: Contents,
    wrapper: Wrapper,
    seen: _Sorted,
    layout: str,
    architecture: Mapping[str, Any],
    weights: Mapping[str, Tensor],
) -> Diagnosis:
    config = contents.root.get("config") if isinstance(contents.root, dict) else None
    plain = _plain(config)
    if isinstance(plain, dict) and contents.foreign:
        plain["speakers"] = []  # as coqui-tts does
    changes = list(_changes(contents, wrapper, seen))
    if not changes:
        return Diagnosis("ready", layout, "", architecture, lossless=True, kept=weights, output="torch", config=plain)
    drops = []
    second = [name for tensors in seen.weights.values() for name in list(tensors)[1:]]
    if second:
        drops.append(f"{counted(second, 'second name')} of tensors that stay")
    if seen.training:
        drops.append(f"{counted(seen.training, 'tensor')}: training parts that the loader skips")
    state = [key for key in contents.others.get((), ()) if key.startswith(_TRAINING_STATE)]
    if state:
        drops.append(f"training state: {', '.join(sorted(state))}")
    lossless = not (seen.training or state)
    reason = "; ".join([*changes, *drops])
    return Diagnosis(
        "repairable", layout, reason, architecture, tuple(changes), tuple(drops), lossless, weights, "torch", plain
    )


def _changes(contents: Contents, wrapper: Wrapper, seen: _Sorted) -> Iterator[str]:
    if contents.kind == "safetensors":
        yield "it is written as a file of torch.save: the loader doesn't take safetensors"
    elif contents.named_safetensors:
        yield "it gets a name that ends in .pth"
    elif wrapper != _MODEL:
        yield "the weights go under the key 'model'"
    elif contents.others.get(wrapper):
        yield f"{counted(contents.others[wrapper], 'value')} beside the weights go"
    if contents.foreign:
        yield "the pickled XttsConfig becomes a plain dictionary: the loader would rewrite the file in place at its first load"
    if seen.prefixes - {"", "xtts"}:
        yield f"names lose {', '.join(repr(prefix + '.') for prefix in sorted(seen.prefixes) if prefix)}"
    names = {_split(name)[1] for tensors in seen.weights.values() for name in tensors}
    if not _taken_by_loader(names, set(seen.weights)):
        yield "second names of tensors (gpt_inference) give way to the first"


def _taken_by_loader(names: set[str], model: set[str]) -> bool:
    """Whether the loader takes the names: as they are, or, at its second try, with every second name of an inference model."""
    normal = {_normal(name) for name in names}
    return normal == model or normal == model | _second_names(model)


def _normal(name: str) -> str:
    stem, _, last = name.rpartition(".")
    return f"{stem}.{_WEIGHT_NORM[last]}" if last in _WEIGHT_NORM else name


def _second_names(model: set[str]) -> set[str]:
    inference = "gpt.gpt_inference"
    second = {"gpt.gpt.wte.weight", f"{inference}.transformer.wte.weight", f"{inference}.embeddings.weight"}
    second |= {f"{inference}.pos_embedding.emb.weight"}
    for kind in ("weight", "bias"):
        second |= {f"{inference}.{name}.{kind}" for name in ("final_norm", "lm_head.0", "lm_head.1")}
    return second | {
        name.replace("gpt.gpt.", f"{inference}.transformer.", 1) for name in model if name.startswith("gpt.gpt.")
    }


def _plain(value: Any) -> Any:
    """A configuration as dictionaries, lists and plain values (None for anything else); None if it is too large."""
    try:
        return _simplified(value, _CONFIG_DEPTH, iter(range(_CONFIG_ITEMS)))
    except StopIteration:
        return None


def _simplified(value: Any, depth: int, budget: Iterator[int]) -> Any:
    next(budget)
    if isinstance(value, Call):
        value = value.state
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict) and depth:
        return {str(key): _simplified(inner, depth - 1, budget) for key, inner in value.items() if key != _BOOKKEEPING}
    if isinstance(value, list | tuple) and depth:
        return [_simplified(inner, depth - 1, budget) for inner in value]
    return None
