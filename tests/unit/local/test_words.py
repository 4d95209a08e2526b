"""How misheard words are counted."""

import pytest

from local.words import edit_distance, word_error_rate, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is the YOUNG plate?", "where is the young plate"),
        ("6:30, 21 cups", "six thirty twenty one cups"),
        ("a hundred; 100", "one hundred one hundred"),
        ("1,021 words", "one thousand twenty one words"),
        ("It's well-known", "it's well known"),
        ("It’s", "it's"),
        ("12000000", "12000000"),
    ],
)
def test_numbers_case_and_punctuation_make_no_difference(text: str, words: str) -> None:
    """Numbers, case and punctuation make no difference: a recogniser writes digits or words as it likes."""
    assert words_of(text) == words.split()


@pytest.mark.parametrize(
    ("meant", "said", "errors"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a b c", "a b b c", 1), ("a b c", "", 3)],
)
def test_a_word_added_dropped_or_changed_is_one_error(meant: str, said: str, errors: int) -> None:
    """A word that is added, dropped or changed is one error, by the edit distance of the two lists."""
    assert edit_distance(meant.split(), said.split()) == errors


def test_what_was_said_around_a_stretch_can_be_forgiven() -> None:
    """What was said around a stretch may be left out of the count, but not what is inside it."""
    assert edit_distance(["b", "c"], ["a", "b", "c", "d"], within=True) == 0
    assert edit_distance(["b", "c"], ["a", "b", "b", "x", "d"], within=True) == 1


def test_the_rate_is_of_the_words_that_were_meant() -> None:
    """The rate is the share of the words that were meant."""
    assert word_error_rate("Hello there, seven apples.", "hello there some apples") == 0.25
