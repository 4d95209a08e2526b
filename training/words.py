"""How many words were misheard, compared as OpenAI's Whisper is measured: numbers in digits, no hyphens, no punctuation."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from engines.imports.transformers import import_transformers

_HOUR = r"\bat ([01]?\d|2[0-4])\.([0-5]\d)\b(?![%$€£]| percent| dollars| euros| pounds)"


@cache
def _normaliser() -> Callable[[str], str]:
    import_transformers()
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer({})  # type: ignore[no-untyped-call]
    return normaliser


def words_of(text: str) -> list[str]:
    """
    The words to compare. "a hundred" is "one hundred"; 6:30, or "at 6.30", is "six thirty".

    The normaliser knows none of this, and it would join "One. Two." to 12, but not "1, 2".
    """
    text = re.sub(r"\ba (hundred|thousand)\b", r"one \1", text, flags=re.IGNORECASE)
    text = re.sub(_HOUR, r"at \1:\2", text, flags=re.IGNORECASE)
    text = re.sub(r"(\d):(\d\d)", r"\1\2", text)
    parts = re.split(r"[.,;:!?]+(?:\s|$)", text)
    return [word for part in parts for word in _normaliser()(part).split()]


def errors(said: Sequence[str], meant: Sequence[str]) -> int:
    """Words to add, drop or change: the edit distance."""
    from torchaudio.functional import edit_distance

    return int(edit_distance(said, meant))


@dataclass(frozen=True)
class Score:
    """A word error rate with its 95 % interval; `errors` of `words`."""

    rate: float
    low: float
    high: float
    errors: int
    words: int


def score(counts: Sequence[tuple[int, int]], seed: int, draws: int = 10_000) -> Score:
    """The rate over (errors, words) of sentences; the interval from drawing as many sentences again, with replacement."""
    table = np.array(counts, np.int64)
    drawn = table[np.random.default_rng(seed).integers(len(table), size=(draws, len(table)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    wrong, total = (int(number) for number in table.sum(0))
    return Score(wrong / total, float(low), float(high), wrong, total)
