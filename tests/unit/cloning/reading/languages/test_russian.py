"""Russian ordinals in all their forms."""

import pytest

from cloning.reading.languages.ru import GRAMMAR
from cloning.reading.languages.russian.ordinals import joined


@pytest.mark.parametrize(
    ("number", "form", "words"),
    [
        (0, "m", "нулевой"),
        (3, "n-dative", "третьему"),
        (3, "f-genitive", "третьей"),
        (40, "m-locative", "сороковом"),
        (90, "p", "девяностые"),
        (112, "f", "сто двенадцатая"),
        (200, "n", "двухсотое"),
        (1300, "m", "тысяча трёхсотый"),
        (1984, "m-genitive", "тысяча девятьсот восемьдесят четвёртого"),
        (2000, "m-locative", "двухтысячном"),
        (25_000, "m", "двадцатипятитысячный"),
        (3_000_000, "m", "трёхмиллионный"),
        (2_000_001, "m", "два миллиона первый"),
    ],
)
def test_ordinals_are_declined(number: int, form: str, words: str) -> None:
    """Only the last word of an ordinal is declined."""
    assert GRAMMAR.ordinal(number, form) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1, "одно"), (21, "двадцатиодно"), (90, "девяносто"), (150, "стопятидесяти")]
)
def test_numbers_become_parts_of_words(number: int, words: str) -> None:
    """Numbers become parts of words, as in 'двадцатиоднолетний'."""
    assert joined(number, lambda one: GRAMMAR.cardinal(one, "m-genitive")) == words
