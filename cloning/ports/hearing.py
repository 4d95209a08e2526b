"""A speech recogniser, a model that compares voices and one that knows phones, and their answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cloning.ports.engine import Samples, keep_going


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
    names the recogniser. `primed` is the same, asked of a recogniser that has just read the text's words, each twice and in disorder: it
    knows them all, and takes a word that is said twice for nothing unusual.
    """

    tokens: tuple[Token, ...]
    end: Token
    attended: NDArray[np.float32]
    model: str
    primed: "Alignment | None" = None


@dataclass(frozen=True)
class LikelihoodRatio:
    """
    How much likelier another text is in a recording than its own, to a recogniser primed with its own as in `Alignment`.

    Natural logarithms, 0 is as likely; `by_text` is the same without any sound.
    """

    gain: float
    by_text: float


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

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float | None:
        """
        How alike the voices in two recordings are: 1 for the same, about 0 and less for very different ones.

        None if one is silent or shorter than 25 ms. May raise anything: the caller goes on without a figure.
        """


@dataclass(frozen=True)
class AddedPhones:
    """
    How much the sound speaks for added speech at its likeliest place, against the text alone: `gain` in natural logarithms.

    `text_start` and `text_end` are the code points of the text's word before it, of the first word for what stands in front.
    """

    gain: float
    text_start: int
    text_end: int


class PhoneModel(Protocol):
    """Compares speech with its text phone by phone, on the CPU. Any thread may call it."""

    name: str

    def added(self, samples: Samples, sample_rate: int, text: str, *, language: str | None) -> AddedPhones | None:
        """
        How much more than the text the recording may say.

        None if there is no opinion: another language, a word that the model doesn't know, a recording that is too long. May raise
        anything: the caller goes on without an opinion.
        """


class Transcriber(Protocol):
    """A loaded speech recogniser. Only the owner of the GPU may call it."""

    model: str

    def transcribe(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = keep_going
    ) -> Transcript:
        """Transcribe a recording, calling `before_step` as `Engine.speak` does. Raises TranscriptionFailed if no words are heard, and device errors as `speak`."""

    def hear(
        self,
        samples: Samples,
        sample_rate: int,
        *,
        language: str | None,
        knowing: str = "",
        before_step: Callable[[], None] = keep_going,
    ) -> str:
        """
        Transcribe a recording of at most 30 s, for a check; '' if no words are heard. `knowing` is a text that the recogniser is
        primed with, as in `Alignment`.

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

    def rescore(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        others: Sequence[str],
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[LikelihoodRatio, ...]:
        """
        Lay each of the other texts over the recording as well.

        For texts that can be aligned; one that is too long for the recogniser has a gain of -inf. Raises as `align`.
        """

    def guess(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[str, ...]:
        """
        The text with one word added each time, a few that the recording may say, to be rescored.

        For texts that can be aligned; none for one that is too long for the recogniser. Raises as `align`.
        """

    def memory(self) -> dict[str, object]:
        """As `Engine.memory`."""
