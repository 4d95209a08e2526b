"""Verdicts on checkpoint files, and the comparison of a file's tensors with those that a model needs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from model_cache.formats.contents import WEIGHT_TYPES, Shapes, Tensor

Verdict = Literal["ready", "repairable", "refused"]
_SHOWN = 3  # names in a sentence


@dataclass(frozen=True)
class Diagnosis:
    """
    The verdict on a file. `kept` is what the loadable file holds: name -> tensor of the source; `config` is added in a .pth.

    `layout` is a short stable name; `changes` and `drops` describe what a repair does; `lossless` means that only counters would
    be lost (None if refused); `reason` says why the file is not ready.
    """

    verdict: Verdict
    layout: str
    reason: str = ""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    lossless: bool | None = None
    kept: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    output: Literal["safetensors", "torch"] = "safetensors"
    config: Any = field(default=None, repr=False)


def refused(layout: str, reason: str, architecture: Mapping[str, Any] | None = None) -> Diagnosis:
    """A diagnosis that refuses the file, with the reason."""
    return Diagnosis("refused", layout, reason, architecture or {})


def differences(
    found: Mapping[str, Tensor],
    expected: Shapes,
    *,
    embedding: Collection[str] = (),
    integers: Collection[str] = (),
    row_0: int = 0,
) -> list[str]:
    """
    Why a strict load of `found` would fail or take something that is not a weight; empty if it would not.

    Wrong sizes come first: missing tensors are often only their consequence. The tensors `embedding` have one row for each
    entry of the vocabulary, and `row_0` more; `integers` names the tensors that are not floats.
    """
    common = sorted(found.keys() & expected.keys())
    wrong = {name: found[name].shape for name in common if found[name].shape != expected[name]}
    return [
        *_wrong_shapes(wrong, expected, embedding, row_0),
        *listed("missing", expected.keys() - found.keys()),
        *listed("unexpected", found.keys() - expected.keys()),
        *listed("not floating point", (n for n in common if n not in integers and found[n].dtype not in WEIGHT_TYPES)),
    ]


def listed(what: str, names: Iterable[str]) -> Iterator[str]:
    """One sentence with the first few names; nothing if there are no names."""
    if names := sorted(names):
        rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{what}: {', '.join(name[:200] for name in names[:_SHOWN])}{rest}"


def counted(names: Collection[str], what: str) -> str:
    """A count with its noun: '1 counter', '364 weights'."""
    return f"{len(names)} {what}" + ("s" if len(names) != 1 else "")


def _wrong_shapes(wrong: Shapes, expected: Shapes, embedding: Collection[str], row_0: int) -> Iterator[str]:
    name = next(iter(sorted(wrong.keys() & set(embedding))), None)
    if name and wrong.keys() <= set(embedding) and wrong[name][1:] == expected[name][1:]:
        there, wanted = wrong[name][0] - row_0, expected[name][0] - row_0
        yield f"it was trained with a vocabulary of {there} entries, vocab.txt has {wanted}: give the checkpoint's own vocab.txt"
        return
    yield from listed(
        "wrong shape", (f"{name} {list(shape)} instead of {list(expected[name])}" for name, shape in wrong.items())
    )
