"""What a check is given, and what it says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from cloning.ports import Samples


@dataclass(frozen=True)
class Speech:
    """
    One chunk of speech and what it should say.

    `expected_s` is its planned length in seconds, `reference_text` what the voice's recording says, which must not leak into the speech;
    both improve a check where they are known. `language` is that of the text ('en', 'zh-TW').
    """

    samples: Samples
    sample_rate: int
    text: str
    language: str | None = None
    expected_s: float | None = None
    reference_text: str = ""


class ProblemKind(StrEnum):
    """What can be wrong with speech."""

    MISSING_WORD = "MISSING_WORD"
    """A word of the text is not heard, or another one in its place."""
    DOUBLED_WORD = "DOUBLED_WORD"
    """A word is said again."""
    EXTRA_SPEECH = "EXTRA_SPEECH"
    """Something is said that is not in the text."""
    LEAKED_REFERENCE = "LEAKED_REFERENCE"
    """What is said too much are words of the voice's recording."""
    LOOP = "LOOP"
    """Several words are said again."""
    SILENCE = "SILENCE"
    """There is no speech, or a long hole in it."""
    PACE = "PACE"
    """The speech is much shorter or longer than planned."""
    CUT_OFF = "CUT_OFF"
    """The last word breaks off."""
    NOISE = "NOISE"
    """There is sound that is no speech."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `word` is the text's word at or before it, `text_start` its code point ('' and None: of the whole)."""

    kind: ProblemKind
    word: str = ""
    text_start: int | None = None


@dataclass(frozen=True)
class Verdict:
    """
    Whether speech says its text.

    `score` is 0 to 1, to choose the best of several draws by (1: nothing is doubtful); it is no probability. `wer` is the share of words
    heard otherwise (of characters in languages without spaces) and `worst_run` the longest run of such words; None without a
    transcription. `unavailable` tells in `reason` why nothing can be said; no problem is named then. `phones` is whether a phone model had an
    opinion; None if none was asked.
    """

    state: Literal["passed", "failed", "unavailable"]
    score: float = 0.0
    wer: float | None = None
    worst_run: int | None = None
    problems: tuple[Problem, ...] = ()
    reason: str = ""
    phones: bool | None = None


@dataclass(frozen=True)
class Word:
    """
    A word of a text and when it is said.

    `text_start` and `text_end` are code points of the given text, `start` and `end` seconds of the recording. Not `reliable`: the
    recording gives no evidence of the word, so it has no times (None). `confidence` is 0 to 1.
    """

    text: str
    text_start: int
    text_end: int
    start: float | None
    end: float | None
    confidence: float
    reliable: bool
