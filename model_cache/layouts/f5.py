"""
The layouts in which F5-TTS and E2-TTS weights are published, and what each needs for f5_tts's own loader.

Known wrapper segments are stripped from each name. The file is accepted only if the *whole* set of names and shapes is then the
architecture's; a prefix that merely looks right proves nothing. If a file holds several sets of weights, the EMA's are taken, as
the loader does; two sets of equal rank are refused.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from model_cache.formats.contents import Contents, Tensor, Wrapper
from model_cache.layouts.diagnosis import Diagnosis, counted, differences, listed, refused
from model_cache.layouts.f5_tensors import TEXT_EMBEDDING, backbone_of, expected_keys, numbers_of

# What f5_tts 1.1.22 itself does with a file (infer/utils_infer.py, load_checkpoint):
_LOADER_TAKES = "ema_model_state_dict"
_LOADER_SKIPS = ("initted", "step")
_LOADER_STRIPS = "ema_model."
_LOADER_DELETES = ("mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")  # after stripping

_ROOT = "transformer"
_EMA = {"ema", "ema_model", "ema_model_state_dict", "ema_state_dict"}
_ONLINE = "online_model"
_PLAIN = {"model", "module", "_orig_mod", "state_dict", "model_state_dict"}
_KNOWN = _EMA | _PLAIN | {_ONLINE}
_COUNTERS = (*_LOADER_SKIPS, "update")
_NOT_WEIGHTS = ("optimizer", "scheduler", "lr_scheduler", "scaler")

_LAYOUTS = {"": "bare", "ema_model": "ema-model", "ema": "ema-prefix", "ema.ema_model": "ema-object"}
_LAYOUTS |= {"ema_model.module": "ddp", "module": "ddp", "ema_model._orig_mod": "compiled", "_orig_mod": "compiled"}
_LAYOUTS |= {"model": "lightning"}
_WRAPPERS = {"": "bare-pt", _LOADER_TAKES: "pruned-pt", "model_state_dict": "online-pt", "state_dict": "state-dict-pt"}


@dataclass(frozen=True)
class Wanted:
    """What the caller knows of the model, if anything: its configuration's name, backbone, arguments and vocabulary size."""

    config: str | None = None
    backbone: str | None = None
    arch: Mapping[str, Any] | None = None
    vocabulary: int | None = None


@dataclass
class _Set:
    """One set of weights in a file, by the names of the architecture; `counters` and `buffers` go with it."""

    wrapper: Wrapper
    prefix: tuple[str, ...]
    weights: dict[str, Tensor] = field(default_factory=dict)
    extras: dict[str, Tensor] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """0 for the EMA, 1 for plain weights, 2 for the online weights of an EMA object, which are never used for speech."""
        words = {*self.wrapper, *self.prefix}
        if _ONLINE in words:
            return 2
        return 0 if words & _EMA else 1

    @property
    def place(self) -> str:
        return "".join(f"{part}." for part in (*self.wrapper, *self.prefix))

    def names(self) -> dict[str, Tensor]:
        """The set under names that f5_tts takes, never longer than those in the file."""
        prefix = _LOADER_STRIPS if "ema_model" in self.prefix else ""
        return {f"{prefix}{name}": tensor for name, tensor in self.weights.items()} | self.extras


@dataclass
class _Sorted:
    """All tensors of a file: the sets of weights, what may be left out (by its kind), and the unknown rest."""

    sets: dict[tuple[Wrapper, tuple[str, ...]], _Set] = field(default_factory=dict)
    spare: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    strange: list[str] = field(default_factory=list)


def diagnose(contents: Contents, wanted: Wanted) -> Diagnosis:
    """Diagnose what makes f5_tts's strict loader find exactly one model's weights in a file."""
    if contents.foreign:
        return refused("foreign-classes", f"{_NEEDS_CODE}: {', '.join(contents.foreign[:5])}")
    seen = _sort(contents)
    loaded = _as_loaded(contents)
    if loaded is not None and (architecture := _compare(loaded, wanted)) and not isinstance(architecture, list):
        kept = {name: tensor for name, tensor in contents.dicts[_taken(contents)].items() if name not in _LOADER_SKIPS}
        layout = _layout(contents, _best(seen) or _Set((), ()))
        return Diagnosis("ready", layout, "", architecture, lossless=True, kept=kept)
    chosen = _best(seen)
    if isinstance(chosen, str) or chosen is None:
        return refused("unknown", chosen or _unknown(contents))
    layout = _layout(contents, chosen)
    verdict = _compare(chosen.weights, wanted)
    if isinstance(verdict, list):
        return refused(layout, "; ".join(verdict), _described(chosen.weights, wanted))
    if seen.strange:
        return refused(layout, "; ".join(listed("unexpected", seen.strange)), verdict)
    return _repairable(contents, seen, chosen, layout, verdict)


_NEEDS_CODE = "the file holds objects that can't be rebuilt without running its code, and f5_tts's loader refuses it"


def _sort(contents: Contents) -> _Sorted:
    found = _Sorted()
    extras: list[tuple[Wrapper, tuple[str, ...], str, Tensor]] = []
    for wrapper, tensors in contents.dicts.items():
        if wrapper and wrapper[0].startswith(_NOT_WEIGHTS):
            found.spare["training state"].extend(_path(wrapper, name) for name in tensors)
            continue
        for name, tensor in tensors.items():
            prefix, rest = _split(name)
            key = (wrapper, prefix)
            if rest.startswith(f"{_ROOT}.") and set(wrapper) <= _KNOWN:
                found.sets.setdefault(key, _Set(*key)).weights[rest] = tensor
            elif rest in _COUNTERS or rest in _LOADER_DELETES:
                extras.append((wrapper, prefix, rest, tensor))
            elif rest.startswith("vocoder.") or wrapper[:1] == ("vocoder",):
                found.spare["the vocoder's, which goes into a file of its own"].append(_path(wrapper, name))
            else:
                found.strange.append(_path(wrapper, name))
    _give_extras(found, extras)
    return found


def _give_extras(found: _Sorted, extras: list[tuple[Wrapper, tuple[str, ...], str, Tensor]]) -> None:
    """Assign counters and buffers to the chosen set if they share its prefix or part of it; drop the rest."""
    chosen = _best(found)
    for wrapper, prefix, name, tensor in extras:
        mine = isinstance(chosen, _Set) and wrapper == chosen.wrapper and prefix == chosen.prefix[: len(prefix)]
        if isinstance(chosen, _Set) and mine and name != "update" and name not in chosen.extras:
            chosen.extras[name] = tensor
        else:
            found.spare["counter or buffer"].append(_path(wrapper, ".".join((*prefix, name))))


def _split(name: str) -> tuple[tuple[str, ...], str]:
    """Split a name into its known leading segments and the rest."""
    parts = name.split(".")
    known = 0
    while known < len(parts) - 1 and parts[known] in _KNOWN:
        known += 1
    return tuple(parts[:known]), ".".join(parts[known:])


def _best(found: _Sorted) -> _Set | str | None:
    """The set of weights to use; a reason if it is ambiguous, None if there is none."""
    if not found.sets:
        return None
    ranked = sorted(found.sets.values(), key=lambda each: each.rank)
    best = [each for each in ranked if each.rank == ranked[0].rank]
    if any(each.weights != best[0].weights for each in best):
        places = " and ".join(repr(each.place or "no prefix") for each in best[:3])
        return f"it holds several sets of weights, under {places}, and nothing says which one is meant"
    if best[0].rank > 1:
        return f"it holds only the online weights of an EMA object ({best[0].place!r}), and not the EMA's"
    return best[0]


def _taken(contents: Contents) -> Wrapper:
    return (_LOADER_TAKES,) if contents.kind == "torch" else ()


def _as_loaded(contents: Contents) -> dict[str, Tensor] | None:
    """The tensors that f5_tts's loader would load from the file as it is; None if it fails or would mix up tensors silently."""
    wrapper = _taken(contents)
    if contents.named_safetensors != (contents.kind == "safetensors") or wrapper not in contents.dicts:
        return None
    tensors = {name: tensor for name, tensor in contents.dicts[wrapper].items() if name not in _LOADER_SKIPS}
    if set(contents.others.get(wrapper, ())) - set(_LOADER_SKIPS):
        return None
    names = Counter(name.replace(_LOADER_STRIPS, "") for name in tensors)
    if max(names.values(), default=0) > 1:
        return None
    loaded = {name.replace(_LOADER_STRIPS, ""): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in loaded.items() if name not in _LOADER_DELETES}


def _compare(weights: Mapping[str, Tensor], wanted: Wanted) -> dict[str, Any] | list[str]:
    """The architecture if the weights are exactly its own, else the differences."""
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    backbone = backbone_of(shapes)
    if backbone not in {"DiT", "UNetT"}:
        what = backbone or "no known backbone"
        return [f"unknown architecture ({what}): it has {', '.join(sorted(shapes)[:3])}"]
    if wanted.backbone and wanted.backbone != backbone:
        return [f"its backbone is {backbone}, the configuration needs {wanted.backbone}"]
    numbers = numbers_of(shapes)
    arch = wanted.arch or numbers
    vocabulary = (numbers or {}).get("vocabulary") if wanted.vocabulary is None else wanted.vocabulary
    if arch is None or vocabulary is None:
        return [*listed("missing", {TEXT_EMBEDDING} - shapes.keys())] or [
            "it has too few tensors to derive the model's arguments"
        ]
    amiss = differences(weights, expected_keys(arch, vocabulary, backbone), embedding=[TEXT_EMBEDDING], row_0=1)
    if amiss and wanted.arch and numbers:
        amiss = [*_other_numbers(numbers, wanted), *amiss]
    return amiss or _described(weights, wanted, numbers)


def _other_numbers(numbers: Mapping[str, Any], wanted: Wanted) -> Iterator[str]:
    """Sizes that show another configuration."""
    arch = wanted.arch or {}
    other = [name for name in ("dim", "depth") if name in arch and arch[name] != numbers[name]]
    if other:
        there, needed = (", ".join(f"{name} {source[name]}" for name in other) for source in (numbers, arch))
        yield f"size mismatch: it has {there}, the configuration {wanted.config or 'asked for'} has {needed}"


def _described(
    weights: Mapping[str, Tensor], wanted: Wanted, numbers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    numbers = numbers or numbers_of(shapes) or {}
    backbone = backbone_of(shapes)
    return {
        "family": "e2-tts" if backbone == "UNetT" else "f5-tts",
        "backbone": backbone,
        **{name: numbers.get(name) for name in ("dim", "depth", "heads", "text_dim", "vocabulary")},
        "dtype": Counter(tensor.dtype for tensor in weights.values()).most_common(1)[0][0] if weights else None,
        "config": wanted.config or "unknown",
    }


def _layout(contents: Contents, chosen: _Set | str) -> str:
    if isinstance(chosen, str):
        return "unknown"
    prefix = ".".join(chosen.prefix)
    if contents.kind == "torch":
        wrapper = ".".join(chosen.wrapper)
        if wrapper == _LOADER_TAKES and any(
            key[:1] in {("model_state_dict",), ("optimizer_state_dict",)} for key in _all(contents)
        ):
            return "trainer-pt"
        if wrapper or not prefix:
            return _WRAPPERS.get(wrapper, "wrapped-pt")
        return f"{_LAYOUTS.get(prefix, 'prefixed')}-pt"
    if not contents.named_safetensors:
        return "misnamed-safetensors"
    return _LAYOUTS.get(prefix, "prefixed")


def _all(contents: Contents) -> set[Wrapper]:
    return {*contents.dicts, *contents.others}


def _repairable(
    contents: Contents, seen: _Sorted, chosen: _Set, layout: str, architecture: Mapping[str, Any]
) -> Diagnosis:
    kept = chosen.names()
    spare = dict(seen.spare)
    for each in seen.sets.values():
        if each is not chosen:
            what = "an alias" if each.weights == chosen.weights else _ROLES[each.rank]
            spare.setdefault(f"{what} under {each.place!r}", []).extend(each.weights)
    training = [key for key in contents.others.get((), ()) if key.startswith(_NOT_WEIGHTS)]
    if training:
        spare.setdefault("training state", [])
    changes = list(_changes(contents, chosen))
    drops = [f"{counted(names, 'tensor')}: {what}" for what, names in sorted(spare.items())]
    lost = {what for what in spare if what != "counter or buffer" and not what.startswith("an alias")}
    return Diagnosis(
        "repairable", layout, "; ".join([*changes, *drops]), architecture, tuple(changes), tuple(drops), not lost, kept
    )


_ROLES = (
    "the EMA's weights",
    "the plain weights, which are not the EMA's",
    "the online weights (never used for speech)",
)


def _changes(contents: Contents, chosen: _Set) -> Iterator[str]:
    stripped = ".".join(part for part in chosen.prefix if part != "ema_model")
    if stripped:
        yield f"{counted(chosen.weights, 'weight')} lose {stripped + '.'!r}, which f5_tts doesn't strip"
    if contents.kind == "torch":
        source = f"{'.'.join(chosen.wrapper)!r}" if chosen.wrapper else "the outermost dictionary"
        yield f"{counted(chosen.weights, 'weight')} of {source} are written as safetensors"
        if chosen.rank == 1:
            yield "these are the online weights: the file names no EMA"
    elif not contents.named_safetensors:
        yield "the file gets a name that ends in .safetensors: f5_tts goes by it"


def _path(wrapper: Wrapper, name: str) -> str:
    return "/".join((*wrapper, name))


def _unknown(contents: Contents) -> str:
    names = [_path(wrapper, name) for wrapper, tensors in contents.dicts.items() for name in tensors]
    if not names:
        return "not a checkpoint: it holds no tensors"
    return f"unknown architecture: {counted(names, 'tensor')}, such as {', '.join(name[:100] for name in names[:3])}"
