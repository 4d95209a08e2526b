"""Chinese: years, decades, dates, times of day."""

import re
from datetime import date

from cloning.reading.languages.han.digits import DASH, FREE, FREE_END, SPACE, D, after, as_it_was, before, narrow
from cloning.reading.languages.han.numerals import chinese, digits
from cloning.reading.languages.han.quantities import counted
from cloning.reading.rules import rule

_LONG_AGO = re.compile(r"[ ]?年(?:历史|歷史|的历史|的歷史|前|来|來|间|間|多|以来|以來|之久)")
_SCORE = re.compile(r"(?:比分|比数|比數|比|以|总分|總分|战胜|戰勝)[为為是 ]?\Z")
_FIRST, _LAST = 1000, 2999
"""Four digits that may be a year."""
_HALF = {"am": "上午", "pm": "下午"}


def _year(match: re.Match[str]) -> str | None:
    """1995年; but 1000年 and 1500年历史 are spans of time."""
    value = int(match["year"])
    is_span = value == _FIRST or (value % 100 == 0 and _LONG_AGO.match(after(match)))
    return digits(match.group()) if _FIRST <= value <= _LAST and not is_span else None


def _years(match: re.Match[str]) -> str | None:
    low, high = narrow(match["low"]), narrow(match["high"])
    last = low[: len(low) - len(high)] + high
    return f"{digits(low)}到{digits(high)}" if _FIRST <= int(low) < int(last) <= _LAST else None


def _digits(match: re.Match[str]) -> str:
    return digits(match.group())


def _date(match: re.Match[str]) -> str | None:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"] or 1)
    if not _is_date(year, month, day):
        return None
    return f"{digits(match['year'])}年{chinese(month)}月" + (f"{chinese(day)}日" if match["day"] else "")


def _western(match: re.Match[str]) -> str | None:
    """25/12/2026 is clear, 3/4/2026 isn't."""
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if max(first, second) <= 12 and first != second:  # noqa: PLR2004 - months
        return as_it_was(match)
    day, month = max(first, second), min(first, second)
    return f"{digits(match['year'])}年{chinese(month)}月{chinese(day)}日" if _is_date(year, month, day) else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


def _time(match: re.Match[str]) -> str | None:
    if _SCORE.search(before(match)):
        return None
    words = _half(match) + _clock(match["hour"], match["minute"], match["second"])
    return words + (f"到{_clock(match['hour2'], match['minute2'])}" if match["until"] else "")


def _half(match: re.Match[str]) -> str:
    return _HALF[narrow(match["half"]).lower().replace(".", "")] if match["half"] else ""


def _clock(hour: str, minute: str, second: str | None = None) -> str:
    words = counted(str(int(hour))) + "点"
    if int(minute) or int(second or 0):
        words += _sixtieth(minute) + "分"
    return words + (f"{_sixtieth(second)}秒" if second and int(second) else "")


def _sixtieth(text: str) -> str:
    return ("零" if 0 < int(text) < 10 else "") + chinese(int(text))  # noqa: PLR2004 - 零五


_HOUR = r"(?:[01０１]?[0-9０-９]|[2２][0-4０-４])"
_MINUTE = "[0-5０-５][0-9０-９]"

CALENDAR = (
    rule("date", rf"{FREE}(?P<year>{D}{{4}})(?P<by>[-/.／．－])(?P<month>{D}{{1,2}})(?P=by)(?P<day>{D}{{1,2}}){FREE_END}", _date),
    rule("date", rf"{FREE}(?P<year>(?:19|20){D}{{2}})[-/](?P<month>{D}{{1,2}})(?P<day>){FREE_END}", _date),
    rule("date", rf"{FREE}(?P<first>{D}{{1,2}})(?P<by>[-/.])(?P<second>{D}{{1,2}})(?P=by)(?P<year>[12]{D}{{3}}){FREE_END}", _western),
    rule("no date", rf"{FREE}{D}{{1,4}}(?:/{D}{{1,4}}){{2,9}}{FREE_END}", as_it_was),
    rule("years", rf"{FREE}(?P<low>{D}{{4}}){DASH}(?P<high>{D}{{4}}|{D}{{2}}(?={SPACE}年|赛季|賽季)){FREE_END}", _years),
    rule("year", rf"{FREE}(?P<year>{D}{{4}})(?={SPACE}年(?!级|級))", _year),
    rule("year", rf"{FREE}(?:['’]{D}{{2}}(?=年)|{D}{{2}}(?=年{D}{{1,2}}月))", _digits),
    rule("decade", rf"{FREE}(?:{D}{{3}}0(?=年代)|00(?=年代)|(?<!第)(?:[5-9][05]|00|05)(?=[后後](?![来來]))|[5-9]0(?=[后後](?![来來])))", _digits),
    rule("until", rf"(?<=[年月日号號点點分时時]){DASH}(?={D})", lambda _: "到"),
    rule("time", rf"{FREE}(?P<hour>{_HOUR})[:：](?P<minute>{_MINUTE})(?:[:：](?P<second>{_MINUTE}))?(?P<until>{DASH}(?P<hour2>{_HOUR})[:：](?P<minute2>{_MINUTE}))?(?:[ ]?(?P<half>[AaPp]\.?[Mm]\b\.?))?{FREE_END}", _time),
)  # fmt: skip
