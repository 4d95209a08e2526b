"""Parts of a text that are read in no language: tags for pauses, the marks of Markdown, emoji."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cloning.errors import InvalidText
from cloning.reading.emoji import pictures_in, unseen_in
from cloning.reading.markdown import markdown_in
from cloning.reading.spans import Replacement

LONGEST_PAUSE_S = 10.0
_TAG = re.compile(r"\[pause:([^\[\]\n]{0,40})(\]?)", re.IGNORECASE)
_LENGTH = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(ms|s)\s*", re.IGNORECASE | re.ASCII)
_BLANK_LINES = re.compile(r"(?:\r?\n[ \t]*){2,}")


class Silence(NamedTuple):
    """A stretch of the caller's text that means so many seconds of silence."""

    text_start: int
    text_end: int
    seconds: float


@dataclass(frozen=True)
class Marks:
    """`dropped` are the replaced stretches that somebody might miss: emoji and other pictures."""

    replacements: tuple[Replacement, ...] = ()
    pauses: tuple[Silence, ...] = ()
    dropped: tuple[tuple[int, int], ...] = ()


def marks_of(text: str, paragraph_pause_s: float, *, is_markdown: bool) -> Marks:
    """
    `[pause:500ms]`, `[pause: 1.5 s]`, and a pause of `paragraph_pause_s` at each blank line between two paragraphs.

    Raises InvalidText for a tag in another form, or one of more than LONGEST_PAUSE_S.
    """
    tags = list(_TAG.finditer(text))
    pauses = [Silence(*tag.span(), _seconds(tag)) for tag in tags]
    if paragraph_pause_s:
        pauses += _between_paragraphs(text, paragraph_pause_s)
    kept = _Kept(text)
    kept.add(_without(text, tag.start(), tag.end()) for tag in tags)
    dropped: list[Replacement] = []
    if is_markdown:
        kept.add(markdown_in(text))
        dropped = kept.add(pictures_in(text))
        kept.add(unseen_in(text))
    return Marks(
        tuple(kept.replacements), tuple(sorted(pauses)), tuple(sorted((one.start, one.end) for one in dropped))
    )


def holds_a_tag(text: str) -> bool:
    """Whether there is a tag for a pause in the text, well written or not."""
    return bool(_TAG.search(text))


def _seconds(tag: re.Match[str]) -> float:
    length = _LENGTH.fullmatch(tag[1])
    if not length or not tag[2]:
        raise InvalidText(f"the pause {tag.group()!r} is not written like [pause:500ms] or [pause:1.5s]")
    seconds = float(length[1]) / (1000 if length[2].lower() == "ms" else 1)
    if seconds > LONGEST_PAUSE_S:
        raise InvalidText(f"the pause {tag.group()!r} is longer than {LONGEST_PAUSE_S:g} s: ask for several pauses")
    return seconds


def _between_paragraphs(text: str, seconds: float) -> Iterator[Silence]:
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    for blank in _BLANK_LINES.finditer(text, first, last):
        yield Silence(*blank.span(), seconds)


def _without(text: str, start: int, end: int) -> Replacement:
    """Remove the stretch, and one of the two spaces around it."""
    if start and not text[start - 1].isspace():
        return Replacement(start, end, " " if end < len(text) and text[end].isalnum() else "")
    while end < len(text) and text[end] in " \t":
        end += 1
    return Replacement(start, end, "")


class _Kept:
    """Replacements that don't overlap: the first one has a stretch."""

    def __init__(self, text: str) -> None:
        self._taken = bytearray(len(text))
        self.replacements: list[Replacement] = []

    def add(self, found: Iterator[Replacement]) -> list[Replacement]:
        """Those of the replacements that were still free."""
        free = []
        for one in found:
            if not any(self._taken[one.start : one.end]):
                self._taken[one.start : one.end] = b"\1" * (one.end - one.start)
                free.append(one)
        self.replacements += free
        return free
