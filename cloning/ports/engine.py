"""An engine and its inputs: voices, texts, values."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio, shape [n], nominally within [-1, 1]."""


@dataclass(frozen=True)
class Alphabet:
    """
    The characters that a checkpoint can be given.

    `languages` are those that it speaks, as far as it says so; `knows` says of a text, or of a single character, whether all of it
    would reach the model.
    """

    checkpoint: str
    languages: tuple[str, ...]
    knows: Callable[[str], bool]


@dataclass(frozen=True)
class Reference:
    """
    A voice as an engine needs it.

    `path` is a 24 kHz mono PCM16 WAV of at most 12 s, `text` exactly the words in it ('' if no engine that may speak needs
    them), `sha256` the file's digest and `duration` its length in seconds. `language` is that of the text to speak ('pt', 'zh'),
    if it is known.
    """

    path: Path
    text: str
    sha256: str
    duration: float
    language: str | None = None


@dataclass(frozen=True)
class F5Parameters:
    """The values of F5-TTS's own command line that shape the sound, as applied. Times are in seconds."""

    nfe_step: int = 32
    cfg_strength: float = 2.0
    sway_sampling_coef: float = -1.0
    speed: float = 1.0
    target_rms: float = 0.1
    cross_fade_duration: float = 0.15
    fix_duration: float | None = None
    remove_silence: bool = False


@dataclass(frozen=True)
class XttsParameters:
    """
    The values of XTTS's own `inference` and `get_conditioning_latents` that shape the sound, as applied. Times are in seconds.

    The defaults are those of the published model's config.json. `length_penalty` has an effect only with `num_beams` over 1. Chunks are
    joined without a cross-fade, as coqui-tts joins sentences.
    """

    temperature: float = 0.75
    top_p: float = 0.85
    top_k: int = 50
    repetition_penalty: float = 5.0
    num_beams: int = 1
    length_penalty: float = 1.0
    gpt_cond_chunk_len: int = 4
    sound_norm_refs: bool = False
    speed: float = 1.0
    cross_fade_duration: float = 0.0
    remove_silence: bool = False


Parameters = F5Parameters | XttsParameters


@dataclass(frozen=True)
class EngineFacts:
    """
    The facts of what really speaks, copied into the reply and the manifest. `license_notice` is for the users of the speech.

    `sampler_proof` says why this sampler is used, if that had to be proved; it doesn't shape the samples.
    """

    engine: str
    device: str
    dtype: str
    sampler: str
    checkpoint: str
    checkpoint_sha256: str
    checkpoint_license: str
    checkpoint_note: str
    license_notice: str
    vocoder: str
    sampler_proof: Mapping[str, object] | None = field(default=None, compare=False)


def keep_going() -> None:
    """Never stop the engine."""


@dataclass(frozen=True)
class Utterance:
    """The arguments of one `speak`, for batches."""

    reference: Reference
    text: str
    seed: int
    parameters: F5Parameters
    before_step: Callable[[], None] = keep_going

    @property
    def steps(self) -> Hashable:
        """What utterances must have in common to be solved in the same steps."""
        asked = self.parameters
        return asked.nfe_step, asked.cfg_strength, asked.sway_sampling_coef


class Engine(Protocol):
    """A loaded model. Only the owner of the GPU may call it. `can_be_frugal` says whether `frugal` makes a difference to it."""

    sample_rate: int
    can_be_frugal: bool
    facts: EngineFacts

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        """
        Speak one chunk of text: float32 samples at `sample_rate`; the same arguments give the same samples.

        `before_step` is called before each step of the model and may raise to stop: the engine is then as good as new. `frugal` is
        for a second try if memory was short: slower in less memory, and equal but for rounding. Raises GpuOutOfMemory, DeviceMismatch,
        WorkerUnfit, and TypeError for another engine's parameters.
        """

    def alphabet(self, language: str | None) -> Alphabet:
        """The characters of a text in that language that reach the model. Any thread may ask."""

    def memory(self) -> dict[str, object]:
        """For `health`: `loaded_on` which device, `gpu_bytes` and `host_bytes` of its weights. Touches no device."""


@runtime_checkable
class SpeaksMany(Protocol):
    """An engine that can make several utterances at once."""

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        """
        Return for each what `Engine.speak` returns or raises, in order. Raises a failure of the whole batch.

        The other utterances change no samples in float32; in half precision only rounding.
        """
