"""A text with parts of it replaced, and where each character of the result came from. Offsets count code points."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Replacement:
    """The stretch [start, end) of the caller's text, and the words read in its place ('': none)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Span:
    """
    The stretch [start, end) of the reading came from [text_start, text_end) of the caller's text.

    Either both are equally long and the same, character for character, or the whole stretch stands for the whole of the other.
    """

    start: int
    end: int
    text_start: int
    text_end: int
    is_same: bool

    def to_json(self) -> list[int]:
        return [self.start, self.end, self.text_start, self.text_end]


@dataclass(frozen=True)
class Pause:
    """Silence of `seconds` before the character at `at` of the reading, for [text_start, text_end) of the caller's text."""

    at: int
    seconds: float
    text_start: int
    text_end: int


@dataclass(frozen=True)
class Reading:
    """
    The text to speak. `spans` are in order, don't overlap and cover `text`.

    `normalised_in` is the language whose rules were applied, None if there were none. `warnings` have a `code` and a `message`
    without a word of the text, and `spans` into the caller's text.
    """

    text: str
    spans: tuple[Span, ...]
    pauses: tuple[Pause, ...] = ()
    normalised_in: str | None = None
    warnings: tuple[dict[str, object], ...] = ()

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the caller's text that [start, end) of `text` came from; of an empty stretch an empty one."""
        first_at = bisect_right(self.spans, start, key=lambda span: span.end)
        last_at = bisect_left(self.spans, end, key=lambda span: span.start) - 1
        if start >= end or first_at > last_at:
            return self._point(start)
        first, last = self.spans[first_at], self.spans[last_at]
        begin = first.text_start + (max(start, first.start) - first.start if first.is_same else 0)
        finish = last.text_end - (last.end - min(end, last.end) if last.is_same else 0)
        return begin, finish

    def _point(self, at: int) -> tuple[int, int]:
        place = bisect_right(self.spans, at, key=lambda span: span.start) - 1
        where = self.spans[place].text_end if self.spans and at >= self.spans[place].end else 0
        return where, where


def position(spans: Sequence[Span], text_at: int) -> int:
    """Where in the reading the caller's text from `text_at` on begins."""
    place = bisect_right(spans, text_at, key=lambda span: span.text_end)
    if place == len(spans):
        return spans[-1].end if spans else 0
    span = spans[place]
    return span.start + (max(0, text_at - span.text_start) if span.is_same else 0)
