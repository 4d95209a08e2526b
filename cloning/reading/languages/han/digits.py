"""Pieces of patterns for numbers in texts of Chinese characters, where digits and signs may be as wide as a character."""

import re
from collections.abc import Iterable
from unicodedata import normalize

D = "[0-9０-９]"
START = r"(?<![0-9０-９])(?<![0-9０-９][.．])"
"""Here a number may begin."""
NUMBER = rf"{START}(?:{D}{{1,3}}(?:[,\u00a0\u202f\u2009]{D}{{3}}){{1,6}}+(?!{D})|{D}++)(?:[.．]{D}++)?+"
"""With signs of groups, with decimals; no sign before it."""
END = rf"(?!{D})"
WORD = r"[\w℃℉°%％‰()（）@＠$＄€£￡¥￥₹₽₩\"”″′]"
"""What stands beside a sign that is read; the signs among these are read as words."""
NEXT = r"[\w℃℉(（~～№§$＄€£￡¥￥₹₽₩+@＠#＃-]"
"""What follows one."""
FREE = r"(?<![0-9０-９A-Za-z])(?<![0-9０-９][./:：,-])"
"""Here a date or a time may begin: it is no part of a longer row of digits and signs."""
FREE_END = r"(?![0-9０-９A-Za-z/°℃℉%％‰²³]|[.:：,-][0-9０-９])"
"""Here it may end."""
SPACE = "[ \u00a0\u202f\u3000]?"
DASH = rf"{SPACE}[-~～—–―－〜]{SPACE}"
SIGNED = rf"(?P<sign>(?:(?<![\w)）%％℃°.])|(?<=[是为為到至约約于於达達在得降升了はがもをにで温溫])|(?<=[温溫]度))[-−－+＋])?(?P<low>{NUMBER})"
"""With a sign that is no hyphen."""
AMOUNT = rf"{SIGNED}(?:{DASH}(?P<high>{NUMBER}))?"
"""A number or a range of two."""


def narrow(text: str) -> str:
    """Digits, letters and signs of the usual width."""
    return normalize("NFKC", text)


def bare(text: str) -> str:
    """Without the signs of groups."""
    return narrow(text).replace(",", "").replace(" ", "")


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def before(match: re.Match[str], most: int = 6) -> str:
    """The text right before a match."""
    return match.string[max(0, match.start() - most) : match.start()]


def after(match: re.Match[str], most: int = 6) -> str:
    """The text right after a match."""
    return match.string[match.end() : match.end() + most]


def as_it_was(match: re.Match[str]) -> str:
    """Leave an ambiguous match as it is."""
    return match.group()
