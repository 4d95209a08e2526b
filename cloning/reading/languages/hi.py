"""
Hindi: numbers, ordinals, decimals, percentages, money, times; in digits of both kinds, grouped by lakhs (12,34,567) or by thousands.

A year of the last centuries is read in hundreds (उन्नीस सौ) after सन् or before में and ई.
"""

import re

from cloning.reading.classes import standard
from cloning.reading.grammar import END, START, Currency, Grammar, Noun
from cloning.reading.numbers import spelled
from cloning.reading.rules import LanguageRules, rule

_FIRST = {1: ("पहल", ""), 2: ("दूसर", ""), 3: ("तीसर", ""), 4: ("चौथ", ""), 6: ("छठ", "")}
_VOWELS = {"ा": "ा", "ी": "ी", "े": "े"}
_ENDINGS = "वाँ|वां|वा|वीं|वी|वें|वे|ला|ली|ले|रा|री|रे|था|थी|थे|ठा|ठी|ठे"


class _Hindi(Grammar):
    """Groups of two digits before the last three."""

    def number(self, name: str) -> str:
        whole = r"(?:\d{1,2}(?:,\d{2}){1,5},\d{3}|\d{1,3}(?:,\d{3}){1,4}|\d{1,15})"
        return rf"(?P<{name}>[-−]?{whole}(?:\.\d{{1,15}})?)"


def _ordinal(match: re.Match[str]) -> str:
    """पहला, दूसरी; from the fifth on the number with वाँ, वीं or वें."""
    count, ending = int(match["count"]), match["ending"]
    vowel = next((one for one in ending if one in _VOWELS), "ा")
    if count in _FIRST:
        return _FIRST[count][0] + vowel
    return spelled("hi", count, "spellout-cardinal") + {"ा": "वाँ", "ी": "वीं", "े": "वें"}[vowel]


def _year(match: re.Match[str]) -> str:
    hundreds, rest = divmod(int(match["year"]), 100)
    words = f"{spelled('hi', hundreds)} सौ"
    return f"{words} {spelled('hi', rest)}" if rest else words


def _time(hour: int, minute: int, second: int | None, _mark: str) -> str:
    words = spelled("hi", hour)
    if not minute and not second:
        return f"{words} बजे"
    words += f" बजकर {spelled('hi', minute)} मिनट"
    return f"{words} {spelled('hi', second)} सेकंड" if second else words


_RUPEE = Currency(Noun(("रुपया", "रुपये")), Noun(("पैसा", "पैसे")))
_DOLLAR = Currency(Noun(("डॉलर",)), Noun(("सेंट",)))
_EURO = Currency(Noun(("यूरो",)), Noun(("सेंट",)))

GRAMMAR = _Hindi(
    code="hi",
    point="दशमलव",
    decimal=".",
    groups=",",
    cardinals={"": "spellout-cardinal"},
    minus="ऋण",
    plus="प्लस",
    joint=" ",
    to="से",
    percent=Noun(("प्रतिशत",)),
    currencies={"₹": _RUPEE, "Rs.": _RUPEE, "Rs": _RUPEE, "रु.": _RUPEE, "INR": _RUPEE, "$": _DOLLAR, "USD": _DOLLAR, "€": _EURO, "EUR": _EURO},
    scales={"करोड़": Noun(("करोड़",)), "लाख": Noun(("लाख",)), "हज़ार": Noun(("हज़ार",))},
    units={
        "km": Noun(("किलोमीटर",)), "किमी": Noun(("किलोमीटर",)), "कि.मी.": Noun(("किलोमीटर",)), "m": Noun(("मीटर",)), "cm": Noun(("सेंटीमीटर",)),
        "kg": Noun(("किलोग्राम",)), "किग्रा": Noun(("किलोग्राम",)), "g": Noun(("ग्राम",)), "°C": Noun(("डिग्री सेल्सियस",)), "°": Noun(("डिग्री",)),
    },
    time=_time,
    time_marks={"बजे": ""},
    signs={"+": "धन", "=": "बराबर", "×": "गुणा", "&": "और"},
    abbreviations={"डॉ.": "डॉक्टर", "श्री.": "श्री"},
)  # fmt: skip

_YEAR = r"(?P<year>(?:1[1-9]|१[१-९])\d{2})"
RULES = LanguageRules(
    "hi",
    (
        rule("always", rf"{START}(?:24/7|२४/७){END}", lambda _: "चौबीसों घंटे, सातों दिन"),
        rule("ordinal", rf"{START}(?P<count>\d{{1,6}})[ -]?(?P<ending>{_ENDINGS})(?![\w\u0900-\u097f])", _ordinal),
        rule("year", rf"(?:(?<=सन् )|(?<=सन )|(?<=वर्ष )|(?<=साल )){_YEAR}{END}", _year),
        rule("year", rf"{START}{_YEAR}(?= (?:में|ई\.|ई०|ईस्वी|से|तक|के दशक))", _year),
        *standard(GRAMMAR),
    ),
)
