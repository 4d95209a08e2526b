"""An engine and a speech recogniser, and their inputs: voices, texts, values."""

from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True)
class Transcript:
    """The words in a recording, and the recogniser that heard them."""

    text: str
    model: str


@dataclass(frozen=True)
class Token:
    """
    A piece of a text as a recogniser reads it, found in a recording.

    `text_start` and `text_end` are code points of the text; `start` and `end` are seconds of the recording, by attention: pauses belong
    to a neighbour. The others are natural logarithms: `log_probability` of the token, given the sound and all before it, and `best` of
    what the recogniser would rather have there; `again` that the word just said begins again there, `again_by_text` the same without
    any sound; `back` is how much the sound raises the chance that an earlier word begins again there.
    """

    text_start: int
    text_end: int
    start: float
    end: float
    log_probability: float
    best: float
    again: float
    again_by_text: float
    back: float


@dataclass(frozen=True)
class Alignment:
    """
    A text laid over a recording: its tokens in order, and `end`, which stands for nothing more being said.

    `attended` is the attention of all of them together to each 20 ms of the recording: sound without attention is not of the text. `model`
    names the recogniser.
    """

    tokens: tuple[Token, ...]
    end: Token
    attended: NDArray[np.float32]
    model: str


@dataclass(frozen=True)
class Unaligned:
    """
    Why a text could not be laid over a recording; an answer, not a failure.

    `reason` is for a log or reply: 'tokenizer' (it doesn't encode as its model was trained), 'alignment_heads' (the recogniser names
    none, or others than it has), 'generation_config' (it doesn't name its special tokens), 'language' (it doesn't know it),
    'text_too_long', 'sound_too_long' (over 30 s), 'no_text', 'no_sound'.
    """

    reason: str
    model: str


class SpeakerModel(Protocol):
    """Compares voices. Only the owner of the GPU may call it."""

    name: str

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float:
        """How alike the voices in two recordings are: 1 for the same, about 0 and less for very different ones."""


class Transcriber(Protocol):
    """A loaded speech recogniser. Only the owner of the GPU may call it."""

    model: str

    def transcribe(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = keep_going
    ) -> Transcript:
        """Transcribe a recording, calling `before_step` as `Engine.speak` does. Raises TranscriptionFailed if no words are heard, and device errors as `speak`."""

    def hear(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = keep_going
    ) -> str:
        """
        Transcribe a recording of at most 30 s, for a check; '' if no words are heard.

        Raises TranscriptionFailed for a language that the recogniser doesn't know, and device errors as `transcribe`.
        """

    def align(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> Alignment | Unaligned:
        """
        Lay the text over the recording: how likely each piece of it is there, and where. Nothing is transcribed.

        A following `hear` of the same samples shares the costly part. Raises what `before_step` raises, and device errors as `transcribe`.
        """

    def memory(self) -> dict[str, object]:
        """As `Engine.memory`."""
