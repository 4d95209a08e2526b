"""Numbers as words."""

import pytest

from cloning.reading.grammar import Currency, Grammar, Noun
from cloning.reading.numbers import Amount, amount, roman, spelled, spelled_digits


@pytest.mark.parametrize(
    ("language", "rules", "words"),
    [
        ("en", "spellout-cardinal", "twenty-one"),
        ("de", "spellout-cardinal-masculine", "einundzwanzig"),
        ("ru", "spellout-cardinal-feminine", "двадцать одна"),
        ("en", "spellout-ordinal", "twenty-first"),
    ],
)
def test_a_number_is_spelled_by_the_rules_of_its_class(language: str, rules: str, words: str) -> None:
    """A number is spelled by its language's rules, without German's soft hyphens."""
    assert spelled(language, 21, rules) == words


def test_digits_are_spelled_one_by_one() -> None:
    """Digits of any script are spelled one by one; other characters are left out."""
    assert spelled_digits("en", "0 7-٣") == "zero seven three"


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("I", 1),
        ("IV", 4),
        ("XIV", 14),
        ("MCMXCVIII", 1998),
        ("IIII", None),
        ("IC", None),
        ("VX", None),
        ("", None),
        ("XA", None),
    ],
)
def test_roman_numerals_count_as_they_are_usually_written(numeral: str, value: int | None) -> None:
    """Roman numerals count in their usual spelling; other sequences of such letters are words."""
    assert roman(numeral) == value


def test_an_amount_knows_its_signs() -> None:
    """An amount's sign is recognised in each language."""
    assert amount("-1.234,50", ",", ".") == Amount("1234", "50", is_negative=True)
    assert amount("1\u202f000", ",", "\u202f").whole == 1000
    assert amount("1", ",", ".").is_one
    assert not amount("1,0", ",", ".").is_one


ENGLISH = Grammar("en", point="point", decimal=".", groups=",")
FRENCH = Grammar("fr", point="virgule", is_fraction_a_number=True)


def test_decimals_are_read_as_the_language_does() -> None:
    """Decimals are read digit by digit or as a number with its leading zeros, as the language does."""
    assert ENGLISH.amount(Amount("3", "14")) == "three point one four"
    assert FRENCH.amount(Amount("3", "14")) == "trois virgule quatorze"
    assert FRENCH.amount(Amount("3", "05")) == "trois virgule zéro cinq"
    assert ENGLISH.amount(Amount("5", "", is_negative=True)) == "minus five"


def test_long_numbers_and_those_that_begin_with_zero_are_read_digit_by_digit() -> None:
    """Numbers that are long or begin with zero are codes and are read digit by digit."""
    assert ENGLISH.amount(Amount("007")) == "zero zero seven"
    assert ENGLISH.cardinal(10**15).startswith("one zero zero")
    assert ENGLISH.cardinal(10**15 - 1).startswith("nine hundred ninety-nine trillion")


def test_a_noun_takes_the_form_of_its_number() -> None:
    """A noun takes the form for its number; the last form serves for all larger ones."""
    euro = Currency(Noun(("euro", "euros"))).whole

    assert ENGLISH.counted(Amount("1"), euro) == "one euro"
    assert ENGLISH.counted(Amount("1", "0"), euro) == "one point zero euros"
    assert ENGLISH.counted(Amount("2"), Noun(("yen",))) == "two yen"
