"""Chinese: what is said sign by sign. Phone numbers, addresses of the web, versions, and fixed expressions."""

import re

from cloning.reading.languages.han.chinese import KINGS, PER, ROMAN, SIGNS
from cloning.reading.languages.han.digits import DASH, END, NEXT, NUMBER, SPACE, WORD, D, after, any_of, before, narrow
from cloning.reading.languages.han.numerals import chinese, digits
from cloning.reading.languages.han.quantities import counted, is_called, number
from cloning.reading.rules import rule

_IN_ADDRESSES = {
    ".": "点", "/": "斜杠", "-": "杠", "_": "下划线", "@": "艾特", ":": "冒号", "?": "问号", "=": "等于", "&": "和", "#": "井号",
    "%": "百分号", "~": "波浪号", "+": "加",
}  # fmt: skip


def _address(match: re.Match[str]) -> str:
    text = re.sub(r"\A[a-z]{3,5}://", "", match.group(), flags=re.IGNORECASE).rstrip("/")
    return "".join(digits(sign) if sign.isdecimal() else _IN_ADDRESSES.get(sign, sign) for sign in text)


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(rf"{D}+", match.group())
    return ("加" if match.group().startswith(("+", "＋")) else "") + "，".join(digits(one, one="幺") for one in groups)


def _short_phone(match: re.Match[str]) -> str | None:
    """555-1234, if no quantity: 100-2000元."""
    return _phone(match) if is_called(match) or not re.match(r" ?[\w$%℃°]", after(match)) else None


def _called(match: re.Match[str]) -> str | None:
    return digits(match.group(), one="幺") if is_called(match) else None


def _one_by_one(match: re.Match[str]) -> str:
    return digits(match.group(), one="幺")


def _power(match: re.Match[str]) -> str:
    words = chinese(int(narrow(match.group())))
    return "的" + {"二": "平方", "三": "立方"}.get(words, f"{words}次方")


def _version(match: re.Match[str]) -> str:
    parts = [narrow(part) for part in re.findall(rf"{D}+", match.group())]
    is_host = len(parts) == 4 and not match["v"]  # noqa: PLR2004 - the bytes of an address
    return (match["v"] or "") + "点".join(digits(part, one="幺") if is_host else number(part) for part in parts)


def _ordinal(match: re.Match[str]) -> str:
    high = match["high"]
    return (match["mark"] and "第") + number(match["low"]) + (f"到{number(high)}" if high else "")


def _king(match: re.Match[str]) -> str | None:
    return ROMAN[match.group()] if before(match).endswith(KINGS) else None


def _and(match: re.Match[str]) -> str | None:
    """R&D is said as it is."""
    is_name = re.fullmatch("[A-Za-z][&＆][A-Za-z]", before(match, 1) + match.group() + after(match, 1))
    is_unit = re.search(r"[0-9０-９] ?[A-Za-z²³/]{1,6}\Z", before(match, 8))
    return None if is_name and not is_unit else "和"


_ADDRESS = "[A-Za-z0-9_~?=&#%+@:./-]"
_HOST = r"(?<![A-Za-z0-9.@/-])(?:[A-Za-z0-9-]{1,63}\.){1,5}(?:com|cn|org|net|io|edu|gov|tw|hk)(?![A-Za-z0-9-])"

ADDRESSES = (
    rule("address", rf"(?<![A-Za-z])(?:https?|ftp)://{_ADDRESS}{{0,2000}}[A-Za-z0-9/]", _address),
    rule(
        "address", r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}", _address
    ),
    rule("address", rf"{_HOST}(?:/{_ADDRESS}{{0,2000}}[A-Za-z0-9/]|/)?", _address),
)
CODES = (
    rule("always", r"(?<![0-9０-９/.])24/7(?![0-9０-９/])", lambda _: "全天候"),
    rule("height", rf"(?P<feet>{NUMBER})['’′](?P<inches>{D}{{1,2}})[\"”″]", lambda match: f"{counted(match['feet'])}英尺{counted(match['inches'])}英寸"),
    rule("phone", rf"(?<![0-9A-Za-z+])[+＋]{D}{{1,3}}(?:[ -]?\(?{D}{{2,5}}\)?){{2,5}}{END}", _phone),
    rule("phone", rf"(?<![0-9０-９A-Za-z.,-])(?:1[3-9]{D}{{9}}|1[3-9]{D}[ -]{D}{{4}}[ -]{D}{{4}}|\(?0{D}{{1,3}}(?:\)|\) |[ -]){D}{{3,4}}[ -]?{D}{{3,5}}|[48]00[ -]{D}{{3,4}}[ -]{D}{{3,4}}|09{D}{{8}}|{D}{{3}}-{D}{{3}}-{D}{{4}})(?![0-9０-９]|[.,-][0-9０-９])", _phone),
    rule("phone", rf"(?<![0-9０-９A-Za-z.,-]){D}{{3,4}}-{D}{{4}}(?![0-9０-９]|[.,-][0-9０-９])", _short_phone),
    rule("called", rf"(?<![0-9０-９.]){D}{{3,20}}(?![0-9０-９]|[.,][0-9０-９])", _called),
    rule("called", r"(?<=[打拨撥])1(?:10|19|20|22)(?![0-9０-９]|[.,][0-9０-９])", _one_by_one),
    rule("memorial", rf"(?<![0-9０-９]){D}{{1,2}}[·•]{D}{{1,2}}(?![0-9０-９])", lambda match: digits(match.group())),
    rule("code", rf"(?<![0-9０-９.]){D}{{9,}}+(?=[A-Za-z])", _one_by_one),
    rule("room", rf"(?<![0-9０-９第.]){D}{{3,5}}(?={SPACE}(?:室|房|号房|號房|路车|路公交|路公車|航班|热线|熱線))", _one_by_one),
    rule("ordinal", rf"(?<=第){SPACE}(?P<mark>)(?P<low>{NUMBER})(?:{DASH}(?P<high>{NUMBER}))?", _ordinal),
    rule("ordinal", rf"(?<![A-Za-z])(?P<mark>[Nn][Oo]\.|№){SPACE}(?P<low>{NUMBER})(?P<high>)", _ordinal),
    rule("section", rf"§{SPACE}(?P<low>{NUMBER})", lambda match: f"第{number(match['low'])}节"),
    rule("hash", rf"[#＃](?P<low>{D}{{1,8}})(?![A-Za-z0-9])", lambda match: f"{number(match['low'])}号"),
    rule("roman", rf"(?<=[\u4e00-\u9fff]){any_of(ROMAN)}(?=世)", _king),
    rule("roman", rf"(?:(?<=第)(?:{'|'.join(ROMAN)})(?![A-Za-z])|[Ⅰ-Ⅻ])", lambda match: ROMAN[narrow(match.group())]),
    rule("version", rf"(?<![0-9０-９A-Za-z.])(?P<v>[vV])?{D}{{1,8}}(?:\.{D}{{1,8}}){{2,6}}(?![0-9A-Za-z])", _version),
    rule("version", rf"(?<![0-9０-９A-Za-z.])(?P<v>[vV]){D}{{1,8}}(?:\.{D}{{1,8}})?(?![0-9A-Za-z.])", _version),
)  # fmt: skip
SIGNS_ALONE = (
    rule("hyphen", rf"(?<=[A-Za-z])-(?={D})", lambda _: ""),
    rule("listed", "[①-⑳]", lambda match: number(match.group())),
    rule("power", r"(?<![mM])[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}", _power),
    rule("about", rf"(?<!\w)[~～](?={D})", lambda _: "大约"),
    rule("sign", rf"(?<={WORD}){SPACE}(?P<sign>[=＝≈≠≤≥×÷]){SPACE}(?={NEXT})", lambda match: SIGNS[narrow(match["sign"])]),
    rule("sign", r"(?<=[A-Za-z0-9²³])\+(?=[A-Za-z0-9])", lambda _: "加"),
    rule("per", f"(?<=[元块塊次个個人])/(?={PER})", lambda _: "每"),
    rule("and", rf"(?<={WORD}) ?[&＆] ?(?={NEXT})", _and),
    rule("at", r"[@＠](?=\S)", lambda _: "艾特"),
    rule("degrees", "[℃℉]", lambda match: {"℃": "摄氏度", "℉": "华氏度"}[match.group()]),
)  # fmt: skip
