"""Years, decades, dates and times in English."""

import re
from collections.abc import Callable, Iterator

from cloning.reading.grammar import END, SPACE, START, Grammar, any_of, lost_dot
from cloning.reading.languages.english import tables
from cloning.reading.rules import Rule, rule

_CENTURY = 100
_TEN = 10
_NOON = 12
_MONTHS = 12
_LONGEST_MONTH = 31
_YEAR_SIGNS = (
    r"(?:[Ii]n|[Ss]ince|[Oo]f|[Ff]rom|[Uu]ntil|[Tt]ill|[Bb]y|[Bb]efore|[Aa]fter|[Dd]uring|[Yy]ear|[Cc]irca|[Ll]ate|[Ee]arly|[Ss]pring"
    r"|[Ss]ummer|[Aa]utumn|[Ff]all|[Ww]inter|AD|and|to|Treaty of|Battle of|"
    + any_of(name for names in tables.MONTHS for name in names)
    + r")\.?,?"
)
_COUNTED = (
    r"(?![ \u00a0-](?!(?:was|is|has|its|his|this|as|us|series|thus|always|perhaps|across|towards|plus|minus|versus|Olympics"
    r"|elections|crisis|sees|saw|does|goes|runs|marks|takes|comes|brings|shows)\b)"
    r"(?:[a-z]{2,}[^s\W]s|people|men|women|children|percent|feet|miles?|words?|hundred|thousand|million|billion|times)\b)"
)


def year(g: Grammar, number: int) -> str:
    """In pairs, but for the first years of a millennium: 1998, 1905, 1900, 2005, 2024."""
    pairs, rest = divmod(number, _CENTURY)
    if pairs < _TEN or (pairs % _TEN == 0 and rest < _TEN):
        return g.cardinal(number)
    if rest == 0:
        return f"{g.cardinal(pairs)} hundred"
    return f"{g.cardinal(pairs)} {two_digits(g, rest)}"


def two_digits(g: Grammar, number: int) -> str:
    """05 is 'oh five'."""
    return g.cardinal(number) if number >= _TEN else f"oh {g.cardinal(number)}"


def time(g: Grammar, hour: int, minute: int, second: int | None, mark: str) -> str:
    """'Three thirty PM', 'ten o'clock', 'fourteen hundred'."""
    if minute:
        said = f"{g.cardinal(hour)} {two_digits(g, minute)}"
    elif mark or second is not None:
        said = g.cardinal(hour)
    else:
        said = f"{g.cardinal(hour)} o'clock" if 1 <= hour <= _NOON else f"{g.cardinal(hour)} hundred"
    if second is not None:
        said += f" and {g.cardinal(second)} second{'s' * (second != 1)}"
    return f"{said} {mark}".rstrip()


def decades(g: Grammar) -> Iterator[Rule]:
    """1990s, '90s, the 20s."""

    def read(match: re.Match[str]) -> str:
        century, tens = match["century"] or "", int(match["tens"])
        if century in ("10", "20") and not tens:
            return f"{g.cardinal(int(century + '00'))}s"
        if not tens:
            return f"{g.cardinal(int(century))} hundreds" if century else "two thousands"
        plural = "tens" if tens == _TEN else g.cardinal(tens).removesuffix("y") + "ies"
        return f"{g.cardinal(int(century))} {plural}" if century else plural

    yield rule("decade", rf"{START}['’]?(?P<century>1[1-9]|20)?(?P<tens>[0-9]0)['’]?[sS](?!\w)", read)
    yield rule(
        "year", r"(?<![\w'’])['’](?P<tens>\d\d)(?!\w)(?![.,:/'’-]\d)", lambda match: two_digits(g, int(match["tens"]))
    )


def named_dates(g: Grammar) -> Iterator[Rule]:
    """March 3rd, 2026; the 3rd of March 2026."""
    number = {spelling: index for index, spellings in enumerate(tables.MONTHS) for spelling in spellings}
    month = rf"(?P<month>{any_of(number)})(?!\w)(?:\.(?=,|{SPACE}[\da-z]))?"
    day = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\w)(?![.:/'’]\d|,\d)"
    a_year = r"(?:,?[ \u00a0](?P<year>[12]\d{3})(?!\w)(?![.,:]\d))?"

    def with_year(words: str, match: re.Match[str]) -> str:
        return f"{words}, {year(g, int(match['year']))}" if match["year"] else words

    def month_first(match: re.Match[str]) -> str:
        return with_year(f"{_month(match)} {g.ordinal(int(match['day']))}", match)

    def day_first(match: re.Match[str]) -> str:
        lead = match["the"] or "the "
        return with_year(f"{lead}{g.ordinal(int(match['day']))} of {_month(match)}", match)

    def _month(match: re.Match[str]) -> str:
        return tables.MONTHS[number[match["month"]]][0]

    yield rule("date", rf"(?<!\w){month}{SPACE}{day}(?![-–]\d){a_year}", month_first)
    yield rule("date", rf"(?P<the>[Tt]he )?{START}{day}{SPACE}(?:of{SPACE})?{month}{a_year}", day_first)
    yield rule("date", rf"(?<!\w){month}(?= [12]\d{{3}}(?!\w))", _month)
    dotted = rf"{START}(?P<hour>1?\d|2[0-3])\.(?P<minute>[0-5]\d){SPACE}?(?P<mark>[ap])\.?m(?:\.|(?!\w))"
    yield rule("time", dotted, lambda match: _dotted(g, match))
    yield rule(
        "date", rf"{START}(?P<first>\d\d?)/(?P<second>\d\d?)(?!\w|[-–.,:/]\d)", lambda match: _day_and_month(g, match)
    )
    days = rf"(?<!\w){month}{SPACE}(?P<first>\d{{1,2}})[-–](?P<day>\d{{1,2}}){END}{a_year}"
    yield rule("date", days, lambda match: _from_to(g, match, _month(match), with_year))


def _dotted(g: Grammar, match: re.Match[str]) -> str:
    """9.30pm."""
    return time(g, int(match["hour"]), int(match["minute"]), None, f"{match['mark'].upper()}M") + lost_dot(match)


def _day_and_month(g: Grammar, match: re.Match[str]) -> str | None:
    """12/25, which is no fraction that people use, and can't be read two ways."""
    first, second = int(match["first"]), int(match["second"])
    month, day = (second, first) if g.date_order == "dmy" or first > _MONTHS else (first, second)
    if not (g.date and _MONTHS < day <= _LONGEST_MONTH and 1 <= month <= _MONTHS) or second in (16, 20):
        return None
    return g.date(day, month, None)


def _from_to(
    g: Grammar, match: re.Match[str], month: str, with_year: Callable[[str, re.Match[str]], str]
) -> str | None:
    first, last = int(match["first"]), int(match["day"])
    if not first < last <= _LONGEST_MONTH:
        return None
    return with_year(f"{month} {g.ordinal(first)} to {g.ordinal(last)}", match)


def years(g: Grammar) -> Iterator[Rule]:
    """1998, 2019-20, in 1066."""

    def read(match: re.Match[str]) -> str:
        return f"{match['lead']}{year(g, int(match['year']))}"

    def read_season(match: re.Match[str]) -> str | None:
        first, last = int(match["year"]), int(match["last"])
        return f"{year(g, first)} to {two_digits(g, last)}" if (first + 1) % _CENTURY == last else None

    no_number = rf"(?!{SPACE}?(?:{any_of([*g.units, *g.currencies, '%', '‰'])})(?!\w))"
    yield rule("year", rf"{START}(?P<lead>)(?P<year>19\d\d|20\d\d)(?!['’]\d)(?!-\w){END}{no_number}{_COUNTED}", read)
    yield rule("year", rf"{START}(?P<year>19\d\d|20\d\d)[-–/](?P<last>\d\d){END}", read_season)
    after = rf"(?:{_COUNTED}|(?= (?:AD|BC|CE|BCE)\b))"
    yield rule("year", rf"(?<!\w)(?P<lead>{_YEAR_SIGNS}{SPACE})(?P<year>1[0-8]\d\d){END}{no_number}{after}", read)
    yield rule("year", rf"{START}(?P<lead>)(?P<year>1[1-8]\d\d){END}(?= (?:AD|BC|CE|BCE)\b)", read)
