"""
The small checkpoint that speaks words: `local/talker/`, a folder of the repository only, neither in the image nor in a wheel.

A toy that `training/` makes. It knows some 500 words and the two voices whose recordings are in the folder, and doesn't sound like
F5-TTS.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

TALKER = Path(__file__).parent / "talker"
STEPS = 16  # solver steps at which its word error rate was measured
CFG_STRENGTH = 1.0  # F5-TTS's own 2.0 overshoots in so small a model
FILES = (
    "checkpoint.json",
    "model.safetensors",
    "vocab.txt",
    "vocoder/config.yaml",
    "vocoder/pytorch_model.bin",
    "voices.json",
    "evaluation.json",
)
_MEASURED = (f"model, NFE {STEPS}", "unseen")


@dataclass(frozen=True)
class Prompt:
    """A recording of one of its voices, and its words."""

    recording: Path
    words: str


@dataclass(frozen=True)
class Talker:
    """The checkpoint's folder, its prompts by name, and each voice's word error rate on sentences that it was not trained on."""

    folder: Path
    prompts: Mapping[str, Prompt]
    error_rates: Mapping[str, float]


def find_talker(folder: Path = TALKER) -> Talker:
    """Find the checkpoint. Raises FileNotFoundError, with the names of the files that are missing."""
    _expect(folder, FILES)
    words: dict[str, str] = json.loads((folder / "voices.json").read_text("utf-8"))
    prompts = {name: Prompt(folder / "voices" / f"{name}.wav", text) for name, text in words.items()}
    _expect(folder, [f"voices/{name}.wav" for name in prompts])
    rates = _error_rates(json.loads((folder / "evaluation.json").read_text("utf-8")))
    return Talker(folder, MappingProxyType(prompts), MappingProxyType(rates))


def _expect(folder: Path, files: tuple[str, ...] | list[str]) -> None:
    if missing := [name for name in files if not (folder / name).is_file()]:
        raise FileNotFoundError(
            f"the small checkpoint is not whole: {folder} has no {', '.join(missing)}. It is part of the repository (git restore "
            "brings it back), and of neither image nor wheel"
        )


def _error_rates(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Each voice's error rate, from the report of training.evaluate."""
    results = {(one["system"], one["set"]): one["utterances"] for one in evaluation["results"]}
    errors: dict[str, int] = {}
    words: dict[str, int] = {}
    for said in results[_MEASURED]:
        errors[said["voice"]] = errors.get(said["voice"], 0) + said["errors"]
        words[said["voice"]] = words.get(said["voice"], 0) + said["words"]
    return {voice: errors[voice] / words[voice] for voice in words}
