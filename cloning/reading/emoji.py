"""Emoji and other pictures in a text, and characters that show nothing: none of them is read."""

import re
from collections.abc import Iterator
from unicodedata import category, normalize

from cloning.reading.spans import Replacement

_KEPT = "°©^´`¨"
"""Signs of those categories that are written for a reason: languages read them, or people type them for an apostrophe."""
_WITH_EMOJI = "[\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]"
_UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\u20e3\ufeff]+")
_CLOSING = r"[.,!?;:…)\]”\"]"


def pictures_in(text: str) -> Iterator[Replacement]:
    """Emoji and the like, with a space beside them that would be one too many."""
    pictures = "".join(sorted(one for one in set(text) if _is_picture(one)))
    if pictures:
        run = rf"(?:[ \t]*[{re.escape(pictures)}]{_WITH_EMOJI}*)+"
        yield from (
            Replacement(*one.span(), "")
            for one in re.finditer(rf"(?<![ \t\n]){run}(?={_CLOSING}|[ \t]*(?:\n|\Z))", text)
        )
        for one in re.finditer(rf"[{re.escape(pictures)}]{_WITH_EMOJI}*(?:{run})?", text):
            yield _dropped(text, *one.span())


def unseen_in(text: str) -> Iterator[Replacement]:
    """Soft hyphens, marks of direction and the like. Joiners shape letters, and stay."""
    yield from (Replacement(*one.span(), "") for one in _UNSEEN.finditer(text))


def _is_picture(character: str) -> bool:
    if category(character) not in ("So", "Sk") or character in _KEPT:
        return False
    return character == "™" or normalize("NFKC", character) == character


def _dropped(text: str, start: int, end: int) -> Replacement:
    if start == 0 or text[start - 1].isspace():
        while end < len(text) and text[end] in " \t":
            end += 1
        return Replacement(start, end, "")
    return Replacement(start, end, " " if end < len(text) and text[end].isalnum() else "")
