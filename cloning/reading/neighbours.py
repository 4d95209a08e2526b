"""The words around a match."""

import re

_NEAR = 40
"""So many characters around a match are looked at."""


def word_before(match: re.Match[str]) -> str:
    """The word that stands before a match, parted by spaces; '' if there is none."""
    near = match.string[max(0, match.start() - _NEAR) : match.start()]
    found = re.search(r"([^\W\d_]+)[ \u00a0\u202f]{1,3}\Z", near)
    return found[1] if found else ""


def words_after(match: re.Match[str]) -> tuple[str, str]:
    """The two words after a match, each parted by a space; '' for those that are none."""
    near = match.string[match.end() : match.end() + _NEAR]
    found = re.match(r"[ \u00a0\u202f]([^\W\d_]+)(?:[ \u00a0\u202f]([^\W\d_]+))?", near)
    return (found[1], found[2] or "") if found else ("", "")
