"""Russian: numerals with the ends of words ('5-го', '25-летний'), roman numerals, and abbreviations of places."""

import re
from collections.abc import Iterator
from itertools import chain

from cloning.reading.grammar import SPACE, START, Grammar
from cloning.reading.languages.russian.ordinals import joined
from cloning.reading.languages.tables import ru as table
from cloning.reading.neighbours import word_before, words_after
from cloning.reading.numbers import roman
from cloning.reading.rules import Rule, rule

_ENDINGS = {
    "й": "m", "ый": "m", "ий": "m", "ой": "m", "я": "f", "ая": "f", "ья": "f", "е": "n", "ое": "n", "ье": "n", "го": "m-genitive",
    "ого": "m-genitive", "му": "m-dative", "ому": "m-dative", "м": "m-locative", "ом": "m-locative", "ым": "m-ablative",
    "ю": "f-accusative", "ую": "f-accusative", "х": "p-genitive", "ых": "p-genitive", "ые": "p", "ми": "p-ablative", "ыми": "p-ablative",
}  # fmt: skip
_CENTURIES = {
    "век": "m", "века": "m-genitive", "веке": "m-locative", "веку": "m-dative", "веком": "m-ablative", "веков": "m-genitive",
    "веках": "m-locative", "столетие": "n", "столетия": "n-genitive", "столетии": "n-locative", "столетию": "n-dative",
    "тысячелетие": "n", "тысячелетия": "n-genitive", "тысячелетии": "n-locative",
}  # fmt: skip
_MALE_ENDINGS = {
    "": "m", "й": "m", "а": "m-genitive", "я": "m-genitive", "у": "m-dative", "ю": "m-dative", "ом": "m-ablative", "ем": "m-ablative",
    "е": "m-locative", "и": "m-locative",
}  # fmt: skip
_FEMALE_ENDINGS = {
    "а": "f", "я": "f", "ы": "f-genitive", "и": "f-genitive", "е": "f-dative", "у": "f-accusative", "ю": "f-accusative",
    "ой": "f-ablative", "ей": "f-ablative",
}  # fmt: skip
_TEN = 10
_FEW = range(2, 5)


def words_with_numbers(g: Grammar) -> tuple[Rule, ...]:
    """The rules of this module."""
    return tuple(chain(_ordinals(g), _compounds(g), _centuries(g), _names(g), _places()))


def _ordinals(g: Grammar) -> Iterator[Rule]:
    """1-й, 2-я, 90-е, 5-ти, 3-х."""

    def read(match: re.Match[str]) -> str:
        number, ending = int(match["count"]), match["ending"]
        if ending in ("ти", "и") or (ending in ("х", "ёх", "ух") and number in _FEW):
            return g.cardinal(number, "m-genitive")
        return g.ordinal(number, _form(ending, number, words_after(match)[0].lower()))

    endings = "|".join(sorted([*_ENDINGS, "ти", "и", "ёх", "ух"], key=len, reverse=True))
    yield rule("ordinal", rf"{START}(?P<count>\d{{1,4}})-(?P<ending>{endings})(?!\w)", read)


def _form(ending: str, number: int, noun: str) -> str:
    """Endings that mean several forms are told apart by the noun."""
    if ending == "й" and noun.endswith(("е", "и", "ы")) and noun not in table.NO_NOUNS:
        return "f-genitive"
    if ending == "е" and number % _TEN == 0 and not noun.endswith(("о", "е")):
        return "p"
    return _ENDINGS[ending]


def _compounds(g: Grammar) -> Iterator[Rule]:
    """25-летний: the number becomes a part of the word."""

    def read(match: re.Match[str]) -> str:
        return joined(int(match["count"]), lambda number: g.cardinal(number, "m-genitive"))

    yield rule("compound", rf"{START}(?P<count>\d{{1,4}})-(?=[а-яё]{{4,30}}(?!\w))", read)


def _centuries(g: Grammar) -> Iterator[Rule]:
    """XX век, в XIX–XX веках, XVIII в."""

    def read(match: re.Match[str]) -> str | None:
        number = roman(match["numeral"])
        return g.ordinal(number, _CENTURIES[match["word"]]) if number else None

    word = rf"(?P<word>{'|'.join(sorted(_CENTURIES, key=len, reverse=True))})(?!\w)"
    second = rf"(?:{SPACE}?[-–—]{SPACE}?[IVX]{{1,8}}|{SPACE}и{SPACE}[IVX]{{1,8}})?"
    yield rule("roman", rf"(?<!\w)(?P<numeral>[IVX]{{1,8}})(?={second}{SPACE}{word})", read)

    def read_short(match: re.Match[str]) -> str | None:
        number = roman(match["numeral"])
        is_in = word_before(match).lower() in table.LOCATIVE
        return (
            f"{g.ordinal(number, 'm-locative' if is_in else 'm-genitive')} {'веке' if is_in else 'века'}"
            if number
            else None
        )

    yield rule("roman", rf"(?<!\w)(?P<numeral>[IVX]{{1,8}}){SPACE}?в\.", read_short)


def _names(g: Grammar) -> Iterator[Rule]:
    """Пётр I, Екатерины II, глава IV."""

    def read(match: re.Match[str]) -> str | None:
        name, number = word_before(match), roman(match["numeral"])
        if not number:
            return None
        if name in table.NUMBERED:
            return g.ordinal(number, table.NUMBERED[name])
        form = _name_form(name)
        return g.ordinal(number, form).capitalize() if form else None

    yield rule("roman", rf"(?<=[а-яё]{SPACE})(?P<numeral>[IVX]{{1,8}})(?!\w)", read)


def _name_form(name: str) -> str | None:
    """Gender and case of a king's or queen's name."""
    for cut in range(3):
        stem, ending = name[: len(name) - cut], name[len(name) - cut :]
        gender = table.KINGS.get(stem)
        form = (_MALE_ENDINGS if gender == "m" else _FEMALE_ENDINGS).get(ending) if gender else None
        if form:
            return form
    return None


def _places() -> Iterator[Rule]:
    """г. Москва, на ул. Ленина; см. стр. 5."""

    def read(match: re.Match[str]) -> str:
        nominative, genitive, locative, dative = table.PLACES[match["place"]].split("/")
        before = word_before(match).lower()
        if before in {*table.LOCATIVE, "на"}:
            return locative
        if before in {*table.DATIVE, "по"}:
            return dative
        return genitive if before in {*table.GENITIVE, "с", "со"} else nominative

    place = "|".join(re.escape(one) for one in table.PLACES)
    yield rule("abbreviation", rf"(?<![\w.])(?<!\d )(?P<place>{place})(?={SPACE}?[А-ЯЁ])", read)
    yield rule(
        "abbreviation",
        r"(?<![\w.])(?<!\d )(?<!\d)[Сс]м\.(?=[ \u00a0])",
        lambda match: "Смотри" if match.group()[0] == "С" else "смотри",
    )
