"""
When each word of a text is said.

Attention turns to a word a moment before it is said, and gives pauses to either neighbour. So the edges between words are laid into the
sound without its pauses, a little later, and each pause takes the nearest edge for its own.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from cloning.checking.verdict import Speech, Word
from cloning.checking.voiced import STEP_S, Voiced, frame, runs, voiced
from cloning.ports import Alignment, Token, Unaligned

# A word has evidence if its likeliest reading is no less likely than this, and if there is sound for it.
UNRELIABLE = -6.0
_LEAST_SOUND_S = 0.03
# Measured on recordings with known silences (benchmarks/README.md, words): how early attention is, and how far from a pause an edge may
# be, in sound without pauses; long pauses reach further. Shorter gaps are closures inside of words.
_EARLY_S = 0.06
_PAUSE_S = 0.1
_REACH_S, _REACH_OF_PAUSE, _LONG_PAUSE_S = 0.2, 0.5, 0.5

# The text as kinds of characters: letters, digits, signs of scripts without spaces (each a word), and what joins letters or digits.
_SIGN = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_MARKS = {"Mn", "Mc"}
_JOINERS = "'’ʼ`-\u2010\u2011"
_WORD = re.compile("s|[ad]+(?:j[ad]+|(?<=d)p(?=d)[ad]+)*")


@dataclass(frozen=True)
class Placed:
    """A word of the text with the evidence for it: its tokens, and the punctuation behind them as `tail`."""

    text: str
    text_start: int
    text_end: int
    tokens: tuple[Token, ...]
    start: float
    end: float

    @property
    def worst(self) -> float:
        """The log-probability of its least likely token."""
        return min((token.log_probability for token in self.tokens), default=-math.inf)


def spans_of(text: str) -> list[tuple[int, int]]:
    """The code points of each word; punctuation alone is none."""
    return [match.span() for match in _WORD.finditer("".join(map(_kind, text)))]


def _kind(character: str) -> str:
    if character.isalnum() or category(character) in _MARKS:
        return "d" if character.isdigit() else "s" if _SIGN.match(character) else "a"
    return "j" if character in _JOINERS else "p" if character in ".,:" else " "


def placed_words(speech: Speech, alignment: Alignment, sound: Voiced) -> list[Placed]:
    """The text's words, with edges at pauses where there are some."""
    if not (spans := spans_of(speech.text)):
        return []
    own = [tuple(token for token in alignment.tokens if token.text_start < b and token.text_end > a) for a, b in spans]
    heard = sound.without_gaps(_PAUSE_S)
    starts = [_start(span, tokens) + _EARLY_S for span, tokens in zip(spans, own, strict=True)]
    begins, ends = _at_pauses(starts, heard)
    return [
        Placed(speech.text[a:b], a, b, tokens, begin, end)
        for (a, b), tokens, begin, end in zip(spans, own, begins, ends, strict=True)
    ]


def _start(span: tuple[int, int], tokens: tuple[Token, ...]) -> float:
    """Where a word begins by attention; a token with several words is shared out by their characters."""
    if not tokens:
        return 0.0
    token = tokens[0]
    share = (span[0] - token.text_start) / max(token.text_end - token.text_start, 1)
    return token.start + max(share, 0.0) * (token.end - token.start)


def _at_pauses(starts: Sequence[float], heard: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Begin and end of each word, for what attention says and the frames that are no pause."""
    frames = np.flatnonzero(heard)
    if not len(frames):
        return [0.0] * len(starts), [0.0] * len(starts)
    edges = np.searchsorted(frames, [frame(start) for start in starts[1:]])
    edges = np.concatenate(([0], _moved(edges, heard), [len(frames)]))
    begins = frames[np.minimum(edges[:-1], len(frames) - 1)] * STEP_S
    ends = (frames[np.maximum(edges[1:] - 1, 0)] + 1) * STEP_S
    return begins.tolist(), np.maximum(begins, ends).tolist()


def _moved(edges: NDArray[np.intp], heard: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The edges, counted in frames without pauses, after each pause has taken its own; the others stay between theirs."""
    taken: dict[int, int] = {}
    for place, length in sorted(_pauses(heard), key=lambda pause: -pause[1]):
        free = [at for at in range(len(edges)) if at not in taken]
        fit = [at for at in free if all((there < place) == (other < at) for other, there in taken.items())]
        reach = frame(_REACH_S + _REACH_OF_PAUSE * min(length * STEP_S, _LONG_PAUSE_S))
        nearest = min(fit, key=lambda at: abs(edges[at] - place), default=None)
        if nearest is not None and abs(edges[nearest] - place) <= reach:
            taken[nearest] = place
    after = [max((there for other, there in taken.items() if other <= at), default=0) for at in range(len(edges))]
    before = [
        min((there for other, there in taken.items() if other >= at), default=heard.sum()) for at in range(len(edges))
    ]
    return np.clip(np.maximum.accumulate(edges) if len(edges) else edges, after, before).astype(np.intp)


def _pauses(heard: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The pauses between the first and the last sound: how many frames are heard before each, and its length in frames."""
    sounds = runs(heard)
    before = np.cumsum([end - start for start, end in sounds])
    return [(int(place), later[0] - sound[1]) for place, sound, later in zip(before, sounds, sounds[1:], strict=False)]


def timed_words(speech: Speech, alignment: Alignment | Unaligned) -> list[Word]:
    """The words of the speech's text, in order and with their times; those without evidence have none. Punctuation is no word."""
    if isinstance(alignment, Unaligned):
        return [Word(speech.text[a:b], a, b, None, None, 0.0, reliable=False) for a, b in spans_of(speech.text)]
    return [_word(one) for one in placed_words(speech, alignment, voiced(speech.samples, speech.sample_rate))]


def _word(one: Placed) -> Word:
    reliable = one.worst >= UNRELIABLE and one.end - one.start >= _LEAST_SOUND_S
    start, end = (round(one.start, 3), round(one.end, 3)) if reliable else (None, None)
    return Word(one.text, one.text_start, one.text_end, start, end, round(math.exp(one.worst), 4), reliable)
