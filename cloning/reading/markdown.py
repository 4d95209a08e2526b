"""The marks of Markdown: they aren't read, but what they surround is."""

import re
from collections.abc import Iterator

from cloning.reading.spans import Replacement

# Whole lines that are only marks: rules, underlines of headings, fences, the second line of a table, addresses of links.
_LINES = re.compile(
    r"^[ ]{0,3}(?:([-*_=])(?:[ \t]*\1){2,}[ \t]*|(?:```|~~~)[^`\n]*|\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?)?[ \t]*"
    r"|\[[^\[\]\n]{1,100}\]:[ \t]+\S{1,1000}[ \t]*)$",
    re.MULTILINE,
)
# At the beginning of a line: quotes, headings, bullets, boxes to tick.
_PREFIX = re.compile(r"^(?:[ \t]*(?:>|(?:#{1,6}|[-*+•])(?=[ \t])))+[ \t]*(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_AFTER_HEADING = re.compile(r"^#{1,6}[ \t][^\n]*?[^ \t#\n]([ \t]+#+)[ \t]*$", re.MULTILINE)
_LINK = re.compile(
    r"(!?\[)[^\[\]\n]{0,300}(\](?:\([^()\s]{0,1000}(?:[ \t]+\"[^\"\n]{0,200}\")?\)|\[[^\[\]\n]{0,100}\]))"
)
_FOOTNOTE = re.compile(r"\[\^[\w-]{1,40}\]:?")
_ANGLES = re.compile(r"(<)[a-zA-Z][^<>\s]{0,500}[:@][^<>\s]{1,500}(>)")
_ESCAPE = re.compile(r"\\([*_#`~>\[\]()!|+.\\-])")
_EMPHASIS = re.compile(
    r"(?<![\w*])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*])|(?<=[^\W\d])\*{2,3}(?=\w)|(?<=\w)\*{2,3}(?=[^\W\d])"
    r"|(?:(?<=[\s(\[\"'“*~])|^)_{1,3}(?=[^\W_])|(?<=[^\W_]|[.!?,;:)])_{1,3}(?=[\s)\].,!?;:\"'”*~]|$)|~~|`+(?!\w)|(?<!\w)`+",
    re.MULTILINE,
)
_ROW = re.compile(r"^[ ]{0,3}\|[^\n]*", re.MULTILINE)
_CELL_END = re.compile(r"(?<![ \t\\])[ \t]*\|[ \t]*")


def markdown_in(text: str) -> Iterator[Replacement]:
    """Replacements for each mark; if they overlap, the first one counts."""
    for line in _LINES.finditer(text):
        yield Replacement(*line.span(), "")
    for escape in _ESCAPE.finditer(text):
        yield Replacement(*escape.span(), escape[1])
    for prefix in _PREFIX.finditer(text):
        yield Replacement(*prefix.span(), "")
    for pattern, groups in (
        (_AFTER_HEADING, (1,)),
        (_LINK, (1, 2)),
        (_FOOTNOTE, (0,)),
        (_ANGLES, (1, 2)),
        (_EMPHASIS, (0,)),
    ):
        for match in pattern.finditer(text):
            yield from (Replacement(*match.span(group), "") for group in groups)
    for row in _ROW.finditer(text):
        yield from _cells(text, *row.span())


def _cells(text: str, start: int, end: int) -> Iterator[Replacement]:
    """A comma between the cells of a table's row."""
    first, last = True, len(text[start:end].rstrip()) + start
    for bar in _CELL_END.finditer(text, start, end):
        is_inside = not first and bar.end() < last
        yield Replacement(*bar.span(), ", " if is_inside else "")
        first = False
