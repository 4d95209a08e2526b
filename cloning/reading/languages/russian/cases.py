"""Russian numbers: their words in every gender and case, and the gender and case that the words around a number show."""

import re
from dataclasses import dataclass

from cloning.reading.grammar import Grammar, Noun
from cloning.reading.languages.russian.ordinals import ordinal
from cloning.reading.languages.tables import ru as table
from cloning.reading.neighbours import word_before, words_after
from cloning.reading.numbers import Amount

CASES = ("genitive", "dative", "accusative", "locative", "ablative")
CARDINALS = {
    "": "spellout-cardinal-masculine",
    **{gender[0]: f"spellout-cardinal-{gender}" for gender in ("masculine", "feminine", "neuter")},
    **{
        f"{gender[0]}-{case}": f"spellout-cardinal-{gender}-{case}"
        for gender in ("masculine", "feminine", "neuter")
        for case in CASES
    },
}
"""By the first letter of the gender and the case, if it isn't the nominative: 'f-genitive'. Ordinals also have p, the plural."""
_PLACES = ("десят", "сот", "тысячн", "десятитысячн", "стотысячн", "миллионн")
_YO = (
    (re.compile(r"четверт"), "четвёрт"),
    (re.compile(r"(?<=тр)ех|(?<=четыр)ех"), "ёх"),
    (re.compile(r"(?<=тр)ем(?!я)|(?<=четыр)ем"), "ём"),
)
_THOUSAND = re.compile(r"^(?:одна|одной|одну|одною) (?=тысяч)")
_TEEN, _TENS, _HUNDRED, _HUGE = range(11, 15), 10, 100, 10**9
_FEW = range(2, 5)


def last_digit(number: int) -> int:
    """What decides about forms: 1, 2 to 4, or another; of eleven to fourteen 0."""
    return 0 if number % _HUNDRED in _TEEN else number % _TENS


def plural(count: Amount) -> int:
    """Which form a noun has after a number."""
    last = last_digit(count.whole)
    return 1 if count.fraction or last in _FEW else 0 if last == 1 else 2


def _written(words: str) -> str:
    for pattern, said in _YO:
        words = pattern.sub(said, words)
    return _THOUSAND.sub("", words)


@dataclass(frozen=True)
class Russian(Grammar):
    """With ё; 'тысяча', not 'одна тысяча'; decimals as tenths and hundredths."""

    def cardinal(self, number: int, gender: str = "") -> str:
        return _written(super().cardinal(number, gender))

    def ordinal(self, number: int, gender: str = "") -> str:
        if number >= _HUGE:
            return self.digits(str(number))
        return ordinal(number, gender or "m", self.cardinal, lambda part: self.cardinal(part, "m-genitive"))

    def amount(self, count: Amount, gender: str = "") -> str:
        if not count.fraction:
            return super().amount(count, gender)
        words = f"{self._parts(count.digits, 'цел')} {self._fraction(count.fraction)}"
        return f"{self.minus} {words}" if count.is_negative else words

    def _fraction(self, digits: str) -> str:
        return self._parts(digits, _PLACES[len(digits) - 1]) if len(digits) <= len(_PLACES) else self.digits(digits)

    def _parts(self, digits: str, stem: str) -> str:
        ending = "ая" if last_digit(int(digits)) == 1 else "ых"
        return f"{self.cardinal(int(digits), 'f')} {stem}{ending}"


def counted_in_genitive(g: Grammar, count: Amount, noun: Noun) -> str:
    """'Пяти километров', 'одного рубля'."""
    form = min(1 if count.fraction or last_digit(count.whole) == 1 else 2, len(noun.forms) - 1)
    return f"{g.amount(count, f'{noun.gender}-genitive')} {noun.forms[form]}"


def is_genitive(match: re.Match[str]) -> bool:
    """Whether a preposition before the match asks for the genitive; 'с' does if an end follows ('с 5 до 10')."""
    before = word_before(match).lower()
    after = words_after(match)[0].lower()
    return before in table.GENITIVE or (before in ("с", "со") and after in ("до", "по"))


def form_by_context(match: re.Match[str], number: int) -> str:
    """Gender and case of a plain number, as a key of CARDINALS."""
    noun = _noun(match)
    if is_genitive(match):
        return "f-genitive" if noun.endswith(("ы", "и")) else "m-genitive"
    for endings, case in ((("ами", "ями"), "ablative"), (("ах", "ях"), "locative"), (("ам", "ям"), "dative")):
        if noun.endswith(endings):
            return f"m-{case}"
    last = last_digit(number)
    if last == 1:
        return _one(noun)
    return "f" if last == _FEW[0] and _is_feminine_after_two(noun) else ""


def _noun(match: re.Match[str]) -> str:
    """The noun that is counted, past an adjective; '' if there is none."""
    first, second = (word.lower() for word in words_after(match))
    if first in table.NO_NOUNS:
        return ""
    is_adjective = first.endswith(("ых", "их", "ой", "ого", "ому", "ыми", "ими")) and second not in table.NO_NOUNS
    return second if is_adjective and second else first


def _one(noun: str) -> str:
    """The gender of one of that noun."""
    if noun in table.MASCULINE or not noun:
        return "m"
    if noun.endswith(("у", "ю")):
        return "f-accusative"
    if noun.endswith(("о", "е", "ё", "мя")):
        return "n"
    return "f" if noun.endswith(("а", "я", "ость")) or noun in table.FEMININE else "m"


def _is_feminine_after_two(noun: str) -> bool:
    if noun.endswith("ли"):
        return noun in table.PLURALS_IN_LI
    return noun.endswith(("ы", "и", "ые", "ие")) and noun not in ("пути", "дни")
