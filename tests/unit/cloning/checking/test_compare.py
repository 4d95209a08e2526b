"""What was heard is compared as it sounds, not as it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.checking.compare import Difference, compare, plain_words, without_endless_repeats


def as_written(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("text", "heard", "language"),
    [
        ("Don't panic!", "dont  PANIC", "en"),
        ("Ações já.", "acoes ja", "pt"),
        ("a white board", "a whiteboard", "en"),
        ("an ill-disposed man", "an ill disposed man", "en"),
        ("你好,世界。", "你好世界", "zh"),
        ("इस भाषा", "इस भाषा", "hi"),
    ],
)
def test_writing_makes_no_difference(text: str, heard: str, language: str) -> None:
    """Capitals, accents, punctuation, and where words are parted."""
    assert compare(text, heard, language, as_written).differences == ()


def test_numbers_are_compared_as_they_are_read() -> None:
    """The recogniser writes figures."""
    told = compare("twelve spoons", "12 spoons", "en", lambda text: text.replace("12", "twelve"))

    assert told.wer == 0


def test_differences_name_the_words_of_the_text() -> None:
    """One replaced, one left out, one too much."""
    told = compare("one two three four", "one too four five", "en", as_written)

    assert told.differences == (Difference(1, 3, ("too",)), Difference(4, 4, ("five",)))
    assert (told.wer, told.worst_run) == (0.75, 2)


def test_nothing_heard_is_all_wrong() -> None:
    """The whole text is one run."""
    told = compare("one two", "", "en", as_written)

    assert (told.wer, told.worst_run, told.differences) == (1.0, 2, (Difference(0, 2, ()),))


def test_languages_without_spaces_are_compared_by_characters() -> None:
    """One wrong hanzi of four is a quarter; in Thai no word can be told from the next."""
    assert compare("你好世界", "你好世间", "zh-CN", as_written).wer == 0.25
    assert plain_words("สวัสดี ครับ", "th") == list("สวัสดีครับ")


def test_a_hearing_without_end_is_cut_where_it_begins_again() -> None:
    """A few words over and over are the recogniser's fault, and what it heard is the first time; a text of people says something twice at most."""
    once = "The driver went home."
    twice = "It was the best of times, it was the worst of times, it was the age of wisdom."

    assert without_endless_repeats(f"{once} " * 40) == once
    assert without_endless_repeats(f"{once} {'and then ' * 40}and") == f"{once} and then"
    assert without_endless_repeats(f"{once} " * 40 + "The driv") == once
    assert without_endless_repeats("well " * 60) == "well"
    assert without_endless_repeats("你好世界。" * 60) == "你好世界。"
    varied = " ".join(f"line {number}" for number in range(100, 400))  # compresses well, and never says the same
    for text in (varied, twice, f"{once} {once}", "no no no no", ""):
        assert without_endless_repeats(text) == text


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dd"]), max_size=300).map(" ".join))
def test_what_is_left_of_a_hearing_is_its_beginning(heard: str) -> None:
    """Words are only ever taken off at the end."""
    assert heard.startswith(without_endless_repeats(heard))
