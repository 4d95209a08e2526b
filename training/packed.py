"""Utterances in one file: their texts, voices and mels, the waves of some for the vocoder, and the sentences kept back."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.mels import BINS, HOP, RATE, Mel
from training.runs import write_whole


@dataclass(frozen=True)
class Corpus:
    """`texts`, `voices` and `mels` are of the same length; `unseen` is not among the texts."""

    texts: list[str]
    voices: list[str]
    mels: list[Tensor]  # uint8 [frames, BINS]
    waves: list[Tensor]  # int16, at flite's rate
    unseen: list[str]

    @property
    def hours(self) -> float:
        return sum(map(len, self.mels)) * HOP / RATE / 3600


def save(path: Path, texts: list[str], voices: list[str], mels: list[Mel], waves: list[NDArray[np.int16]], unseen: list[str]) -> None:  # fmt: skip
    """Write the file; it appears whole or not at all."""
    index = {
        "texts": texts,
        "voices": voices,
        "frames": [len(mel) for mel in mels],
        "samples": [len(wave) for wave in waves],
        "unseen": unseen,
    }
    delta = np.diff(np.concatenate(mels), axis=0, prepend=np.zeros((1, BINS), np.uint8))  # wraps round; packs better
    numbers = np.frombuffer(json.dumps(index).encode(), np.uint8)

    def write(staging: Path) -> None:
        with staging.open("wb") as file:  # by a path numpy would add its own suffix
            np.savez_compressed(file, mel=delta, wave=np.concatenate(waves), index=numbers)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, write)


def load(path: Path) -> Corpus:
    """Read a file of `save`."""
    with np.load(path) as packed:
        index = json.loads(packed["index"].tobytes())
        mel = torch.from_numpy(np.cumsum(packed["mel"], axis=0, dtype=np.uint8))
        wave = torch.from_numpy(packed["wave"])
    mels, waves = torch.split(mel, index["frames"]), torch.split(wave, index["samples"])
    return Corpus(index["texts"], index["voices"], list(mels), list(waves), index["unseen"])
