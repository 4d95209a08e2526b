"""
The model families, and the files of a checkpoint of each.

F5-TTS: a DiT with its weights in `model.safetensors`, a vocab.txt (or f5_tts's own) and a Vocos (or the hub's). XTTS v2: weights
in `model.pth`, the only format that its loader takes, and a vocab.json, always its own.
"""

import json
from collections.abc import Mapping
from operator import index
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from cloning.errors import CheckpointUnusable
from cloning.names import EngineName
from model_cache.layouts.architecture import Dit, XttsArguments
from model_cache.layouts.vocabulary import vocabulary_size
from storage.plain_text import MAX_VOCABULARY, read_text

Backbone = Literal["DiT", "Xtts"]
XTTS: Backbone = "Xtts"
XTTS_V2 = "XTTS_v2"
# The `model_args` of XTTS v2's published config.json, as XttsArgs of coqui-tts takes them (read in public copies of the file).
XTTS_V2_ARGS: Mapping[str, Any] = {
    "gpt_layers": 30,
    "gpt_n_model_channels": 1024,
    "gpt_n_heads": 16,
    "gpt_max_audio_tokens": 605,
    "gpt_max_text_tokens": 402,
    "gpt_max_prompt_tokens": 70,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "gpt_code_stride_len": 1024,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 1024,
}
ARGUMENTS: Mapping[Backbone, type[BaseModel]] = {"DiT": Dit, "Xtts": XttsArguments}


def engine_of(backbone: str) -> EngineName:
    """The engine that speaks with such weights."""
    return "xtts" if backbone == XTTS else "f5"


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
