"""Chinese: quantities. Numbers, what is counted, money, percentages, units, ranges, ratios, fractions, sums."""

import re
from collections.abc import Callable
from decimal import Decimal

from cloning.reading.languages.han.chinese import CALLED, CURRENCIES, MEASURES, NOT_COUNTED, PER, SIGNS, UNITS
from cloning.reading.languages.han.digits import (
    AMOUNT,
    DASH,
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
from cloning.reading.languages.han.numerals import LARGEST, chinese, digits
from cloning.reading.rules import rule

_LARGE = "(?P<large>[万萬亿億]{1,2})?"
_MONEY_WORDS = re.compile(rf"{SPACE}(?:元|圆|圓|块|塊|美元|欧元|歐元|英镑|英鎊|日元|港元|港币|港幣)")
_COUNTED = re.compile(rf"{SPACE}(?!{NOT_COUNTED})(?:{MEASURES})")
_CALLED = re.compile(rf"(?:{CALLED})[是为為:： ]{{0,2}}\Z")
_SIGN = {"-": "负", "−": "负", "+": "正", "": ""}
_OPERATORS = "-−－+＋×xX*÷/=＝<＜>＞≤≥≈≠"
_STRONG = re.compile("[+＋×xX*÷=＝<＜>＞≤≥≈≠]")
_SHORT = {"K": 1000, "M": 1000000, "B": 1000000000}
_LONG = 9
"""Digits without signs of groups from which a number is probably a code."""


def number(text: str) -> str:
    """A number without a sign: 1,024 or 3.14 or 007."""
    whole, _, part = bare(text).partition(".")
    is_code = len(whole) > 1 and whole.startswith("0")
    words = digits(whole) if is_code or len(whole) >= len(str(LARGEST)) else chinese(int(whole))
    return words + (f"点{digits(part)}" if part else "")


def counted(text: str) -> str:
    """The same before something that is counted."""
    return "两" if narrow(text) == "2" else number(text)


def is_called(match: re.Match[str]) -> bool:
    """Whether digits here are said one by one."""
    return bool(_CALLED.search(before(match)))


def _amount(match: re.Match[str], say: Callable[[str], str]) -> str:
    """What AMOUNT matched, without its sign."""
    low, high = match["low"], match["high"]
    return say(low) + (f"到{say(high)}" if high else "")


def _sign(match: re.Match[str]) -> str:
    return _SIGN[narrow(match["sign"] or "")]


def _money(match: re.Match[str]) -> str:
    low, high = (_without_zeros(part) for part in (match["low"], match["high"] or ""))
    name = CURRENCIES[narrow(match["currency"]).upper()]
    if match["short"]:
        low, high = (format(Decimal(part) * _SHORT[match["short"]], "f") if part else "" for part in (low, high))
    words = counted(low) + (f"到{counted(high)}" if high else "") + (match["large"] or "")
    return _sign(match) + words + name + ("每" if match["per"] else "")


def _without_zeros(amount: str) -> str:
    """12.50 is twelve and a half."""
    whole, _, part = bare(amount).partition(".")
    return f"{whole}.{part.rstrip('0')}".rstrip(".")


def _percent(match: re.Match[str]) -> str:
    part = "千分之" if match["of"] == "‰" else "百分之"
    words = _sign(match) + part + _hundred(match["low"])
    if not match["high"]:
        return words
    return words + "到" + (part if match["first"] else "") + _hundred(match["high"])


def _hundred(text: str) -> str:
    words = number(text)
    return "百" if words == "一百" else words


def _unit(match: re.Match[str]) -> str | None:
    name = match["unit"]
    if len(name) == 1 and name.isalpha() and re.search(r"[A-Za-z] ?\Z", before(match)):
        return number(match["low"]) + name if not match["high"] else None
    template = UNITS[name]
    return (
        _sign(match)
        + template.format(_amount(match, number if "的" in template else counted))
        + ("每" if match["per"] else "")
    )


def _range(match: re.Match[str]) -> str:
    low, high = (bare(match[part]) for part in ("low", "high"))
    is_ordinal = before(match, 1) == "第"
    if not is_ordinal and float(low) >= float(high):
        return f"{number(low)}比{number(high)}"
    say = counted if not is_ordinal and _COUNTED.match(after(match)) else number
    return f"{say(low)}到{say(high)}"


def _fraction(match: re.Match[str]) -> str | None:
    top, bottom = int(match["top"]), int(match["bottom"])
    return f"{chinese(bottom)}分之{chinese(top)}" if top < bottom else as_it_was(match)


def _vulgar(match: re.Match[str]) -> str:
    top, _, bottom = narrow(match["part"]).partition("⁄")
    whole = match["whole"]
    return (f"{number(whole)}又" if whole else "") + f"{number(bottom)}分之{number(top)}"


def _ratio(match: re.Match[str]) -> str:
    return f"{number(match['low'])}比{number(match['high'])}"


def _sum(match: re.Match[str]) -> str | None:
    """Not of hyphens and slashes alone: those are ranges and fractions."""
    if not _STRONG.search(match.group()):
        return None
    words, is_after_number = "", False
    for part in re.findall(rf"{NUMBER}|[{_OPERATORS}]", narrow(match.group())):
        is_number = part[0].isdecimal()
        words += number(part) if is_number else SIGNS[part] if is_after_number else _SIGN[part]
        is_after_number = is_number
    return words


def _plain(match: re.Match[str]) -> str:
    text, follows = match["low"], after(match)
    if is_called(match) or (len(text) >= _LONG and text.isdecimal() and not _COUNTED.match(follows)):
        return _sign(match) + digits(text, one="幺")
    if _COUNTED.match(follows) and before(match, 1) != "第":
        text = _without_zeros(text) if _MONEY_WORDS.match(follows) else text
        return _sign(match) + counted(text)
    return _sign(match) + number(text)


_CURRENCY = rf"(?P<currency>{any_of(CURRENCIES)})"

QUANTITIES = (
    rule("sum", rf"(?<![-+.,/A-Za-z])[-−]?{NUMBER}(?:{SPACE}[{_OPERATORS}]{SPACE}[-−]?{NUMBER}){{1,20}}(?:{SPACE}[=＝](?![=＝×÷≈≠≤≥]))?(?![A-Za-z%％])", _sum),
    rule("money", rf"{_CURRENCY}{SPACE}{AMOUNT}{_LARGE}(?P<short>[KMB](?![A-Za-z]))?(?:元|美元|欧元|歐元|英镑|英鎊|日元|港元)?(?P<per>/(?={PER}))?", _money),
    rule("money", rf"{AMOUNT}{_LARGE}{SPACE}(?P<currency>{any_of(CURRENCIES)})(?![A-Za-z])(?P<short>)(?P<per>/(?={PER}))?", _money),
    rule("percent", rf"{SIGNED}(?P<first>[%％])?(?:{DASH}(?P<high>{NUMBER}))?{SPACE}(?P<of>[%％‰])", _percent),
    rule("unit", rf"{AMOUNT}{SPACE}(?P<unit>{any_of(UNITS)})(?![A-Za-z0-9²³]|/[A-Za-z])(?P<per>/(?={PER}))?", _unit),
    rule("fraction", rf"{FREE}(?P<top>{D}{{1,3}})/(?P<bottom>{D}{{1,4}}){FREE_END}", _fraction),
    rule("fraction", rf"(?P<whole>{NUMBER})(?P<part>[¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", _vulgar),
    rule("fraction", r"(?P<whole>)(?P<part>[¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", _vulgar),
    rule("ratio", rf"(?P<low>{NUMBER})[:：](?P<high>{NUMBER})", _ratio),
    rule("range", rf"(?P<low>{NUMBER}){DASH}(?P<high>{NUMBER})", _range),
    rule("code", rf"(?<=[A-Za-z]){D}{{3,}}+(?![A-Za-z.．])", lambda match: digits(match.group(), one="幺")),
    rule("number", rf"{SIGNED}{END}(?![A-Za-z°′″·^*/])", _plain),
)  # fmt: skip
