"""
Japanese: numbers in Chinese characters, with their most common surroundings: dates, times, money, percentages, ranges, telephones.

The reading of a number before a counter (一日, 三本) is left to the engine that pronounces the characters. A zero among single
digits is ゼロ. Numbers of nine digits and more without group signs are read digit by digit. 3/4/2026 is ambiguous: it stays.
Digits that no rule claims, such as most units, go to wetext (`han.grammars`).
"""

import re
from collections.abc import Sequence
from datetime import date

from cloning.reading.languages.han.digits import (
    AMOUNT,
    END,
    FREE,
    FREE_END,
    NUMBER,
    SIGNED,
    SPACE,
    D,
    after,
    any_of,
    as_it_was,
    bare,
    before,
    narrow,
)
from cloning.reading.languages.han.grammars import unclaimed
from cloning.reading.languages.han.numerals import LARGEST, digits, japanese
from cloning.reading.rules import LanguageRules, rule
from cloning.reading.spans import Replacement

_CURRENCIES = {
    "¥": "円", "￥": "円", "$": "ドル", "＄": "ドル", "US$": "ドル", "€": "ユーロ", "£": "ポンド", "₩": "ウォン", "₹": "ルピー",
    "₽": "ルーブル", "JPY": "円", "USD": "ドル", "EUR": "ユーロ", "GBP": "ポンド", "CHF": "スイスフラン",
}  # fmt: skip
_UNITS = {"℃": "度", "°C": "度", "℉": "華氏{}度", "kg": "キログラム", "km": "キロメートル", "cm": "センチメートル", "mm": "ミリメートル",
          "m": "メートル", "g": "グラム", "km/h": "時速{}キロメートル", "ml": "ミリリットル", "mL": "ミリリットル", "L": "リットル",
          "m²": "平方メートル", "㎡": "平方メートル", "㎏": "キログラム", "㎞": "キロメートル", "㎝": "センチメートル", "㎜": "ミリメートル"}  # fmt: skip
_CENTS = {"ドル": "セント", "ユーロ": "セント"}
_SIGN = {"-": "マイナス", "−": "マイナス", "+": "プラス", "": ""}
_OPERATORS = {"+": "たす", "×": "かける", "÷": "わる", "=": "は"}
_LONG = 9
"""Digits without signs of groups from which a number is probably a code."""


def number(text: str) -> str:
    """A number without a sign: 1,024 or 3.14 or 007."""
    whole, _, part = bare(text).partition(".")
    is_code = len(whole) > 1 and whole.startswith("0")
    words = _digits(whole) if is_code or len(whole) >= len(str(LARGEST)) else japanese(int(whole))
    return words + (f"点{digits(part)}" if part else "")


def _digits(text: str) -> str:
    return digits(text, zero="ゼロ")


def _amount(match: re.Match[str]) -> str:
    """What AMOUNT matched, with its sign."""
    high = match["high"]
    return _signed(match) + (f"から{number(high)}" if high else "")


def _signed(match: re.Match[str]) -> str:
    return _SIGN[narrow(match["sign"] or "")] + number(match["low"])


def _plain(match: re.Match[str]) -> str:
    text = match["low"]
    is_code = len(text) >= _LONG and text.isdecimal() and after(match, 1) not in tuple("円人個万億")
    return _SIGN[narrow(match["sign"] or "")] + (_digits(text) if is_code else number(text))


def _money(match: re.Match[str]) -> str:
    name = _CURRENCIES[narrow(match["currency"]).upper()]
    whole, _, cents = bare(match["low"]).partition(".")
    if match["high"] or match["large"] or len(cents) != len("50") or name not in _CENTS:
        return _amount(match) + (match["large"] or "") + name
    small = f"{japanese(int(cents))}{_CENTS[name]}" if int(cents) else ""
    return _SIGN[narrow(match["sign"] or "")] + (number(whole) + name if int(whole) or not small else "") + small


def _unit(match: re.Match[str]) -> str:
    name = _UNITS[match["unit"]]
    if before(match).endswith("時速"):
        name = name.removeprefix("時速{}")
    return name.format(_amount(match)) if "{}" in name else _amount(match) + name


def _date(match: re.Match[str]) -> str | None:
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    return f"{japanese(year)}年{japanese(month)}月{japanese(day)}日" if _is_date(year, month, day) else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


def _time(match: re.Match[str]) -> str:
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    words = f"{japanese(hour)}時" + (f"{japanese(minute)}分" if minute or second else "")
    return words + (f"{japanese(second)}秒" if second else "")


def _phone(match: re.Match[str]) -> str:
    plus = "プラス" if match.group().startswith(("+", "＋")) else ""
    return plus + "の".join(_digits(group) for group in re.findall(rf"{D}+", match.group()))


def _version(match: re.Match[str]) -> str:
    return (match["v"] or "") + "点".join(number(part) for part in re.findall(rf"{D}+", match.group()))


def _fraction(match: re.Match[str]) -> str:
    top, bottom = int(match["top"]), int(match["bottom"])
    return f"{japanese(bottom)}分の{japanese(top)}" if top < bottom else as_it_was(match)


def _range(match: re.Match[str]) -> str:
    """5-10人; what doesn't go up is two numbers of an address."""
    low, high = match["low"], match["high"]
    return f"{number(low)}{'から' if float(bare(low)) < float(bare(high)) else 'の'}{number(high)}"


def _rest(text: str, claimed: Sequence[Replacement]) -> list[Replacement]:
    return unclaimed("ja", text, claimed, number)


_CURRENCY = rf"(?P<currency>{any_of(_CURRENCIES)})"
_LARGE = "(?P<large>[万億兆]{1,2})?"

RULES = LanguageRules(
    "ja",
    (
        rule("date", rf"{FREE}(?P<year>[12]{D}{{3}})(?P<by>[-/.])(?P<month>{D}{{1,2}})(?P=by)(?P<day>{D}{{1,2}}){FREE_END}", _date),
        rule("no date", rf"{FREE}{D}{{1,4}}(?:/{D}{{1,4}}){{2,9}}{FREE_END}", as_it_was),
        rule("always", r"(?<![0-9０-９/.])24/7(?![0-9０-９/])", lambda _: "二十四時間年中無休"),
        rule("time", rf"{FREE}(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?{FREE_END}", _time),
        rule("phone", rf"(?<![0-9A-Za-z+])[+＋]{D}{{1,3}}(?:[ -]?\(?{D}{{2,5}}\)?){{2,5}}{END}", _phone),
        rule("phone", rf"{FREE}(?:\(?0{D}{{1,4}}(?:\)|\) |[ -]){D}{{1,4}}[ -]{D}{{3,4}}|{D}{{3}}-{D}{{3}}-{D}{{4}}|{D}{{3}}-{D}{{4}}){FREE_END}", _phone),
        rule("version", rf"(?<![0-9０-９A-Za-z.])(?P<v>[vV])?{D}{{1,8}}(?:\.{D}{{1,8}}){{2,6}}(?![0-9A-Za-z])", _version),
        rule("money", rf"{_CURRENCY}{SPACE}{AMOUNT}{_LARGE}(?:円|ドル|ユーロ)?", _money),
        rule("money", rf"{AMOUNT}{_LARGE}{SPACE}{_CURRENCY}(?![A-Za-z])", _money),
        rule("percent", rf"{AMOUNT}{SPACE}[%％]", lambda match: _amount(match) + "パーセント"),
        rule("unit", rf"{AMOUNT}{SPACE}(?P<unit>{any_of(_UNITS)})(?![A-Za-z0-9²³/])", _unit),
        rule("fraction", rf"{FREE}(?P<top>{D}{{1,3}})/(?P<bottom>{D}{{1,4}}){FREE_END}", _fraction),
        rule("range", rf"(?P<low>{NUMBER}){SPACE}[-~～〜–—]{SPACE}(?P<high>{NUMBER})", _range),
        rule("sign", rf"(?<={D})[+×÷=](?={D})", lambda match: _OPERATORS[match.group()]),
        rule("hyphen", rf"(?<=[A-Za-z])-(?={D})", lambda _: ""),
        rule("number", rf"{SIGNED}{END}(?![A-Za-z°′″·^*/:：-])", _plain),
    ),
    _rest,
)  # fmt: skip
