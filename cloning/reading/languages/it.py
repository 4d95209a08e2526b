"""
Italian.

'3°' is an ordinal before a noun or month ('il 3° posto'), else it is an angle. One is 'un', 'uno' or 'una' by the noun.
"""

import re
from collections.abc import Iterator

from cloning.reading.european import day_of_month, european, is_part, numbered, numerals, over, words_after
from cloning.reading.grammar import END, SPACE, START, Grammar, Noun, any_of
from cloning.reading.languages.tables import it as table
from cloning.reading.numbers import Amount
from cloning.reading.rules import LanguageRules, Rule, rule

_HALF = 2
_UNO = re.compile(r"(?:s[^aeiouàèéìòùh\W]|z|gn|ps|pn|x|y)", re.IGNORECASE)


def _one(noun: str) -> str:
    """The article before that noun."""
    low = noun.lower()
    if low not in table.MASCULINE and (low in table.FEMININE or low.endswith(table.FEMININE_ENDINGS)):
        return "una"
    return "uno" if _UNO.match(low) else "un"


def _in_context(match: re.Match[str], count: Amount) -> str | None:
    noun = words_after(match)[0]
    is_counted = count.is_one and not count.is_negative and noun and noun.lower() not in table.NO_NOUNS
    return _one(noun) if is_counted else None


def _date(day: int, month: int, year: int | None) -> str:
    said = f"{'primo' if day == 1 else GRAMMAR.cardinal(day)} {table.MONTHS[month - 1][0]}"
    return f"{said} {GRAMMAR.cardinal(year)}" if year else said


def _time(hour: int, minute: int, second: int | None, mark: str) -> str:
    said = "una" if hour == 1 else GRAMMAR.cardinal(hour)
    if second:
        return f"{said} {GRAMMAR.cardinal(minute)} e {GRAMMAR.counted(Amount(str(second)), Noun(('secondo', 'secondi'), 'm'))}"
    if mark:
        said += " ora" if hour == 1 else " ore"
    return f"{said} e {GRAMMAR.cardinal(minute)}" if minute else said


def _fraction(top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return day_of_month(GRAMMAR, top, bottom) or over(GRAMMAR, top, bottom, "")
    part = "mezzo" if bottom == _HALF else GRAMMAR.ordinal(bottom)
    return f"{GRAMMAR.cardinal(top, 'm')} {part if top == 1 else part[:-1] + 'i'}"


def _ordinals() -> Iterator[Rule]:
    marks = {"º": "m", "ª": "f", "°": "m"}

    def read(match: re.Match[str]) -> str | None:
        following = words_after(match)[0]
        if match["mark"] == "°" and (not following or following in table.ORDINAL_STOPS or following in ("C", "F")):
            return None
        return GRAMMAR.ordinal(int(match["count"]), marks[match["mark"]])

    yield rule("ordinal", rf"{START}(?P<count>\d{{1,3}})\.?(?P<mark>[ºª°])(?!\w)", read)


def _decades() -> Iterator[Rule]:
    yield rule("decade", r"(?<!\w)['’](?P<count>[1-9]\d)(?!\w)", lambda match: GRAMMAR.cardinal(int(match["count"])))


def _mobiles() -> Iterator[Rule]:
    pattern = rf"{START}3\d\d{SPACE}\d{{6,7}}{END}"
    yield rule("phone", pattern, lambda match: ", ".join(GRAMMAR.digits(one) for one in match.group().split()))


def _elided() -> Iterator[Rule]:
    """L'1 maggio: 'l'uno', though it is 'il primo'."""
    month = any_of(name for names in table.MONTHS for name in names)
    pattern = rf"(?<=l['’])1(?={SPACE}(?:{month})(?!\w))"
    yield rule("date", pattern, lambda _: GRAMMAR.cardinal(1))


def _hours() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str:
        return _time(int(match["hour"]), int(match["minute"]), None, "")

    before = r"(?:(?<=\b[Oo]re )|(?<=\b[Aa]lle )|(?<=\b[Dd]alle )|(?<=\b[Aa]ll['’]))"
    yield rule("time", rf"{before}(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d){END}", read)
    yield rule("time", rf"{START}(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d)(?={SPACE}(?:ore|h)(?!\w))", read)


class Italian(Grammar):
    """'Un euro' and 'una sterlina', but 'ventuno'; 'ventitré', but 'ventitremila'."""

    def cardinal(self, number: int, gender: str = "") -> str:
        if number == 1 and gender:
            return _ARTICLES[gender]
        return re.sub(r"tré(?=\w)", "tre", super().cardinal(number))


_ARTICLES = {"m": "un", "f": "una"}
GRAMMAR: Grammar = Italian(
    code="it",
    point="virgola",
    groups=". \u00a0\u202f\u2009'’",
    ordinals={"": "spellout-ordinal-masculine", "m": "spellout-ordinal-masculine", "f": "spellout-ordinal-feminine"},
    is_fraction_a_number=True,
    minus="meno",
    plus="più",
    joint=" e ",
    are_cents_named=False,
    to="a",
    percent=Noun(("per cento",)),
    permille=Noun(("per mille",)),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    after_scale=lambda noun: f"di {noun}",
    units={**table.UNITS, **table.SCALES},
    months=table.MONTHS,
    date=_date,
    time_marks={"h": "ore"},
    time=_time,
    fraction=_fraction,
    half_more=lambda whole: f"{GRAMMAR.cardinal(whole)} e mezzo",
    and_a_half=" e ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="versione",
    version_point="punto",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
    in_context=_in_context,
)
RULES = LanguageRules(
    "it",
    (
        *_elided(),
        *_hours(),
        *_mobiles(),
        *_decades(),
        *_ordinals(),
        *numbered(GRAMMAR, table.ROMANS),
        *numerals(GRAMMAR, "[Ss]ecolo|[Mm]illennio", "m"),
        *numerals(GRAMMAR, "[Gg]uerra|[Rr]epubblica|[Ee]dizione", "f"),
        *european(GRAMMAR, table.EXTRAS),
    ),
)
