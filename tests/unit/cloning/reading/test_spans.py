"""Spans: which part of the caller's text each part of a reading came from."""

import pytest

from cloning.reading.reader import replaced
from cloning.reading.spans import Reading, Replacement, position

TEXT = "pay $5 now"
WORDS, SPANS = replaced(TEXT, [Replacement(4, 6, "five dollars")])


def test_spans_cover_what_is_read() -> None:
    """Spans cover the reading: the same characters, or one stretch for another."""
    assert WORDS == "pay five dollars now"
    assert [one.to_json() for one in SPANS] == [[0, 4, 0, 4], [4, 16, 4, 6], [16, 20, 6, 10]]
    assert [one.is_same for one in SPANS] == [True, False, True]


@pytest.mark.parametrize(
    ("part", "source"),
    [("pay", "pay"), ("five", "$5"), ("dollars", "$5"), ("dollars now", "$5 now"), ("ow", "ow"), ("y five", "y $5")],
)
def test_the_source_of_a_stretch_is_known(part: str, source: str) -> None:
    """A part of a replaced stretch came from the whole of its source."""
    start = WORDS.index(part)

    begin, end = Reading(WORDS, SPANS).source(start, start + len(part))
    assert TEXT[begin:end] == source


def test_an_empty_stretch_has_an_empty_source() -> None:
    """An empty stretch has an empty source, at the end and in an empty text too."""
    reading = Reading(WORDS, SPANS)

    assert [reading.source(at, at) for at in (0, len(WORDS))] == [(0, 0), (len(TEXT), len(TEXT))]
    assert Reading("", ()).source(0, 0) == (0, 0)


def test_a_place_of_the_text_is_found_in_what_is_read() -> None:
    """A place of the text is found in the reading: the beginning of a replaced stretch, or the end after everything."""
    assert [position(SPANS, at) for at in (0, 3, 4, 5, 6, 9, 10)] == [0, 3, 4, 4, 16, 19, 20]
    assert position((), 3) == 0


def test_what_is_left_out_has_no_span() -> None:
    """What is left out has no span; its place is that of what follows."""
    words, spans = replaced("a *b*", [Replacement(2, 3, ""), Replacement(4, 5, "")])

    assert (words, position(spans, 2)) == ("a b", 2)


def test_overlapping_replacements_are_a_mistake() -> None:
    """Overlapping replacements are a programmer's mistake."""
    with pytest.raises(AssertionError):
        replaced("abc", [Replacement(0, 2, "x"), Replacement(1, 3, "y")])
