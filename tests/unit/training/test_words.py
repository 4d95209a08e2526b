"""Counting misheard words: what sounds the same counts as the same, however it is written."""

import pytest

from training.words import errors, score, words_of


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("It costs $16.11.", "It costs sixteen dollars and eleven cents."),
        ("My sister has 100 cars and 2 books", "My sister has a hundred cars and two books."),
        ("It costs $1,000.", "It costs a thousand dollars."),
        ("The train leaves the park at 6:30.", "The train leaves the park at six thirty."),
        ("The train leaves the park at 6.30.", "The train leaves the park at six thirty."),
        ("The train leaves the harbor at 1930", "The train leaves the harbor at nineteen thirty."),
        ("twenty five good looking apples", "Twenty-five good-looking apples!"),
        ("1, 2, 3.", "One. Two. Three."),
        ("At 19.30 the train leaves.", "At nineteen thirty the train leaves."),
        ("It is sold at 5.25 dollars.", "It is sold at 5.25 dollars"),
        ("What is that?", "What's that?"),
        ("yes well hello", "Yes. Well, hello!"),
    ],
)
def test_spelling_is_no_error(heard: str, meant: str) -> None:
    """Numbers, money, times, hyphens, capitals and punctuation make no error."""
    assert words_of(heard) == words_of(meant)


@pytest.mark.parametrize(
    ("heard", "meant", "count"),
    [
        ("", "where is it", 3),
        ("where is the plate", "where is it", 2),
        ("is it", "where is it", 1),
        ("there is it", "where is it", 1),
    ],
)
def test_errors_are_words_added_dropped_and_changed(heard: str, meant: str, count: int) -> None:
    """Added, dropped and changed words are errors, by the edit distance of the lists."""
    assert errors(words_of(heard), words_of(meant)) == count


def test_a_score_has_an_interval_around_it() -> None:
    """A score is errors over words; its interval is empty if all sentences are alike, and the same for the same seed."""
    sure = score([(1, 4)] * 50, seed=0)
    doubtful = score([(0, 4), (4, 4)] * 25, seed=0)

    assert (sure.rate, sure.low, sure.high, sure.errors, sure.words) == (0.25, 0.25, 0.25, 50, 200)
    assert doubtful.low < doubtful.rate == 0.5 < doubtful.high
    assert score([(0, 4), (4, 4)] * 25, seed=0) == doubtful
