"""A whole text is read, and what can't be read is reported."""

import pytest

from cloning.reading.reader import read


def test_a_text_in_no_known_language_stays_as_it_is() -> None:
    """A text in no known language stays as it is, without a warning, because no rules were applied."""
    for language in (None, "tlh"):
        reading = read("5 apples for $3", language)

        assert (reading.text, reading.normalised_in, reading.warnings) == ("5 apples for $3", None, ())


def test_the_language_whose_rules_were_applied_is_said() -> None:
    """The language whose rules were applied is reported without its region."""
    assert read("5", "en-GB").normalised_in == "en"
    assert read("5", "en", normalize=False).normalised_in is None


def test_what_stays_as_it_is_written_is_said_with_its_places() -> None:
    """What stays as it is written is reported by spans into the caller's text, without its words."""
    text = "Due **5** days after 3/4/2026 and 1,23,4"
    reading = read(text, "en")

    (warning,) = reading.warnings
    spans = warning["spans"]
    assert isinstance(spans, list)
    assert reading.text == "Due five days after 3/4/2026 and 1,23,4"
    assert (warning["code"], [text[start:end] for start, end in spans]) == ("READ_AS_IS", ["3/4/2026", "1,23,4"])
    assert "2026" not in str(warning["message"])


def test_at_most_20_places_are_listed() -> None:
    """At most 20 places are listed; the message counts all of them."""
    (warning,) = read("3/4/2026 " * 50, "en").warnings

    assert len(warning["spans"]) == 20  # type: ignore[arg-type]
    assert "50 places" in str(warning["message"])


def test_marks_respellings_and_rules_know_of_one_another() -> None:
    """Each part of the caller's text is replaced once: by markup, a respelling or a rule."""
    text = "# Chapter IV\n\n- **$5** for [Dr. Xu](http://x.com/12) 🎉\n- at 3 pm [pause:1s] sharp"
    reading = read(text, "en", say={"Xu": "Shoo"}, paragraph_pause_s=0.5)

    assert reading.text == "Chapter four\n\nfive dollars for Doctor Shoo\nat three PM sharp"
    assert [(one.seconds, reading.text[one.at :]) for one in reading.pauses] == [
        (0.5, "five dollars for Doctor Shoo\nat three PM sharp"),
        (1.0, "sharp"),
    ]
    start = reading.text.index("Shoo")
    assert text[slice(*reading.source(start, start + 4))] == "Xu"


@pytest.mark.parametrize("text", ["", " ", "\n\n", "[pause:1s]", "🎉", "**"])
def test_a_text_of_nothing_is_read_as_nothing(text: str) -> None:
    """An empty text gives an empty reading; whether it can be spoken is decided elsewhere."""
    assert read(text, "en", paragraph_pause_s=1).text.strip(" \n*") == ""
