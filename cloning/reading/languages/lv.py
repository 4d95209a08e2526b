"""
Latvian: numbers, ordinals, decimals, percentages, money, dates.

A number has the gender of the noun behind it, an ordinal (3. maijā) its gender and case, told by the noun's ending.
"""

import re

from cloning.reading.classes import standard
from cloning.reading.grammar import END, START, Currency, Grammar, Noun
from cloning.reading.numbers import Amount, spelled
from cloning.reading.rules import LanguageRules, rule

_ORDINALS = (
    "nult", "pirm", "otr", "treš", "ceturt", "piekt", "sest", "septīt", "astot", "devīt", "desmit", "vienpadsmit", "divpadsmit",
    "trīspadsmit", "četrpadsmit", "piecpadsmit", "sešpadsmit", "septiņpadsmit", "astoņpadsmit", "deviņpadsmit",
)  # fmt: skip
_ENDINGS = (
    ("iem", "ajiem"), ("ām", "ajām"), ("ēm", "ajām"), ("am", "ajam"), ("im", "ajam"), ("ai", "ajai"), ("ei", "ajai"), ("os", "ajos"),
    ("ās", "ajās"), ("ēs", "ajās"), ("as", "ās"), ("es", "ās"), ("ā", "ajā"), ("ē", "ajā"), ("ī", "ajā"), ("a", "ā"), ("e", "ā"),
    ("u", "o"), ("i", "ie"),
)  # fmt: skip
"""A noun's ending, and the ordinal's before it: 'gads' -ais, 'gada' and 'klase' -ā, 'gadā' -ajā."""
_FEMININE = re.compile(r"(?:as|es|a|e|ām|ēm|ās|ēs)\Z")
_HUNDRED, _THOUSAND = 100, 1000
_TEENS = len(_ORDINALS)


def ordinal(number: int, ending: str = "ais") -> str:
    """'Divdesmit pirmais'; only the last word is an ordinal."""
    rest = number % _HUNDRED
    if number and not rest:
        return _round(number) + ending
    if rest >= _TEENS:
        last = rest % 10
        rest = last or rest
    stem = _ORDINALS[rest] if rest < _TEENS else spelled("lv", rest)
    before = number - rest
    return (f"{spelled('lv', before)} " if before else "") + stem + ending


def _round(number: int) -> str:
    """Hundreds and thousands: 'simt', 'divtūkstoš'."""
    return spelled("lv", number).removesuffix("i").removesuffix("s")


def _ordinal(match: re.Match[str]) -> str:
    word = match["next"]
    return ordinal(int(match["count"]), next((new for old, new in _ENDINGS if word.endswith(old)), "ais"))


def _feminine(match: re.Match[str]) -> str | None:
    """21 grāmata, 2 grāmatas."""
    count = GRAMMAR.parsed(match["count"])
    if not _FEMININE.search(match["next"]) or count.fraction or count.is_negative or count.digits.startswith("0"):
        return None
    return GRAMMAR.cardinal(count.whole, "f")


def _plural(count: Amount) -> int:
    """One, few, and none or many: 1 eiro, 2 procenti, 10 procentu."""
    if count.fraction:
        return 1
    last, teens = count.whole % 10, count.whole % 100
    return 0 if last == 1 and teens != len("vienpadsmit") else 1


def _date(day: int, month: int, year: int | None) -> str:
    words = f"{ordinal(day)} {_MONTHS[month - 1]}"
    return f"{ordinal(year, 'ā')} gada {words}" if year else words


def _time(hour: int, minute: int, second: int | None, mark: str) -> str:
    parts = [hour] + ([minute] if minute or second else []) + ([second] if second else [])
    return " ".join([*(spelled("lv", part) for part in parts), *([mark] if mark else [])])


_MONTHS = (
    "janvāris", "februāris", "marts", "aprīlis", "maijs", "jūnijs", "jūlijs", "augusts", "septembris", "oktobris", "novembris", "decembris",
)  # fmt: skip
_EURO, _DOLLAR = Noun(("eiro",)), Noun(("dolārs", "dolāri"))
_CENT = Noun(("cents", "centi"))
_UNITS = {
    "km": ("kilometrs", "kilometri"), "m": ("metrs", "metri"), "cm": ("centimetrs", "centimetri"), "mm": ("milimetrs", "milimetri"),
    "kg": ("kilograms", "kilogrami"), "g": ("grams", "grami"), "l": ("litrs", "litri"), "°C": ("grāds pēc Celsija", "grādi pēc Celsija"),
    "°": ("grāds", "grādi"), "km/h": ("kilometrs stundā", "kilometri stundā"),
}  # fmt: skip

GRAMMAR = Grammar(
    code="lv",
    point="komats",
    groups=" \u00a0\u202f\u2009",
    cardinals={"": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
    plural=_plural,
    minus="mīnus",
    plus="plus",
    joint=" un ",
    to="līdz",
    percent=Noun(("procents", "procenti")),
    permille=Noun(("promile", "promiles"), "f"),
    currencies={"€": Currency(_EURO, _CENT), "EUR": Currency(_EURO, _CENT), "$": Currency(_DOLLAR, _CENT), "USD": Currency(_DOLLAR, _CENT)},
    units={sign: Noun(forms) for sign, forms in _UNITS.items()},
    date=_date,
    time=_time,
    signs={"+": "plus", "=": "ir vienāds ar", "×": "reiz", "&": "un"},
    abbreviations={"u. c.": "un citi", "utt.": "un tā tālāk", "t. i.": "tas ir", "piem.": "piemēram"},
)  # fmt: skip

RULES = LanguageRules(
    "lv",
    (
        rule("always", rf"{START}24/7{END}", lambda _: "divdesmit četras stundas diennaktī, septiņas dienas nedēļā"),
        rule("time", r"(?<!\w)plkst\.(?= \d)", lambda _: "pulksten"),
        rule("ordinal", rf"{START}(?P<count>\d{{1,4}})\.(?= (?P<next>[a-zāčēģīķļņšūž]+))", _ordinal),
        rule("counted", rf"{START}{GRAMMAR.number('count')}(?= (?P<next>[a-zāčēģīķļņšūž]{{3,40}})(?!\w))", _feminine),
        *standard(GRAMMAR),
    ),
)
