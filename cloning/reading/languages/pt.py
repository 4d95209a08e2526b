"""
Portuguese: of Brazil (also without a region) and of Portugal.

Numbers before a noun have its gender, told by its ending and a table of exceptions.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from cloning.reading.european import (
    Iberian,
    centuries,
    day_of_month,
    european,
    is_part,
    numbered,
    numerals,
    over,
    round_sums,
)
from cloning.reading.grammar import END, SPACE, START, Grammar, Noun, any_of
from cloning.reading.languages.tables import pt as table
from cloning.reading.neighbours import words_after
from cloning.reading.numbers import Amount
from cloning.reading.rules import LanguageRules, Rule, rule

_PARTS = {2: "meio", 3: "terço", 100: "centésimo", 1000: "milésimo"}
_SMALL = range(2, 11)
_HOUR = Noun(("hora", "horas"), "f")
_SECOND = Noun(("segundo", "segundos"), "m")


def _gender(match: re.Match[str]) -> str:
    """Of the noun that follows."""
    noun = words_after(match)[0].lower()
    if not noun or noun in table.NO_NOUNS or noun in table.MASCULINE:
        return ""
    return "f" if noun in table.FEMININE or noun.endswith(table.FEMININE_ENDINGS) else ""


def _date(g: Grammar, day: int, month: int, year: int | None, *, has_first: bool) -> str:
    said = f"{'primeiro' if day == 1 and has_first else g.cardinal(day)} de {table.MONTHS[month - 1][0]}"
    return f"{said} de {g.cardinal(year)}" if year else said


def _time(g: Grammar, hour: int, minute: int, second: int | None) -> str:
    if not minute and not second:
        return g.counted(Amount(str(hour)), _HOUR)
    said = f"{g.cardinal(hour, 'f')} e {g.cardinal(minute)}"
    return f"{said} e {g.counted(Amount(str(second)), _SECOND)}" if second else said


def _fraction(g: Grammar, top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return day_of_month(g, top, bottom) or over(g, top, bottom, "por")
    part = _PARTS.get(bottom) or (g.ordinal(bottom) if bottom in _SMALL else "")
    return (
        f"{g.cardinal(top)} {part}{'' if top == 1 else 's'}" if part else f"{g.cardinal(top)} {g.cardinal(bottom)} avos"
    )


def _halves() -> Iterator[Rule]:
    """1/2 xícara; 1/2 quilo is a fraction like others."""
    pattern = rf"{START}(?<!\d{SPACE})(?:1/2|½)(?={SPACE}(?!{any_of(table.UNITS)}(?!\w))[a-zà-ÿ])"
    yield rule("fraction", pattern, lambda match: "meia" if _gender(match) == "f" else None)


def _ordinals(g: Grammar) -> Iterator[Rule]:
    marks = {"º": "", "ª": "f", "o": "", "a": "f", "°": ""}

    def read(match: re.Match[str]) -> str:
        return g.ordinal(int(match["count"]), marks[match["mark"]])

    month = any_of(name for names in table.MONTHS for name in names)
    mark = rf"º|ª|°(?= de {month})|(?<=\.)[oa]"
    yield rule("ordinal", rf"{START}(?P<count>\d{{1,3}})\.?(?P<mark>{mark})(?!\w)", read)


def _phones(g: Grammar) -> Iterator[Rule]:
    """Brazil's 91234-5678 and 3333-4444, with an area code or without; tax numbers; scores like 3x1."""

    def read(match: re.Match[str]) -> str | None:
        groups = re.findall(r"\d+", match.group())
        is_years = len(groups) == len(("from", "to")) and all(one.startswith(("1", "20")) for one in groups)
        return None if is_years else ", ".join(g.digits(one) for one in groups)

    yield rule("phone", rf"{START}(?<!\d )(?<!\) )(?<!\))(?:\d\d )?(?:9\d{{4}}|[2-5]\d{{3}})-\d{{4}}{END}", read)
    yield rule("code", rf"{START}\d{{3}}\.\d{{3}}\.\d{{3}}-\d\d{END}", read)
    score = rf"{START}(?P<home>\d)x(?P<guests>\d){END}"
    yield rule("score", score, lambda match: over(g, int(match["home"]), int(match["guests"]), "a"))
    yield rule(
        "times", rf"{START}(?P<count>\d{{1,3}})x(?!\w)", lambda match: f"{g.cardinal(int(match['count']), 'f')} vezes"
    )


_GRAMMAR = Iberian(
    code="pt",
    point="vírgula",
    groups=". \u00a0\u202f\u2009",
    cardinals={
        "": "spellout-cardinal-masculine",
        "f": "spellout-cardinal-feminine",
    },
    ordinals={
        "": "spellout-ordinal-masculine",
        "king": "spellout-ordinal-masculine",
        "f": "spellout-ordinal-feminine",
        "queen": "spellout-ordinal-feminine",
    },
    plural=lambda count: 0 if count.is_one or (count.fraction and count.whole in (0, 1)) else 1,
    is_fraction_a_number=True,
    minus="menos",
    plus="mais",
    joint=" e ",
    to="a",
    percent=Noun(("por cento",)),
    permille=Noun(("por mil",)),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    after_scale=lambda noun: f"de {noun}",
    units=table.UNITS,
    months=table.MONTHS,
    of_month="de",
    time_signs=":h",
    time_marks={"h": "horas", "hs": "horas", "min": ""},
    and_a_half=" e ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="versão",
    version_point="ponto",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
)


def _rules(region: str, grammar: Grammar, *, has_first: bool) -> LanguageRules:
    grammar = replace(grammar, date=lambda day, month, year: _date(grammar, day, month, year, has_first=has_first))
    g = replace(
        grammar,
        time=lambda hour, minute, second, _: _time(grammar, hour, minute, second),
        fraction=lambda top, bottom: _fraction(grammar, top, bottom),
        half_more=lambda whole: f"{grammar.cardinal(whole)} e meio",
        in_context=_in_context(grammar),
    )
    own = (
        *round_sums(g, "mil"),
        *_phones(g),
        *_halves(),
        *_ordinals(g),
        *numbered(g, table.ROMANS),
        *centuries(g, "s|séc", "século", table.ROMANS),
        *numerals(g, "[Gg]uerra|[Rr]epública|[Ee]dição", "f"),
        *numerals(g, "[Rr]einado|[Cc]ongresso|[Mm]ilénio|[Mm]ilênio", ""),
    )
    return LanguageRules(region, (*own, *european(g, table.EXTRAS)))


def _in_context(g: Grammar) -> Callable[[re.Match[str], Amount], str]:
    return lambda match, count: g.amount(count, _gender(match))


_PORTUGAL = replace(_GRAMMAR, code="pt_PT", currencies=table.CURRENCIES_PT, units=table.UNITS_PT)
RULES = _rules("pt", _GRAMMAR, has_first=True)
REGIONS = {
    "BR": _rules("pt-BR", _GRAMMAR, has_first=True),
    **dict.fromkeys(("PT", "AO", "MZ", "CV", "GW", "ST", "TL"), _rules("pt-PT", _PORTUGAL, has_first=False)),
}
