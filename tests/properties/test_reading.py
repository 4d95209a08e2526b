"""What holds for any text in any language with reading rules."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.errors import InvalidText
from cloning.reading.languages import FULL, NUMBERS, rules_of
from cloning.reading.reader import read
from cloning.reading.spans import Reading

LANGUAGES = (*FULL, *NUMBERS)
PIECES = [
    "1",
    "12",
    "1998",
    "3.14",
    "1,024",
    "1.234,56",
    "$12.50",
    "12,50€",
    "5%",
    "3/4",
    "3/4/2026",
    "14:30",
    "+1",
    "555-1234",
    "1st",
    "2.º",
    "v2.0.1",
    "24/7",
    "1990s",
    "5'10\"",
    "№",
    "§",
    "&",
    "@",
    "#",
    "+",
    "=",
    "×",
    "°C",
    "km/h",
    "http://a.b/c?d",
    "me@x.org",
    "Dr.",
    "Louis",
    "XIV",
    "II",
    "word",
    "слово",
    "字",
    "二",
    "第2名",
    "שלום",
    "١٢٣",
    "१२३",
    "１２",
    "-",
    "–",
    "—",
    "…",
    "(",
    ")",
    "[",
    "]",
    "*",
    "_",
    "`",
    "|",
    ">",
    "~",
    "\\",
    "😀",
    "\u200d",
    "\xad",
    "️",
    "é",
    "[pause:1s]",
    "[pause:",
    "R$",
    "¥",
    "½",
    "²",
    "€",
    ",,",
    "..",
    "--",
    "''",
    "\n",
    "\n\n",
    "\t",
    "\xa0",
    "\u202f",
]
MIXED = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).flatmap(
    lambda parts: st.sampled_from(("", " ")).map(lambda space: space.join(parts))
)
CLEAN = [
    "In",
    "1998",
    "we",
    "paid",
    "$12.50",
    "for",
    "3.5",
    "kg.",
    "At",
    "3:30",
    "pm,",
    "on",
    "March",
    "3,",
    "2026,",
    "25",
    "of",
    "100",
    "came:",
    "5%",
    "more",
    "than",
    "in",
    "the",
    "1990s!",
    "Call",
    "555-1234,",
    "see",
    "example.com;",
    "it",
    "weighs",
    "10-15",
    "kg.",
    "Louis",
    "XIV",
    "had",
    "1,024",
    "horses.",
    "Dr.",
    "Who",
    "and",
    "2/3",
    "of",
    "us,",
    "the",
    "1st.",
    "3",
    "+",
    "4",
    "=",
    "7.",
    "12,50",
    "€",
    "14:30",
    "3.5.2026",
    "v2.0.1",
    "5",
    "km/h",
]


def checked(text: str, reading: Reading) -> None:
    """Read a text, and check that its spans are in order, cover the reading, and point into the text."""
    at = source = 0
    for span in reading.spans:
        assert span.start == at < span.end
        assert source <= span.text_start < span.text_end <= len(text)
        if span.is_same:
            assert reading.text[span.start : span.end] == text[span.text_start : span.text_end]
        at, source = span.end, span.text_end
    assert at == len(reading.text)
    assert all(0 <= pause.at <= at for pause in reading.pauses)


@given(text=MIXED, language=st.sampled_from(LANGUAGES))
@settings(deadline=None, max_examples=400)
def test_any_text_can_be_read_and_each_character_has_its_source(text: str, language: str) -> None:
    """Any text can be read, except one with tags that aren't understood, and each character has its source."""
    try:
        reading = read(text, language, paragraph_pause_s=0.5, say={"word": "wort", "字": "zi4"})
    except InvalidText:
        assert "[pause" in text.replace("*", "").replace("\u00ad", "").lower()
    else:
        checked(text, reading)
        assert "[pause:" not in reading.text.lower()


def test_ten_thousand_texts_of_mixed_scripts_can_be_read() -> None:
    """Ten thousand texts of mixed scripts are read within seconds."""
    random = Random(0)  # noqa: S311
    ranges = (
        (32, 127),
        (160, 600),
        (0x400, 0x500),
        (0x600, 0x670),
        (0x900, 0x980),
        (0x3040, 0x3100),
        (0x4E00, 0x4E80),
        (0x1F600, 0x1F640),
    )
    for number in range(10_000):
        characters = [chr(random.randrange(*random.choice(ranges))) for _ in range(random.randrange(24))]
        digits = [str(random.randrange(10 ** random.randrange(1, 6))) for _ in range(random.randrange(4))]
        parts = [*characters, *digits]
        random.shuffle(parts)
        text = "".join(parts)

        checked(text, read(text, LANGUAGES[number % len(LANGUAGES)]))


@given(words=st.lists(st.sampled_from(CLEAN), max_size=10), language=st.sampled_from(FULL))
@settings(deadline=None, max_examples=200)
def test_what_was_read_is_not_read_again(words: list[str], language: str) -> None:
    """Reading a reading again changes nothing."""
    once = read(" ".join(words), language).text

    assert read(once, language).text == once


@given(words=st.lists(st.sampled_from([one for one in CLEAN if any(map(str.isdigit, one))]), max_size=10))
@settings(deadline=None, max_examples=100)
def test_no_digit_of_an_understood_class_is_left(words: list[str]) -> None:
    """No digit of an understood class is left, whatever is beside it."""
    reading = read("; ".join(words), "en")

    left = [span for warning in reading.warnings for span in warning["spans"]]  # type: ignore[attr-defined]
    assert len(left) == sum(one.startswith(("12,50", "3.5.2026")) for one in words)


@given(text=st.text(st.characters(categories=["Lu", "Ll", "Lo", "Lm"]) | st.sampled_from(" ,.!?"), max_size=40))
@settings(deadline=None, max_examples=200)
def test_words_stay_as_they_are(text: str) -> None:
    """Words without a rule's sign or abbreviation stay the same, character for character."""
    for language in LANGUAGES:
        plain = text.lower().replace(".", "")
        assert read(plain, language).text == plain


HOSTILE = {
    "digits": "1",
    "groups": "111,",
    "numbers": "1 ",
    "dots": "1.",
    "slashes": "1/",
    "money": "$1,000.00 ",
    "signs": "$5%+-€",
    "spaces": " ",
    "minus": "-",
    "addresses": "a.b",
    "mail": "a@",
    "codes": "a1",
    "roman": "I",
    "kings": "Louis I ",
    "stars": "*",
    "brackets": "[",
    "links": "[a](",
    "bars": "| ",
    "breaks": "\n ",
    "quotes": "'5",
    "phones": "+1 ",
    "emoji": "😀 ",
    "years": "1998 ",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_text_of_one_sign_is_read_to_its_end(language: str) -> None:
    """However often a sign is repeated, its spans cover the reading."""
    assert rules_of(language)
    for name, sign in HOSTILE.items():
        text = (sign * 4_000)[:4_000]

        reading = read(text, language)

        assert [span.start for span in reading.spans] == [0, *(span.end for span in reading.spans)][:-1], name
        assert (reading.spans[-1].end if reading.spans else 0) == len(reading.text), name
