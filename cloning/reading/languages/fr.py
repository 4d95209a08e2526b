"""
French, also of Switzerland and Belgium.

Numbers are masculine but before the feminine nouns of the table. '1.234' may be a thousand or a decimal: it stays.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from cloning.reading.european import day_of_month, european, is_part, numbered, over, unsure, word_before, words_after
from cloning.reading.grammar import SPACE, START, Grammar, Noun, any_of
from cloning.reading.languages.tables import fr as table
from cloning.reading.numbers import Amount, roman
from cloning.reading.rules import LanguageRules, Rule, rule

_HALF, _PLURAL = 2, 2
_PARTS = {3: ("tiers", "tiers"), 4: ("quart", "quarts")}
_MARKS = {
    "er": "m", "ers": "ms", "re": "f", "ère": "f", "res": "fs", "ères": "fs", "e": "m", "ᵉ": "m", "ème": "m", "eme": "m", "es": "ms", "èmes": "ms",
    "nd": "second", "nde": "seconde", "nds": "seconds", "ndes": "secondes",
}  # fmt: skip
_MONTHS = frozenset(name for names in table.MONTHS for name in names)
_GROUPS = ". \u00a0\u202f\u2009'’"


def _rules(code: str, region: str) -> LanguageRules:
    g = replace(_GRAMMAR, code=code)
    g = replace(g, date=lambda day, month, year: _date(g, day, month, year))
    bound = replace(
        g,
        time=lambda hour, minute, second, _: _time(g, hour, minute, second),
        fraction=lambda top, bottom: _fraction(g, top, bottom),
        half_more=lambda whole: f"{g.cardinal(whole)} et demi",
        in_context=lambda match, count: _in_context(g, match, count),
        phone_group=lambda digits: _phone_group(g, digits),
    )
    dotted = rule("phone", rf"{START}0\d(?:\.\d\d){{4}}(?!\w)", lambda match: _dotted(g, match.group()))
    own = (
        dotted,
        unsure(r"\d{1,3}\.\d{3}"),
        *_titles(),
        *_hours(bound),
        *_heights(bound),
        *_ordinals(bound),
        *numbered(bound, table.ROMANS),
    )
    return LanguageRules(region, (*own, *european(bound, table.EXTRAS)))


def _date(g: Grammar, day: int, month: int, year: int | None) -> str:
    said = f"{'premier' if day == 1 else g.cardinal(day)} {table.MONTHS[month - 1][0]}"
    return f"{said} {g.cardinal(year)}" if year else said


def _time(g: Grammar, hour: int, minute: int, second: int | None) -> str:
    said = g.counted(Amount(str(hour)), Noun(("heure", "heures"), "f"))
    said += f" {g.cardinal(minute, 'f')}" if minute else ""
    return f"{said} et {g.counted(Amount(str(second)), Noun(('seconde', 'secondes'), 'f'))}" if second else said


def _fraction(g: Grammar, top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return day_of_month(g, top, bottom) or over(g, top, bottom, "sur")
    if bottom == _HALF:
        return f"{g.cardinal(top)} {'demi' if top == 1 else 'demis'}"
    one, many = _PARTS.get(bottom) or (g.ordinal(bottom), f"{g.ordinal(bottom)}s")
    return f"{g.cardinal(top)} {one if top == 1 else many}"


def _in_context(g: Grammar, match: re.Match[str], count: Amount) -> str | None:
    if word_before(match).lower() in ("années", "page") and not count.fraction:
        return g.amount(count).removesuffix("s") if match.group().endswith("80") else None
    return g.amount(count, "f") if words_after(match)[0] in table.FEMININE else None


def _phone_group(g: Grammar, digits: str) -> str:
    """Pairs are read as numbers: 'zéro six, douze'."""
    if len(digits) > len("06"):
        return g.digits(digits)
    return g.digits(digits) if digits.startswith("0") else g.cardinal(int(digits))


def _dotted(g: Grammar, number: str) -> str:
    return ", ".join(_phone_group(g, pair) for pair in number.split("."))


def _titles() -> Iterator[Rule]:
    name = rf"(?:(?:de|du|de la|des|le){SPACE}|d['’])?[A-ZÀ-Ý][\w'’-]{{0,30}}[a-zà-ÿ]"
    pattern = rf"(?<![\w.])(?P<title>{any_of(table.TITLES)})(?={SPACE}{name})"
    yield rule("abbreviation", pattern, lambda match: table.TITLES[match["title"]])


def _hours(g: Grammar) -> Iterator[Rule]:
    pattern = rf"{START}(?P<hour>[01]?\d|2[0-4]){SPACE}[hH]{SPACE}?(?P<minute>[0-5]\d)(?:{SPACE}?min)?(?!\w)"
    yield rule("time", pattern, lambda match: _time(g, int(match["hour"]), int(match["minute"]), None))


def _heights(g: Grammar) -> Iterator[Rule]:
    """1m85, 1 m 85."""
    noun = g.units["m"]

    def read(match: re.Match[str]) -> str:
        return f"{g.counted(Amount(match['metres']), noun)} {g.amount(Amount(match['rest']))}"

    yield rule("unit", rf"{START}(?P<metres>\d{{1,3}}){SPACE}?m{SPACE}?(?P<rest>\d\d)(?!\w|{SPACE}?[%€/])", read)


def _ordinals(g: Grammar) -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str | None:
        number = int(match["count"]) if match["count"].isdecimal() else roman(match["count"])
        gender = _MARKS[match["mark"]]
        if not number or words_after(match)[0].lower() in _MONTHS:
            return None
        return gender if gender.startswith("second") else g.ordinal(number, gender)

    marks = "|".join(sorted(_MARKS, key=len, reverse=True))
    yield rule("ordinal", rf"{START}(?P<count>\d{{1,4}}|[IVX]{{1,8}})(?P<mark>{marks})(?!\w)", read)


_GRAMMAR = Grammar(
    code="fr",
    point="virgule",
    groups=_GROUPS,
    cardinals={
        "": "spellout-cardinal-masculine",
        "m": "spellout-cardinal-masculine",
        "f": "spellout-cardinal-feminine",
    },
    ordinals={
        "": "spellout-ordinal-masculine",
        "f": "spellout-ordinal-feminine",
        "ms": "spellout-ordinal-masculine-plural",
        "fs": "spellout-ordinal-feminine-plural",
    },
    ordinal_marks={"er": "m"},
    plural=lambda count: 0 if count.whole < _PLURAL else 1,
    is_fraction_a_number=True,
    minus="moins",
    are_cents_named=False,
    to="à",
    percent=Noun(("pour cent",)),
    permille=Noun(("pour mille",)),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    after_scale=lambda noun: f"d'{noun}" if noun[0] in "aeiouy" and not noun.startswith("y") else f"de {noun}",
    units=table.UNITS,
    months=table.MONTHS,
    date=lambda *_: None,
    time_signs=":hH",
    time_marks={"h": "heures"},
    time=lambda *_: None,
    fraction=lambda *_: None,
    and_a_half=" et ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="version",
    version_point="point",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
)
RULES = _rules("fr", "fr")
REGIONS = {"CH": _rules("fr_CH", "fr-CH"), "BE": _rules("fr_BE", "fr-BE")}
