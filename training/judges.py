"""Who judges speech: Whisper hears the words, Resemblyzer (Apache-2.0, weights in its package) tells voices apart."""

import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cloning.errors import TranscriptionFailed
from engines.whisper.transcriber import WhisperTranscriber
from training.mels import RATE

Sound = NDArray[np.float32]  # at 24 kHz


class Listener(Protocol):
    """Writes down what was said."""

    def hear(self, sound: Sound) -> str:
        """The words; nothing if none are heard."""
        ...


class Whisper:
    """A folder of local/whisper.py, through the worker's own transcriber."""

    def __init__(self, folder: Path, device: str) -> None:
        self._whisper = WhisperTranscriber.load(str(folder), device)

    def hear(self, sound: Sound) -> str:
        try:
            return self._whisper.transcribe(sound, RATE, language="en").text
        except TranscriptionFailed:
            return ""


class Likeness:
    """How alike two voices are. Raises ModuleNotFoundError if resemblyzer is not installed."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports from where SciPy 2 has nothing left
            import resemblyzer
        self._encoder: Any = resemblyzer.VoiceEncoder("cpu", verbose=False)
        self._prepared: Any = resemblyzer.preprocess_wav

    def voice_of(self, sound: Sound) -> NDArray[np.float32]:
        """A unit vector; the product of two is their likeness."""
        vector: NDArray[np.float32] = self._encoder.embed_utterance(self._prepared(sound, RATE))
        return vector
