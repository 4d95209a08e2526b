"""Pauses, Markdown and emoji."""

import pytest

from cloning.errors import InvalidText
from cloning.reading.reader import read


@pytest.mark.parametrize(
    ("text", "words", "at", "seconds"),
    [
        ("Hi [pause:500ms] there", "Hi there", 3, 0.5),
        ("Hi[pause: 1.5 S].", "Hi.", 2, 1.5),
        ("Hi[pause:1s]there", "Hi there", 3, 1.0),
        ("[PAUSE:10s]Hi", "Hi", 0, 10.0),
        ("Hi [pause:2s]", "Hi ", 3, 2.0),
    ],
)
@pytest.mark.parametrize("normalize", [True, False])
def test_a_tag_is_a_pause_and_is_not_read(text: str, words: str, at: int, seconds: float, *, normalize: bool) -> None:
    """A pause tag in any case and with any spaces is a pause and is not read; where two spaces would meet, one stays."""
    reading = read(text, "en", normalize=normalize)

    (pause,) = reading.pauses
    assert (reading.text, pause.at, pause.seconds) == (words, at, seconds)
    assert text[pause.text_start : pause.text_end].lower().startswith("[pause:")
    assert text[pause.text_end - 1] == "]"


@pytest.mark.parametrize(
    "tag", ["[pause:11s]", "[pause:10001ms]", "[pause:5]", "[pause:]", "[pause:soon]", "[pause:-1s]", "[pause:1s"]
)
def test_a_tag_that_is_not_understood_is_named(tag: str) -> None:
    """A tag that isn't understood is refused with its text instead of being read aloud."""
    with pytest.raises(InvalidText) as refused:
        read(f"Hi {tag}", None)

    assert tag in refused.value.message


@pytest.mark.parametrize("text", ["[pa**use:1s]", "[pau\u200bse:1s]", "[pause\u00ad:1s] on"])
def test_no_tag_comes_together_from_its_parts(text: str) -> None:
    """If dropping marks would leave a tag behind, the text is refused."""
    with pytest.raises(InvalidText, match="respelling"):
        read(text, None)


def test_a_respelling_makes_no_tag() -> None:
    """A respelling that would make a tag is refused: only the text itself has tags."""
    with pytest.raises(InvalidText, match="respelling"):
        read("a rest", None, say={"rest": "[pause:1s]"})


def test_a_blank_line_is_a_pause_between_paragraphs() -> None:
    """A blank line between paragraphs is a pause and keeps its line breaks; a single one, or those around the text, are none."""
    reading = read("\n\none\ntwo\n \n\nthree\r\n\r\nfour\n\n", None, paragraph_pause_s=0.7)

    assert reading.text == "\n\none\ntwo\n \n\nthree\r\n\r\nfour\n\n"
    assert [(one.seconds, reading.text[one.at :][:4]) for one in reading.pauses] == [(0.7, "thre"), (0.7, "four")]


def test_without_a_paragraph_pause_there_is_none() -> None:
    """There is no pause between paragraphs without the setting, or without normalising."""
    assert read("one\n\ntwo", None).pauses == ()
    assert read("one\n\ntwo", None, normalize=False, paragraph_pause_s=1).pauses == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Title #", "Title"),
        ("### Title", "Title"),
        ("Title\n=====\ntext", "Title\n\ntext"),
        ("**bold**, *em*, ***both***, __bold__, _em_.", "bold, em, both, bold, em."),
        ("`code` and ~~gone~~", "code and gone"),
        ("- one\n* two\n+ three\n• four\n  - [x] five", "one\ntwo\nthree\nfour\nfive"),
        ("1. Buy milk", "1. Buy milk"),
        ('[text](https://a.b/c_d "title") and [more][ref]', "text and more"),
        ("![a cat](cat.png)", "a cat"),
        ("<https://example>", "https://example"),
        ("> quoted\n>> twice", "quoted\ntwice"),
        ("above\n\n---\n\nbelow", "above\n\n\n\nbelow"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b\n\n1, 2"),
        ("```python\nx\n```", "\nx\n"),
        ("note[^1]", "note"),
        ("\\*stars\\*", "*stars*"),
    ],
)
def test_marks_of_markdown_are_not_read(text: str, words: str) -> None:
    """Marks of Markdown are not read, but what they surround is."""
    assert read(text, None).text == words


@pytest.mark.parametrize(
    "text",
    [
        "snake_case and __",
        "2 * 3 = 6",
        "2**3",
        "a - b",
        "C# and #1",
        "x > y",
        "don`t",
        "f(x)[0]",
        "[sic]",
        "a | b",
        "~5",
        "5* hotel"[2:],
        "-5",
    ],
)
def test_what_is_no_mark_stays(text: str) -> None:
    """Signs that are no marks stay, character for character."""
    assert read(text, None).text == text


def test_markdown_stays_where_nothing_is_normalised() -> None:
    """Without normalising Markdown stays; only pauses and respellings apply."""
    assert read("**5** 🎉 [a](b)", "en", normalize=False).text == "**5** 🎉 [a](b)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Great 😀! So", "Great! So"),
        ("Great 😀 😀 work", "Great work"),
        ("👍🏽👍🏽 nice 👩\u200d👩\u200d👧", "nice"),
        ("yes😀no", "yes no"),
        ("1️⃣ ❤️ 🇫🇷", "1"),
        ("Brand™ ★", "Brand"),
        ("- 😀 hi", "hi"),
        ("so 😀\nand", "so\nand"),
    ],
)
def test_emoji_are_dropped_and_said(text: str, words: str) -> None:
    """Emoji are dropped with their selectors, joiners and skin tones, leave no second space, and are reported."""
    reading = read(text, None)

    (warning,) = reading.warnings
    assert (reading.text, warning["code"]) == (words, "DROPPED")


def test_signs_that_are_read_stay() -> None:
    """Signs that can be read stay, although Unicode counts them as pictures."""
    assert read("20 ° № © ℃ x^2 ´", None).text == "20 ° № © ℃ x^2 ´"


def test_characters_that_show_nothing_go_unsaid() -> None:
    """A soft hyphen, a zero-width space and direction marks are dropped; joiners shape letters and stay."""
    reading = read("co\u00adop\u200b \u200ehere می\u200cشود", None)

    assert (reading.text, reading.warnings) == ("coop here می\u200cشود", ())
