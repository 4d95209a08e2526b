"""F5's mel of a wave in 8 bits (steps far below the model's own error), and words moved to where their letters lie."""

import math

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from training import flite

RATE, HOP, BINS = 24_000, 256, 100
LOUDNESS = 0.1  # rms, to which f5_tts brings a quiet prompt
FLOOR, STEP = math.log(1e-5), 1 / 16  # log amplitude: the real value of an 8-bit mel is value * STEP + FLOOR

Mel = NDArray[np.uint8]  # [frames, BINS]


class Mels:
    """Makes mels: the transform of f5_tts.model.modules.get_vocos_mel_spectrogram."""

    def __init__(self) -> None:
        self._transform = torchaudio.transforms.MelSpectrogram(
            RATE, n_fft=1024, win_length=1024, hop_length=HOP, n_mels=BINS, power=1, center=True
        )

    def of(self, samples: NDArray[np.int16]) -> Mel:
        """The mel of a wave of flite's."""
        mel = self._transform(at_model_rate(samples)).clamp(min=1e-5).log().T
        quantised: Mel = ((mel - FLOOR) / STEP).round().clamp(0, 255).to(torch.uint8).numpy()
        return quantised


def at_model_rate(samples: NDArray[np.int16]) -> Tensor:
    """A wave of flite's at 24 kHz and LOUDNESS. The default filter of the resampler leaves images above 8 kHz."""
    sound = torch.from_numpy(samples.astype(np.float32) / 32768)
    sound = torchaudio.functional.resample(sound, flite.RATE, RATE, lowpass_filter_width=48, rolloff=0.97)
    loud: Tensor = sound * (LOUDNESS / sound.pow(2).mean().sqrt())
    return loud


def restored(mel: Tensor) -> Tensor:
    """The real log amplitudes of an 8-bit mel."""
    return mel.float() * STEP + FLOOR


def evenly(mel: Mel, text: str, begins: list[float], even: float, pace: float) -> Mel:
    """
    The mel warped in time, so that words lie nearer to where f5_tts's average upsampling lays their letters.

    `even` 0 leaves everything as it is; 1 gives every letter and space the same time, `pace` letters a second. A text whose
    words flite counts otherwise ("10:30") stays as it is.
    """
    words = text.split(" ")
    if not even or len(words) != len(begins):
        return mel
    frames = round((1 - even) * len(mel) + even * len(text) / pace * RATE / HOP)
    by_letters = np.cumsum([0, *(len(word) + 1 for word in words)])[:-1] / len(text)
    natural = np.array([0, *(begin * RATE / HOP for begin in begins[1:]), len(mel)])
    wanted = frames * (even * np.array([*by_letters, 1]) + (1 - even) * natural / len(mel))
    return _resampled(mel, np.interp(np.arange(frames) + 0.5, wanted, natural) - 0.5)


def _resampled(mel: Mel, at: NDArray[np.float64]) -> Mel:
    """The mel at fractional frames, by linear interpolation."""
    low = np.clip(np.floor(at).astype(int), 0, len(mel) - 2)
    part = np.clip(at - low, 0, 1)[:, None]
    blended: Mel = ((1 - part) * mel[low] + part * mel[low + 1]).round().astype(np.uint8)
    return blended
