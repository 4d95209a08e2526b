"""Numbers as words, by the rules of Unicode's CLDR; roman numerals; amounts with their signs."""

from functools import cache, lru_cache
from typing import Any, NamedTuple

LONGEST = 15
"""Numbers with more digits than this are said digit by digit."""
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


class Amount(NamedTuple):
    """A number as it is written: its whole part as digits, those after the decimal sign ('': none), and its sign."""

    digits: str
    fraction: str = ""
    is_negative: bool = False

    @property
    def whole(self) -> int:
        return int(self.digits)

    @property
    def is_one(self) -> bool:
        return self.whole == 1 and not self.fraction


def amount(text: str, decimal: str, groups: str) -> Amount:
    """The amount that is written with that decimal sign and any of those group signs: '-1.234,5'."""
    is_negative = text[:1] in ("-", "−", "–")
    whole, _, fraction = text.lstrip("+-−–").partition(decimal)
    return Amount("".join(one for one in whole if one not in groups), fraction, is_negative)


@cache
def _engine(language: str) -> Any:
    from unicode_rbnf import RbnfEngine

    return RbnfEngine.for_language(language)


@lru_cache(maxsize=1024)
def spelled(language: str, number: int, rules: str = "spellout-numbering") -> str:
    """
    A number of at most LONGEST digits as words, by one of CLDR's rule sets of that language.

    Numbers of one class differ by rule set: spellout-cardinal-feminine, spellout-ordinal, spellout-numbering-year.
    """
    words: str = _engine(language).format_number(number, ruleset_names=[rules]).text
    return words.replace("\u00ad", "").replace(",", "")


def spelled_digits(language: str, digits: str, rules: str = "spellout-numbering") -> str:
    """Digits one by one; other characters are left out."""
    return " ".join(spelled(language, int(one), rules) for one in digits if one.isdecimal())


def roman(text: str) -> int | None:
    """The value of a roman numeral in capitals; None unless it is spelled as usual ('IV', not 'IIII')."""
    values = [_ROMAN.get(one, 0) for one in text]
    value = sum(-one if one < after else one for one, after in zip(values, [*values, 0][1:], strict=True))
    return value if text and all(values) and _as_roman(value) == text else None


def _as_roman(number: int) -> str:
    parts = []
    for value, letters in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    ):
        count, number = divmod(max(0, number), value)
        parts.append(letters * count)
    return "".join(parts)
