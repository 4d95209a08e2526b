"""
Splits a book into pieces, each the text of one job: by chapters, then at the ends of paragraphs, sentences and words, within a limit.

Nothing is lost, moved or added: the pieces, in order, have the text's words. Only paragraphs without a letter or digit, such as `* * *`,
are left out, because there is nothing to speak.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_TEXT = 20_000  # MAX_TEXT_CHARS of a deployment that didn't change it
_LONGEST_TITLE = 80
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_NUMBER = r"(?:\d{1,4}|[IVXLC]{1,8}|[^\W\d_]{3,12})"
# `# Title`; or a short line like `Chapter 3`, `CHAPTER III. The Storm`, `Kapitel 2: Der Sturm`, 第三章.
_HEADING = re.compile(
    r"#{1,3}\s+\S.*"
    rf"|(?i:chapter|part|book|kapitel|teil|buch|chapitre|partie|livre|cap[ií]tulo|parte|libro|livro|capitolo|глава|часть)\s+{_NUMBER}\b"
    r"(?:\s*[.:\-\u2013\u2014]\s*\S.*)?[.:]?"
    r"|第[\d一二三四五六七八九十百〇零]+[章回部].*"
)
# Where a paragraph that is too long may be cut, the best place first.
_CUTS = (
    re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？])"),
    re.compile(r"(?<=[,;:])\s+|(?<=[，；、])"),
    re.compile(r"\s+"),
)


@dataclass(frozen=True)
class Piece:
    """The text of one job. `title` is its chapter's; None before the first heading, and in a text without headings."""

    text: str
    chapter: int
    title: str | None


def pieces_of(text: str, limit: int = LONGEST_TEXT) -> list[Piece]:
    """Return one piece if the text fits; otherwise those of its chapters."""
    if len(text) <= limit:
        return [Piece(text, 0, None)]
    return [
        Piece(piece, number, title)
        for number, (title, paragraphs) in enumerate(_chapters(text))
        for piece in _packed(paragraphs, limit)
    ]


def _chapters(text: str) -> list[tuple[str | None, list[str]]]:
    """Return titles with their paragraphs. The title itself is the first paragraph, because it is spoken."""
    chapters: list[tuple[str | None, list[str]]] = []
    for paragraph in _paragraphs(text):
        if _is_heading(paragraph):
            title = paragraph.lstrip("# \t")
            chapters.append((title, [title]))
        elif chapters:
            chapters[-1][1].append(paragraph)
        else:
            chapters.append((None, [paragraph]))
    return chapters


def _paragraphs(text: str) -> Iterator[str]:
    for block in _PARAGRAPHS.split(text.replace("\r\n", "\n")):
        first, _, rest = block.strip().partition("\n")
        parts = (first, rest) if _is_heading(first) else (block,)
        yield from (part.strip() for part in parts if any(map(str.isalnum, part)))


def _is_heading(paragraph: str) -> bool:
    return len(paragraph) <= _LONGEST_TITLE and _HEADING.fullmatch(paragraph.strip()) is not None


def _packed(paragraphs: list[str], limit: int) -> list[str]:
    """Group whole paragraphs, as many as fit together."""
    parts = [part.strip() for paragraph in paragraphs for part in _cut(paragraph, limit, _CUTS)]
    return _joined([part for part in parts if any(map(str.isalnum, part))], "\n\n", limit)


def _cut(text: str, limit: int, cuts: tuple[re.Pattern[str], ...]) -> list[str]:
    """Split a text into parts that fit (not counting spaces around them), at the best places possible."""
    if len(text.strip()) <= limit:
        return [text]
    if not cuts:
        return [text[start : start + limit] for start in range(0, len(text), limit)]
    return _joined([one for part in _between(text, cuts[0]) for one in _cut(part, limit, cuts[1:])], "", limit)


def _between(text: str, cut: re.Pattern[str]) -> list[str]:
    """Split the text after each match; keep all of its characters."""
    ends = [match.end() for match in cut.finditer(text) if match.end()]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def _joined(parts: list[str], between: str, limit: int) -> list[str]:
    """Join neighbours as long as they fit."""
    joined: list[str] = []
    for part in parts:
        if joined and len(f"{joined[-1]}{between}{part}".strip()) <= limit:
            joined[-1] += between + part
        else:
            joined.append(part)
    return joined
