"""Writing that is no amount: addresses, versions, telephone numbers, letters and digits in one word. Rules made from a `Grammar`."""

import re
from collections.abc import Iterator

from cloning.reading.grammar import END, SPACE, START, Grammar
from cloning.reading.rules import Rule, rule

_SHORT = 2
"""So many digits are read as a number, more one by one, where they are no amount."""


_ROUND = 50
"""Two multiples of it with a hyphen are a range: 100-1000."""


def addresses(g: Grammar) -> Iterator[Rule]:
    """Web and mail addresses: words and signs; the scheme is left out."""
    if "." not in g.url_words or "@" not in g.url_words:
        return
    name = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})"
    host = rf"{name}(?:\.{name}){{0,6}}\.[A-Za-z]{{2,12}}"
    rest = r"(?:[:/?#][A-Za-z0-9/_.~:?#&=%+@-]{0,500}[A-Za-z0-9/_~=-])?"
    suffix = (
        r"(?:com|org|net|edu|gov|io|dev|ai|app|info|eu|uk|de|fr|es|it|pt|br|ru|cn|jp|fi|lv|in|ch|at|be|mx|co|me|tv|рф)"
    )

    def read(match: re.Match[str]) -> str:
        return " ".join(_address_words(g, match["address"].rstrip("/")))

    yield rule("url", rf"(?<![\w@.])https?://(?P<address>{host}{rest})", read)
    yield rule("email", rf"(?<![\w@.+-])(?P<address>[A-Za-z0-9][A-Za-z0-9._+-]{{0,63}}@{host})(?![\w@])", read)
    server = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}(?=:))(?::\d{1,5})?"
    yield rule("url", rf"(?<![\w@./:-])(?:https?://)?(?P<address>{server}{rest})(?!\w)", read)
    yield rule("url", rf"(?<![\w@./-])(?P<address>www\.{host}{rest})", read)
    short = rf"{name}(?:\.{name}){{0,4}}\.{suffix}"
    yield rule(
        "url",
        rf"(?<![\w@./-])(?P<address>{short}(?:/[A-Za-z0-9/_.~:?#&=%+@-]{{0,500}}(?<=[A-Za-z0-9/_~=-]))?)(?![\w@-])(?!\.\w)",
        read,
    )


def _address_words(g: Grammar, address: str) -> Iterator[str]:
    for part in re.findall(r"\d+|[^\W\d_]+|.", address):
        yield g.url_words.get(part) or _said(g, part)


def _said(g: Grammar, part: str) -> str:
    """Letters as they are, digits in words."""
    if not part.isdecimal():
        return part
    return g.cardinal(int(part)) if len(part) <= _SHORT and not part.startswith("0") else g.digits(part)


def versions(g: Grammar) -> Iterator[Rule]:
    """v2.0.1; without a v at least three numbers."""
    if not g.version:
        return

    def read(match: re.Match[str]) -> str:
        numbers = [g.cardinal(int(one)) for one in match["numbers"].split(".")]
        name = [g.version] if match["v"] else []
        return " ".join([*name, f" {g.version_point or g.point} ".join(numbers)])

    def read_host(match: re.Match[str]) -> str:
        return f" {g.url_words['.']} ".join(_said(g, one) for one in match.group().split("."))

    if "." in g.url_words:
        yield rule("address", rf"{START}(?!\d+(?:\.\d{{3}}){{3}})\d{{1,3}}(?:\.\d{{1,3}}){{3}}{END}", read_host)
    yield rule("version", rf"(?<![\w.])(?P<v>[vV]\.?)(?P<numbers>\d{{1,4}}(?:\.\d{{1,5}}){{0,5}}){END}", read)
    yield rule("version", rf"(?P<v>){START}(?P<numbers>\d{{1,3}}(?:\.\d{{1,2}}){{2,5}})(?<!\.\d\d\.\d\d){END}", read)


def phones(g: Grammar) -> Iterator[Rule]:
    """+1 415 555 2671, 555-1234, (0)30 1234 5678 and numbers of cards: digit by digit, a comma between groups."""
    group = r"\d{2,5}"

    def read(match: re.Match[str]) -> str | None:
        numbers = re.findall(r"\d+", match.group())
        if len(numbers) == _SHORT and all(int(one) % _ROUND == 0 for one in numbers):
            return None
        groups = [(g.phone_group or g.digits)(one) for one in numbers]
        plus = f"{g.plus} " if match.group().startswith("+") else ""
        return plus + ", ".join(groups)

    yield rule("phone", rf"(?<![\w+])\+\d{{1,3}}(?:{SPACE}?[(./-]?{SPACE}?\d{{1,5}}\)?){{1,6}}{END}", read)
    yield rule("phone", rf"(?<!\w)\(0?\d{{2,5}}\){SPACE}?{group}(?:[ \u00a0-]{group}){{0,4}}{END}", read)
    yield rule("phone", rf"{START}(?:1[-.])?\d{{3}}([-.])\d{{3}}\1\d{{4}}{END}", read)
    yield rule("phone", rf"{START}(?!\d\d0-\d{{3}}0)\d{{3}}[-.]\d{{4}}{END}", read)
    yield rule("phone", rf"{START}(?<!\d[ \u00a0])0\d{{1,4}}(?:[ \u00a0/-]\d{{2,9}}){{1,5}}{END}", read)
    yield rule("phone", rf"{START}\d{{4}}(?:[ \u00a0-]\d{{4}}){{2,3}}{END}", read)


def codes(g: Grammar) -> Iterator[Rule]:
    """Letters and digits in one word: MP3, A4, 3D, H2O; small letters only beside one or two digits."""

    def read(match: re.Match[str]) -> str | None:
        parts = re.findall(r"\d+|\D+", match.group())
        is_sure = match.group().isupper() or sum(len(part) for part in parts if part.isdecimal()) <= _SHORT
        return " ".join(_said(g, part) for part in parts) if is_sure else None

    word = r"(?=[^\W\d_]{0,6}\d)(?=\d{0,6}[^\W\d_])[^\W_]{2,12}"
    signs = "[-–.,:/'’]"
    start = rf"(?<![\w.@/])(?:(?=\D)|(?<!\d{signs}))"
    yield rule("code", rf"{start}{word}(?!\w)(?:(?<=\D)|(?!{signs}\d))", read)
