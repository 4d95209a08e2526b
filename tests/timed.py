"""Words with times, as in even speech."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PART = re.compile(r"\[pause:(\d+)ms\]|[^\W_]+(?:['’][^\W_]+)*")
_BY_CHARACTER = re.compile(r"\[pause:(\d+)ms\]|[^\W_]")


@dataclass(frozen=True)
class SubtitleWord:
    """One word."""

    text_start: int
    text_end: int
    start: float | None
    end: float | None
    turn: int = 0


def timed(
    texts: Sequence[str], *, per_second: float = 14.0, gap_s: float = 0.3, by_character: bool = False
) -> tuple[list[SubtitleWord], float]:
    """The words of the texts, a turn each, at that many characters a second, and the total length."""
    words: list[SubtitleWord] = []
    now = 0.0
    for turn, text in enumerate(texts):
        for part in (_BY_CHARACTER if by_character else _PART).finditer(text):
            if part[1]:
                now += int(part[1]) / 1000
                continue
            end = now + len(part[0]) / per_second
            words.append(SubtitleWord(part.start(), part.end(), round(now, 3), round(end, 3), turn))
            now = end + (0 if by_character else 1 / per_second)
        now += gap_s
    return words, round(now, 3)
