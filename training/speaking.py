"""What is measured: a trained model through f5_tts's own inference, and flite, which is the most that it can reach."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np
import soundfile
import torch
from torch import Tensor

from engines.imports.f5 import import_f5
from training import mels
from training.flite import PACE, RATE, Flite
from training.judges import Sound
from training.mels import Mels, at_model_rate, evenly, restored


@dataclass(frozen=True)
class Prompt:
    """Who is to be cloned: a voice, what it says and the file."""

    voice: str
    text: str
    path: Path


class Speaker(Protocol):
    """Says a text in the prompt's voice; the seed is that of the noise."""

    def __call__(self, prompt: Prompt, text: str, seed: int) -> Sound: ...


def make_prompt(voice: str, texts: list[str], folder: Path) -> Prompt:
    """
    Flite's voice saying the text whose pace is nearest to the voice's average.

    f5_tts guesses how long a text takes from the prompt's pace. A prompt that is an eighth too fast makes everything too short,
    outside what was trained.
    """
    flite, folder = Flite(voice), _made(folder)
    spoken = {text: flite.speak(text).samples for text in texts}
    text = min(texts, key=lambda text: abs(len(text) / (len(spoken[text]) / RATE) - PACE[voice]))
    prompt = Prompt(voice, text, folder / f"prompt-{voice}.wav")
    soundfile.write(prompt.path, at_model_rate(spoken[text]).numpy(), mels.RATE)
    return prompt


class Trained:
    """The model of a training's folder and a vocoder, as f5_tts loads them."""

    def __init__(self, folder: Path, vocoder: Any, device: str, nfe_step: int, cfg_strength: float) -> None:
        self._f5 = import_f5()
        from f5_tts.model import DiT

        arch, weights = json.loads((folder / "arch.json").read_text("utf-8")), str(folder / "model.safetensors")
        model = self._f5.load_model(DiT, arch, weights, vocab_file=str(folder / "vocab.txt"), device=device)
        self._model, self._vocoder, self._device = model.float(), vocoder, device
        self._options = {"nfe_step": nfe_step, "cfg_strength": cfg_strength}

    def __call__(self, prompt: Prompt, text: str, seed: int) -> Sound:
        torch.manual_seed(seed)
        with _soundfile_reads():
            path, prompt_text = self._f5.preprocess_ref_audio_text(str(prompt.path), prompt.text)
            sound, _, _ = self._f5.infer_process(
                path, prompt_text, text, self._model, self._vocoder, device=self._device, progress=None, **self._options
            )
        spoken: Sound = np.asarray(sound, np.float32)
        return spoken


class Ceiling:
    """Flite itself (no vocoder), or its mel through the vocoder, its words moved by `even` as in the training data."""

    def __init__(self, vocoder: Any = None, device: str = "cpu", even: float = 0.0) -> None:
        self._vocoder, self._device, self._even, self._mels = vocoder, device, even, Mels()

    def __call__(self, prompt: Prompt, text: str, seed: int) -> Sound:
        del seed  # nothing is drawn
        speech = Flite(prompt.voice).speak(text)
        if self._vocoder is None:
            return np.asarray(at_model_rate(speech.samples).numpy(), np.float32)
        mel = evenly(self._mels.of(speech.samples), text, speech.begins, self._even, PACE[prompt.voice])
        with torch.inference_mode():
            wave: Tensor = self._vocoder.decode(restored(torch.from_numpy(mel)).T[None].to(self._device))
        return np.asarray(wave[0].cpu().numpy(), np.float32)


def load_vocoder(folder: Path, device: str) -> Any:
    """By f5_tts's own loader."""
    return import_f5().load_vocoder(is_local=True, local_path=str(folder), device=device)


@contextmanager
def _soundfile_reads() -> Iterator[None]:
    """Within the block torchaudio.load reads by soundfile: its own way wants FFmpeg's libraries."""

    def load(path: str) -> tuple[Tensor, int]:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(sound.T.copy()), rate

    with patch("torchaudio.load", load):
        yield


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
