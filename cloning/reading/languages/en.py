"""
English. Without a region: 3/4/2026 stays as it is, because it means April in London and March in New York; numbers are American.

A number is read as a year ("nineteen ninety-eight", but "two thousand five"):
- from 1900 to 2099, unless what follows looks like something counted (a plural in -s, 'people', a unit);
- from 1000 to 1899 after a word or before one that years stand beside: in, since, of, from, by, spring, AD.
That is right for "In 1998", "the 2024 election", "1500 meters", "2000 people" and "in 1848", and wrong for "a price of 1998".
"""

from cloning.reading.classes import standard
from cloning.reading.grammar import Grammar, Noun
from cloning.reading.languages.english import calendar, rules, tables
from cloning.reading.rules import LanguageRules, keeping_stops


def _date(grammar: Grammar, day: int, month: int, year: int | None) -> str:
    """As it is said there: 'March third', or 'the third of March'."""
    name = tables.MONTHS[month - 1][0]
    said = f"{name} {grammar.ordinal(day)}" if grammar.date_order != "dmy" else f"the {grammar.ordinal(day)} of {name}"
    return said if year is None else f"{said}, {calendar.year(grammar, year)}"


def _grammar(order: str, cardinals: str, ordinals: str) -> Grammar:
    grammar = Grammar(
        code="en",
        point="point",
        decimal=".",
        groups=",\u00a0\u202f\u2009",
        cardinals={"": cardinals},
        ordinals={"": ordinals},
        ordinal_marks=dict.fromkeys(("st", "nd", "rd", "th", "ST", "ND", "RD", "TH"), ""),
        joint=" and ",
        to="to",
        percent=Noun(("percent",)),
        permille=Noun(("per mille",)),
        currencies=tables.CURRENCIES,
        scales=tables.SCALES,
        units=tables.UNITS,
        date_order=order,
        time=lambda hour, minute, second, mark: calendar.time(grammar, hour, minute, second, mark),
        time_marks={"am": "AM", "a.m.": "AM", "pm": "PM", "p.m.": "PM"},
        date=lambda day, month, year: _date(grammar, day, month, year),
        year=lambda number: calendar.year(grammar, number),
        fraction=lambda top, bottom: rules.fraction(grammar, top, bottom),
        and_a_half=" and ",
        signs=tables.SIGNS,
        number_signs=tables.NUMBER_SIGNS,
        url_words=tables.URL_WORDS,
        version="version",
        abbreviations=tables.ABBREVIATIONS,
        final_abbreviations=("etc.", "Inc.", "Ltd."),
    )
    return grammar


def _rules(order: str, cardinals: str, ordinals: str = "spellout-ordinal") -> LanguageRules:
    grammar = _grammar(order, cardinals, ordinals)
    every = (*rules.before(grammar), *standard(grammar), *rules.after(grammar))
    return LanguageRules("en", tuple(keeping_stops(every, ("a.m.", "p.m."), rules.starts_a_sentence)))


_AMERICAN, _BRITISH = "spellout-cardinal", "spellout-cardinal-verbose"
RULES = _rules("", _AMERICAN)
REGIONS = {
    "US": _rules("mdy", _AMERICAN),
    **dict.fromkeys(
        ("GB", "UK", "AU", "NZ", "IE", "ZA", "IN", "SG", "HK"), _rules("dmy", _BRITISH, "spellout-ordinal-verbose")
    ),
}
