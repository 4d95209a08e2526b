"""
German.

Four digits from 1100 to 1999 are a year ('neunzehnhundertachtundneunzig') unless a noun follows that they may count: '1500 Menschen'
are 'eintausendfünfhundert'; after a word like 'Jahr' or 'seit' they are a year in any case. '3.' is an ordinal before a month, after an
article or preposition that shows its case, and before nouns that ordinals stand before; else its dot ends a sentence.
"""

import re
from collections.abc import Iterator

from cloning.reading.european import european, is_part, numbered, over, word_before, words, words_after
from cloning.reading.grammar import SPACE, START, Grammar, Noun, any_of, lost_dot
from cloning.reading.languages.tables import de as table
from cloning.reading.numbers import Amount, roman
from cloning.reading.rules import LanguageRules, Rule, keeping_stops, rule

_YEARS = range(1100, 2000)
_YEAR_WORDS = words(
    "jahr jahre jahres jahren seit anno sommer herbst winter frühling frühjahr ende anfang mitte um nach vor"
)
_HALF = 2
_LAST_DAY = 31
_DIGITS = re.compile(r"\d{4}")


def _year(number: int) -> str:
    return GRAMMAR.cardinal(number, "year" if number in _YEARS else "")


def _ending(match: re.Match[str], noun: str = "") -> str:
    """How an ordinal ends there: -n after what shows the dative, else by the noun's gender and its article."""
    before = _before(match)
    article = re.search(r"(\w+)[ \u00a0](?i:der)[ \u00a0]\Z", match.string[max(0, match.start() - 30) : match.start()])
    if before in table.DATIVE or (article and article[1].lower() in table.PREPOSITIONS):
        return "n"
    if (
        before in ("der", "die", "das", "eine", "meine", "seine", "ihre", "keine", "jede", "diese", "unsere")
        or noun in table.FEMININE
    ):
        return ""
    return "s" if noun in table.NEUTER else "r"


def _before(match: re.Match[str]) -> str:
    """The word before a match; of 'am 3. und 4. März' that before the first ordinal."""
    near = match.string[max(0, match.start() - 40) : match.start()]
    found = re.search(r"(\w+) \d{1,2}\. ?(?:und|oder|bis|–|-) ?\Z", near)
    return (found[1] if found else word_before(match)).lower()


def _ordinal(number: int, ending: str) -> str:
    return GRAMMAR.ordinal(number) + ending


def _dated(match: re.Match[str], day: int, month: int, year: int | None) -> str:
    said = f"{_ordinal(day, _ending(match))} {table.MONTHS[month - 1][0]}"
    return f"{said} {_year(year)}" if year else said


def _time(hour: int, minute: int, second: int | None, _: str) -> str:
    said = f"{GRAMMAR.cardinal(hour, 'm')} Uhr" + (f" {GRAMMAR.cardinal(minute)}" if minute or second else "")
    return f"{said} und {GRAMMAR.cardinal(second, 'f')} Sekunden" if second else said


def _fraction(top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return over(GRAMMAR, top, bottom, "zu")
    if bottom == _HALF:
        return "ein halb" if top == 1 else f"{GRAMMAR.cardinal(top)} Halbe"
    part = GRAMMAR.ordinal(bottom).removesuffix("te")
    return f"{GRAMMAR.cardinal(top, 'm')} {part.capitalize()}tel"


def _in_context(match: re.Match[str], count: Amount) -> str | None:
    noun = words_after(match)[0]
    if match.group() == "1" and re.match(r"-[A-ZÄÖÜ]", match.string[match.end() : match.end() + 2]):
        return GRAMMAR.cardinal(1, "m")
    if count.is_one and not count.is_negative and noun:
        return GRAMMAR.cardinal(1, "f" if noun in table.FEMININE else "m")
    if not _DIGITS.fullmatch(match.group()) or count.whole not in _YEARS:
        return None
    is_counted = noun[:1].isupper() and word_before(match).lower() not in _YEAR_WORDS
    return None if is_counted else _year(count.whole)


def _ordinals() -> Iterator[Rule]:
    sure = table.DATIVE - {"bis", "seit", "ab", "nach"}
    shown = sure | {"als", "der", "die", "das", "ein", "eine", "mein", "sein", "ihr", "kein", "jede", "diese", "unser"}

    def read(match: re.Match[str]) -> str | None:
        noun = match["noun"]
        number = int(match["count"]) if match["count"].isdecimal() else roman(match["count"])
        if (
            number is None
            or noun in table.MONTH_NAMES | table.STARTERS
            or not (word_before(match).lower() in shown or noun in table.ORDINAL_NOUNS)
        ):
            return None
        return _ordinal(number, _ending(match, noun))

    yield rule(
        "ordinal",
        rf"{START}(?P<count>\d{{1,3}}|[IVX]{{1,6}})\.(?={SPACE}(?P<noun>[A-ZÄÖÜa-zäöü][a-zäöüß]{{1,30}}|[A-Z]{{2,4}}(?!\w)))",
        read,
    )

    def read_last(match: re.Match[str]) -> str | None:
        if word_before(match).lower() not in sure:
            return None
        return _ordinal(int(match["count"]), "n") + lost_dot(match)

    yield rule("ordinal", rf"{START}(?P<count>\d{{1,2}})\.(?=[,;]|\s{{0,3}}(?:\Z|\n))", read_last)
    month = any_of(name for names in table.MONTHS for name in names)
    pattern = rf"{START}(?P<first>\d{{1,2}})\.{SPACE}?(?P<by>bis(?: zum)?|[-–/]){SPACE}?(?P<last>\d{{1,2}})\.(?={SPACE}{month})"
    yield rule("date", pattern, _days)


def _days(match: re.Match[str]) -> str:
    ending = _ending(match)
    by = "und" if match["by"] == "/" else "bis"
    return f"{_ordinal(int(match['first']), ending)} {by} {_ordinal(int(match['last']), ending)}"


def _decades() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str:
        return _year(int(match["count"])) + "er"

    yield rule(
        "decade", rf"{START}(?P<count>(?:1[1-9]|20)?[1-9]\d|(?:19|20)0\d|[1-9])er(?=(?:-| )?Jahren?(?!\w)|(?!\w))", read
    )


def _kings() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str | None:
        name, number = word_before(match), roman(match["numeral"])
        if number is None or name not in table.KINGS:
            return None
        before = match.string[max(0, match.start() - 40) : match.start()].split()[:-1]
        is_dative = any(one.lower() in table.PREPOSITIONS for one in before[-2:])
        usual, dative = table.KINGS[name]
        said = f"{dative} {_ordinal(number, 'n').capitalize()}" if is_dative else _king(usual, number)
        return said + lost_dot(match)

    yield rule("roman", rf"(?<=[a-zß]{SPACE})(?P<numeral>[IVX]{{1,6}})(?:\.|(?!\w))", read)


def _king(article: str, number: int) -> str:
    return f"{article} {_ordinal(number, 'n' if article == 'des' else '').capitalize()}"


def _round_prices() -> Iterator[Rule]:
    """3,- €, 5,– Euro."""

    def read(match: re.Match[str]) -> str:
        return GRAMMAR.counted(Amount(match["count"].replace(".", "")), GRAMMAR.currencies[match["sign"]].whole)

    pattern = (
        rf"{START}(?P<count>\d{{1,3}}(?:\.\d{{3}})*),[-–—]{{1,2}}{SPACE}?(?P<sign>{any_of(GRAMMAR.currencies)})(?!\w)"
    )
    yield rule("money", pattern, read)


def _times() -> Iterator[Rule]:
    """1x, 2-mal, 3fach, 20%ige."""
    endings = {"x": "mal", "mal": "mal", "fach": "fach"}

    def said(match: re.Match[str]) -> str:
        return GRAMMAR.cardinal(int(match["count"]), "m")

    pattern = rf"{START}(?P<count>\d{{1,4}})(?:x|-?(?P<ending>mal|fach))(?!\w)"
    yield rule("times", pattern, lambda match: said(match) + endings[match["ending"] or "x"])
    yield rule(
        "percent",
        rf"{START}(?P<count>\d{{1,3}}){SPACE}?%-?(?=ige?[nrsm]?(?!\w))",
        lambda match: f"{said(match)}prozent",
    )


def _halves() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str:
        noun = match["noun"]
        return table.EXTRAS.half["f" if noun in table.FEMININE else "n" if noun in table.NEUTER else ""]

    yield rule("fraction", rf"{START}(?<!\d[ \u00a0])(?:1/2|½)(?={SPACE}(?P<noun>[A-ZÄÖÜ][a-zäöüß]{{2,30}}))", read)


def _days_of_month() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str | None:
        day, month = int(match["day"]), int(match["month"])
        if not (0 < day <= _LAST_DAY and 0 < month <= len(table.MONTHS)):
            return None
        return _dated(match, day, month, None) + ("." if match["end"] is not None else "")

    yield rule("date", rf"{START}(?P<day>\d{{1,2}})\.{SPACE}?(?P<month>\d{{1,2}})\.(?P<end>\s{{0,3}}\Z)?(?!\d)", read)


def _hours() -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str | None:
        return _time(int(match["hour"]), int(match["minute"]), None, "")

    def read_range(match: re.Match[str]) -> str:
        first, last = ((int(match[f"{one}hour"]), int(match[f"{one}minute"])) for one in ("", "last_"))
        return f"{_time(*first, None, '')} bis {_time(*last, None, '')}"

    one, two = (rf"(?P<{name}hour>[01]?\d|2[0-4])\.(?P<{name}minute>[0-5]\d)" for name in ("", "last_"))
    yield rule("time", rf"{START}{one}{SPACE}?[-–—]{SPACE}?{two}{SPACE}Uhr(?!\w)", read_range)
    yield rule("time", rf"{START}(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d){SPACE}Uhr(?!\w)", read)


GRAMMAR: Grammar = Grammar(
    code="de",
    point="Komma",
    groups=". \u00a0\u202f\u2009'’",
    cardinals={
        "": "spellout-numbering",
        "m": "spellout-cardinal-masculine",
        "n": "spellout-cardinal-neuter",
        "f": "spellout-cardinal-feminine",
        "year": "spellout-numbering-year",
    },
    are_cents_named=False,
    to="bis",
    percent=Noun(("Prozent",), "n"),
    permille=Noun(("Promille",), "n"),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    units={**table.UNITS, **table.SCALES},
    months=table.MONTHS,
    dated=_dated,
    year=_year,
    time_marks={"Uhr": "Uhr"},
    time=_time,
    fraction=_fraction,
    half_more=lambda whole: GRAMMAR.cardinal(whole, "m") + "einhalb",
    and_a_half=" und ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="Version",
    version_point="Punkt",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
    in_context=_in_context,
)
_ALL = (
    *_hours(),
    *_days_of_month(),
    *_halves(),
    *_times(),
    *_round_prices(),
    *_kings(),
    *numbered(GRAMMAR, table.ROMANS),
    *_decades(),
    *_ordinals(),
    *european(GRAMMAR, table.EXTRAS),
)
RULES = LanguageRules("de", tuple(keeping_stops(_ALL, GRAMMAR.units, lost_dot)))
