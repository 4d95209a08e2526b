"""
Spanish, of Spain and (also without a region) with a decimal comma; Mexico, Central America and others have a decimal point.

Numbers before a noun have its gender, told by its ending and a table of exceptions. Without a region '1,234' may be a thousand or a
decimal: it stays.
"""

import re
from collections.abc import Iterator, Mapping
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
    unsure,
)
from cloning.reading.grammar import END, SPACE, START, Currency, Grammar, Noun, any_of
from cloning.reading.languages.tables import es as table
from cloning.reading.neighbours import words_after
from cloning.reading.numbers import Amount
from cloning.reading.rules import LanguageRules, Rule, rule

_HALF = 2
_PARTS = {2: "medio", 3: "tercio", 100: "centésimo", 1000: "milésimo"}
_SMALL = range(2, 11)


def _gender(match: re.Match[str]) -> str:
    """Of the noun that follows; '' if none does."""
    noun = words_after(match)[0].lower()
    if not noun or noun in table.NO_NOUNS:
        return ""
    if noun in table.MASCULINE:
        return "m"
    return "f" if noun in table.FEMININE or noun.endswith(table.FEMININE_ENDINGS) else "m"


def _in_context(match: re.Match[str], count: Amount) -> str | None:
    return GRAMMAR.amount(count, _gender(match)) if not count.fraction else None


def _date(day: int, month: int, year: int | None) -> str:
    said = f"{GRAMMAR.cardinal(day)} de {table.MONTHS[month - 1][0]}"
    return f"{said} de {GRAMMAR.cardinal(year)}" if year else said


def _american_date(day: int, month: int, year: int | None) -> str:
    return _date(day, month, year).replace("uno de", "primero de") if day == 1 else _date(day, month, year)


def _time(hour: int, minute: int, second: int | None, mark: str) -> str:
    said = GRAMMAR.cardinal(hour, "f") + (f" y {GRAMMAR.cardinal(minute)}" if minute else "")
    if second:
        return f"{said} y {GRAMMAR.counted(Amount(str(second)), Noun(('segundo', 'segundos'), 'm'))}"
    return said if not mark or minute else f"{said} {'hora' if hour == 1 else 'horas'}"


def _fraction(top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return day_of_month(GRAMMAR, top, bottom) or over(GRAMMAR, top, bottom, "")
    part = _PARTS.get(bottom) or (GRAMMAR.ordinal(bottom) if bottom in _SMALL else _part(bottom))
    return f"{GRAMMAR.cardinal(top, 'm')} {part}{'' if top == 1 else 's'}"


def _part(bottom: int) -> str:
    return GRAMMAR.cardinal(bottom).replace(" ", "") + "avo"


def _hours() -> Iterator[Rule]:
    """A las 20.30."""
    pattern = rf"(?<=\b[Ll]as )(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d)(?:{SPACE}?h(?:oras)?)?{END}"
    yield rule("time", pattern, lambda match: _time(int(match["hour"]), int(match["minute"]), None, ""))


def _halves() -> Iterator[Rule]:
    """1/2 taza, ½ kilo."""
    halves = {"f": "media", "m": "medio"}
    pattern = rf"{START}(?<!\d{SPACE})(?:1/2|½)(?={SPACE}(?!{any_of(table.UNITS)}(?!\w))[a-zà-ÿ])"
    yield rule("fraction", pattern, lambda match: halves.get(_gender(match)))


def _ordinals() -> Iterator[Rule]:
    marks = {
        "er": "adjective",
        "ᵉʳ": "adjective",
        "o": "",
        "º": "",
        "°": "",
        "a": "f",
        "ª": "f",
        "os": "ms",
        "as": "fs",
    }

    def read(match: re.Match[str]) -> str:
        gender = marks[match["mark"]]
        return GRAMMAR.ordinal(int(match["count"]), gender or ("adjective" if _gender(match) else ""))

    month = any_of(name for names in table.MONTHS for name in names)
    mark = rf"er|ᵉʳ|º|ª|°(?= de {month})|(?<=\.)(?:os|as|o|a)"
    yield rule("ordinal", rf"{START}(?P<count>\d{{1,3}})\.?(?P<mark>{mark})(?!\w)", read)


_CARDINALS = {"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"}
GRAMMAR: Grammar = Iberian(
    code="es",
    point="coma",
    groups=". \u00a0\u202f\u2009",
    cardinals=_CARDINALS,
    ordinals={
        "": "spellout-ordinal-masculine",
        "adjective": "spellout-ordinal-masculine-adjective",
        "king": "spellout-ordinal-masculine",
        "f": "spellout-ordinal-feminine",
        "queen": "spellout-ordinal-feminine",
        "ms": "spellout-ordinal-masculine-plural",
        "fs": "spellout-ordinal-feminine-plural",
    },
    is_fraction_a_number=True,
    minus="menos",
    plus="más",
    joint=" con ",
    are_cents_named=False,
    to="a",
    percent=Noun(("por ciento",)),
    permille=Noun(("por mil",)),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    after_scale=lambda noun: f"de {noun}",
    units=table.UNITS,
    months=table.MONTHS,
    date=_date,
    of_month="del?",
    time_marks={"h": "horas", "hs": "horas", "horas": "horas"},
    time=_time,
    fraction=_fraction,
    half_more=lambda whole: f"{GRAMMAR.cardinal(whole)} y medio",
    and_a_half=" y ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="versión",
    version_point="punto",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
    in_context=_in_context,
)


def _phones() -> Iterator[Rule]:
    """Spain's nine digits, unless a noun follows that they may count."""

    def read(match: re.Match[str]) -> str | None:
        return None if _gender(match) else ", ".join(GRAMMAR.digits(one) for one in match.group().split(" "))

    groups = r"(?:\d\d \d{3} \d{3}|\d \d{3} \d\d \d\d|\d\d \d\d \d\d \d\d)"
    yield rule("phone", rf"{START}(?<!\d )[6-9]{groups}{END}(?! \d)", read)


def _thousands() -> Iterator[Rule]:
    """1,234,567 can't be a decimal."""
    pattern = rf"{START}\d{{1,3}}(?:,\d{{3}}){{2,4}}{END}"
    yield rule("cardinal", pattern, lambda match: GRAMMAR.cardinal(int(match.group().replace(",", ""))))


def _rules(
    region: str, currencies: Mapping[str, Currency], *, has_point: bool = False, is_american: bool = True
) -> LanguageRules:
    g = replace(GRAMMAR, currencies={**table.CURRENCIES, **currencies}, date=_american_date if is_american else _date)
    if has_point:
        g = replace(g, decimal=".", groups=", \u00a0\u202f\u2009", point="punto")
    own = (
        *(() if region != "es" else (unsure(r"\d{1,3},\d{3}"), *_thousands())),
        *round_sums(g, "mil"),
        *_phones(),
        *_halves(),
        *_hours(),
        *_ordinals(),
        *numbered(g, table.ROMANS),
        *centuries(g, "s|sig", "siglo", table.ROMANS),
        *numerals(g, "[Gg]uerra|[Rr]epública|[Ee]dición", "f"),
        *numerals(g, "[Cc]ongreso", "adjective"),
    )
    return LanguageRules(region, (*own, *european(g, table.EXTRAS)))


_PESOS = ("AR", "CL", "CO", "UY")
_POINTS = ("US", "PR", "GT", "HN", "NI", "PA", "PE", "SV", "DO", "419")
RULES = _rules("es", {}, is_american=False)
REGIONS = {
    "ES": _rules("es-ES", {}, is_american=False),
    "MX": _rules("es-MX", table.PESO, has_point=True),
    **dict.fromkeys(_PESOS, _rules("es-AR", table.PESO)),
    **dict.fromkeys(_POINTS, _rules("es-419", {}, has_point=True)),
}
