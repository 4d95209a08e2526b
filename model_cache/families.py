"""
The model families, and the files of a checkpoint of each.

F5-TTS: a DiT with its weights in `model.safetensors`, a vocab.txt (or f5_tts's own) and a Vocos (or the hub's). XTTS v2: weights
in `model.pth`, the only format that its loader takes, and a vocab.json, always its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from cloning.errors import CheckpointUnusable
from cloning.names import EngineName
from model_cache.layouts.architecture import Dit, XttsArguments
from model_cache.layouts.vocabulary import vocabulary_size
from storage.plain_text import MAX_VOCABULARY, read_text

Backbone = Literal["DiT", "Xtts"]
XTTS: Backbone = "Xtts"


@dataclass(frozen=True)
class Family:
    """
    A family of models: the engine that speaks with it, the class that its weights are for, and the class's arguments.

    `weights` and `vocabulary` are the files' names in a copy: loaders go by them. `cache_bytes` is what a full-size checkpoint takes:
    as it comes, the same repaired, and room to work. `can_be_halved`: the engine computes in half precision on a GPU.
    """

    engine: EngineName
    backbone: Backbone
    arguments: type[BaseModel]
    weights: Literal["model.safetensors", "model.pth"]
    vocabulary: Literal["vocab.txt", "vocab.json"]
    cache_bytes: int
    can_be_halved: bool


FAMILIES: Mapping[EngineName, Family] = {
    "f5": Family("f5", "DiT", Dit, "model.safetensors", "vocab.txt", 3_000_000_000, can_be_halved=True),
    "xtts": Family("xtts", XTTS, XttsArguments, "model.pth", "vocab.json", 4_000_000_000, can_be_halved=False),
}


def family_of(backbone: str) -> Family:
    """The family of a class of models; what no family has (a vocoder) goes with F5-TTS."""
    return next((family for family in FAMILIES.values() if family.backbone == backbone), FAMILIES["f5"])


def xtts_vocabulary_size(vocab: Path) -> int:
    """The number of entries that XTTS's tokenizer reads from a vocab.json: its highest id plus one. Raises CheckpointUnusable."""
    try:
        content = json.loads(read_text(vocab, MAX_VOCABULARY))
        numbers = [*content["model"]["vocab"].values(), *(token["id"] for token in content.get("added_tokens", ()))]
        return max(index(number) for number in numbers) + 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointUnusable("the checkpoint's vocab.json is not the one of an XTTS tokenizer") from error


def entries_of(backbone: str, vocab: Path | None, default: Path) -> int:
    """The number of entries in a checkpoint's vocabulary; `default` is f5_tts's own vocab.txt. Raises CheckpointUnusable."""
    if backbone != XTTS:
        return vocabulary_size(vocab or default)
    if vocab is None:
        raise CheckpointUnusable("an XTTS checkpoint needs its vocab.json: name it as `vocab` in the checkpoint.json")
    return xtts_vocabulary_size(vocab)
