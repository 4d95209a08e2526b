"""What was heard is compared as it sounds, not as it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.checking.compare import (
    Difference,
    compare,
    compare_numbers,
    first_times,
    plain_words,
    without_endless_repeats,
)
from cloning.reading.reader import read


def as_written(text: str) -> str:
    return text


def in_english(text: str) -> str:
    return read(text, "en").text


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


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("The train leaves at seven thirty.", "The train leaves at 730."),
        ("The train leaves at seven thirty.", "The train leaves at 7.30."),
        ("The train leaves at seven thirty.", "The train leaves at 7:30."),
        ("at seven oh five", "at 705"),
        ("twelve fifty", "12.50"),
        ("in nineteen ninety", "in 1990"),
        ("seven hundred thirty", "730"),
        ("seven point three zero", "7.30"),
        ("room three one five", "room 315"),
        ("five five five, one two three four", "555-1234"),
        ("one two three four five", "1-2-3-4-5"),
        ("At seven thirty he paid three hundred fifteen dollars.", "At 7.30 he paid 315 dollars."),
        ("call nine one one at seven thirty", "call 911 at 7.30"),
        ("room two hundred four at seven thirty", "room 204 at 730"),
    ],
)
def test_a_number_is_read_as_the_text_has_it(text: str, heard: str) -> None:
    """A recogniser writes hours, years and digits in its own way, and none of its ways is an error."""
    assert compare_numbers(text, heard, "en", in_english).differences == ()


@pytest.mark.parametrize(
    ("text", "heard", "wer"),
    [
        ("at seven thirty", "at 8.30", 1 / 3),
        ("at seven thirty", "at 7", 1 / 3),
        ("room three one five", "room 316", 1 / 4),
        ("no number", "no 12", 1 / 2),
        ("seven three", "73", 1 / 2),
        ("it costs one five", "it costs 1.5", 1 / 4),
    ],
)
def test_another_number_is_a_difference(text: str, heard: str, wer: float) -> None:
    """However it is read, another number is not the text's."""
    assert compare_numbers(text, heard, "en", in_english).wer == pytest.approx(wer)


@given(st.text(alphabet="ab 0123456789.:-", max_size=30), st.text(alphabet="ab 0123456789.:-", max_size=30))
def test_reading_numbers_otherwise_never_makes_more_errors(text: str, heard: str) -> None:
    """The plain comparison is one of those that it chooses from."""
    plain, best = (one(text, heard, "en", in_english) for one in (compare, compare_numbers))

    assert (best.worst_run, best.wer) <= (plain.worst_run, plain.wer)


@pytest.mark.parametrize("heard", ["[pause:15s] one", "one [pause:1.5s]", "[one", "one]", "[pause:500ms] 730"])
def test_a_bracket_that_was_heard_is_no_tag(heard: str) -> None:
    """A recogniser may write anything, and a tag that is not well written must not fail a finished speech."""
    assert compare_numbers("one", heard, "en", in_english).wer <= 7


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


@pytest.mark.parametrize(
    ("heard", "first"),
    [
        ("We do not go. we do not go!", ["We do not go."]),
        ("At 9:30... at 9:30... at 9:30.", ["At 9:30..."]),
        ("Is it 5%? Is it 5%?", ["Is it 5%?"]),
        ("$5, $5", ["$5,"]),
        ("No no. No no.", ["No", "No no."]),
        ("你好世界。你好世界。", ["你好世界。"]),
        ("It costs 5. It costs 5%.", []),
        ("It costs $5. It costs €5.", []),
        ("haha", []),
        ("We do not go. We do not.", []),
        ("we do not go", []),
        ("...", []),
        ("", []),
    ],
)
def test_the_first_time_of_what_is_heard_twice(heard: str, first: list[str]) -> None:
    """Only where all of it comes again, in whole words that are read alike."""
    language = "zh" if "你" in heard else "en"

    assert list(first_times(heard, language, lambda text: read(text, language).text)) == first


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dd"]), max_size=300).map(" ".join))
def test_what_is_left_of_a_hearing_is_its_beginning(heard: str) -> None:
    """Words are only ever taken off at the end."""
    assert heard.startswith(without_endless_repeats(heard))
