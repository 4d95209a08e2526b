"""Dates and times of European languages, as rules made from a language's `Grammar`."""

import re
from collections.abc import Iterable, Iterator
from datetime import date as civil_date

from cloning.reading.grammar import END, SPACE, START, Grammar, any_of, lost_dot
from cloning.reading.rules import Rule

_YEAR = r"[12]\d{3}"
_FIRST = 70
"""The first year of two digits that is one of the last century: they mean 1970 to 2069."""
_HOURS = 24
_SECONDS = 59


def dates(g: Grammar) -> Iterator[Rule]:
    """2026-12-25, 25/12/2026, 25.12.26, 25 December 2026, December 25, 2026."""
    if g.date is None and g.dated is None:
        return
    yield Rule(
        "date",
        re.compile(rf"{START}(?P<year>{_YEAR})-(?P<month>\d\d)-(?P<day>\d\d)(?!\w|-\d)"),
        lambda match: _said(g, match),
    )
    yield from _digit_dates(g)
    if g.months:
        yield from _named_dates(g)


def _digit_dates(g: Grammar) -> Iterator[Rule]:
    pattern = rf"{START}(?P<first>\d{{1,2}})(?P<sign>[./-])(?P<second>\d{{1,2}})(?P=sign)(?P<year>{_YEAR}|\d\d){END}"

    def read(match: re.Match[str]) -> str | None:
        first, second = int(match["first"]), int(match["second"])
        year = int(match["year"]) if len(match["year"]) > len("26") else None
        if year is None and match["sign"] == "-":
            return None
        orders = [(first, second)] if g.date_order != "mdy" else [(second, first)]
        if not g.date_order:
            orders.append((second, first))
        right = {order for order in orders if _exists(*order, year)}
        if len(right) != 1:
            return match.group() if right else None
        return _words(g, match, *right.pop(), year if year is not None else _century(int(match["year"])))

    yield Rule("date", re.compile(pattern), read)


def _century(year: int) -> int:
    """The year that two digits mean."""
    return year + (1900 if year >= _FIRST else 2000)


def _named_dates(g: Grammar) -> Iterator[Rule]:
    number = {spelling.lower(): index for index, spellings in enumerate(g.months, 1) for spelling in spellings}
    month = rf"(?P<month>(?i:{any_of(number)}))"
    marks = rf"(?:{any_of(g.ordinal_marks)})?" if g.ordinal_marks else ""
    of = rf"{SPACE}(?:{g.of_month}{SPACE})?" if g.of_month else SPACE
    day = rf"(?P<day>\d{{1,2}}){marks}"
    short = rf"(?!\w)(?:\.(?=,|{SPACE}[\da-zà-ÿа-я]))?"

    def read(match: re.Match[str]) -> str | None:
        year = int(match["year"]) if match["year"] else None
        return _words(g, match, int(match["day"]), number[match["month"].lower()], year)

    comma = f",{SPACE}?|" if g.month_first else ""
    year = rf"(?:(?:{comma}{of})(?P<year>{_YEAR})(?![\w%€$])(?![.,:]\d))?"
    yield Rule("date", re.compile(rf"{START}{day}\.?{of}{month}{short}{year}"), read)
    if g.month_first:
        yield Rule("date", re.compile(rf"(?<!\w){month}\.?{SPACE}{day}(?!\w)(?![.:/-]?\d|,\d){year}"), read)


def _said(g: Grammar, match: re.Match[str]) -> str | None:
    return _words(g, match, int(match["day"]), int(match["month"]), int(match["year"]))


def _words(g: Grammar, match: re.Match[str], day: int, month: int, year: int | None) -> str | None:
    if not _exists(day, month, year):
        return None
    if g.dated:
        return g.dated(match, day, month, year)
    return g.date(day, month, year) if g.date else None


def _exists(day: int, month: int, year: int | None) -> bool:
    try:
        civil_date(year or 2000, month, day)
    except ValueError:
        return False
    return True


def times(g: Grammar) -> Iterator[Rule]:
    """14:30, 2:05:10, 3:30 pm; hours alone only with a mark."""
    said = g.time
    if said is None:
        return
    marks = {mark.lower(): words for mark, words in g.time_marks.items()}

    def words(match: re.Match[str], which: str) -> str | None:
        hour, minute, second = (match[f"{which}_{part}"] for part in ("hour", "minute", "second"))
        if int(hour) > _HOURS or int(second or 0) > _SECONDS:
            return None
        mark = marks[match[f"{which}_mark"].lower()] if match[f"{which}_mark"] else ""
        return said(int(hour), int(minute or 0), int(second) if second else None, mark)

    def read(match: re.Match[str]) -> str | None:
        spoken = words(match, "at")
        return spoken and spoken + lost_dot(match)

    def read_range(match: re.Match[str]) -> str | None:
        first, last = words(match, "at"), words(match, "to")
        return f"{first} {g.to} {last}{lost_dot(match)}" if first and last else None

    first, hour = _clock(g, marks, "at")
    last, last_hour = _clock(g, marks, "to")
    if g.to:
        dash = rf"{SPACE}?[-–—]{SPACE}?"
        yield Rule("time", re.compile(rf"{START}{first}{dash}{last}{END}"), read_range)
        yield Rule("time", re.compile(rf"{START}{hour}{dash}{last_hour}{END}"), read_range)
    yield Rule("time", re.compile(rf"{START}{first}{END}"), read)
    yield Rule("time", re.compile(rf"{START}{hour}(?!\w)"), read)


def _clock(g: Grammar, marks: Iterable[str], which: str) -> tuple[str, str]:
    """Regular expressions for hours with minutes, and for an hour with a mark; the names of their groups begin with `which`."""
    marked = rf"{SPACE}?(?P<{which}_mark>(?i:{any_of(marks)}))(?!\w)" if marks else rf"(?P<{which}_mark>(?!))"
    hour = rf"(?P<{which}_hour>\d{{1,2}})"
    minutes = rf"(?P<{which}_minute>[0-5]\d)(?::(?P<{which}_second>[0-5]\d))?"
    alone = rf"{hour}(?P<{which}_minute>(?!))?(?P<{which}_second>(?!))?{marked}"
    return rf"{hour}[{re.escape(g.time_signs)}]{minutes}(?:{marked})?", alone
