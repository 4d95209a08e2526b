"""Words are found in the text, and timed between the pauses of the sound."""

import numpy as np
import pytest

from cloning.checking import Speech, timed_words
from cloning.checking.words import spans_of
from cloning.ports import Alignment, Samples, Token, Unaligned
from tests.standins.fakes import hummed

RATE = 16_000
TEXT = "One, two."
UNUSUAL = (-0.1, -20.0, -20.0, 0.0)


def spoken(*pieces: float) -> Samples:
    """Sound and silence by turns, in seconds; silence first."""
    parts = [
        hummed(seconds + 0.2, RATE)[RATE // 10 : -RATE // 10]
        if place % 2
        else np.zeros(round(seconds * RATE), np.float32)
        for place, seconds in enumerate(pieces)
    ]
    return np.concatenate(parts)


def laid(text: str, *tokens: tuple[int, int, float, float, float]) -> Alignment:
    """An alignment of tokens: code points, seconds and log-probability."""
    made = tuple(Token(*token, *UNUSUAL) for token in tokens)
    end = Token(len(text), len(text), made[-1].end, made[-1].end, -0.01, *UNUSUAL)
    return Alignment(made, end, np.ones(100, np.float32), "made up")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop - now!", ["Don't", "stop", "now"]),
        ("ill-disposed 3.5 km", ["ill-disposed", "3.5", "km"]),
        ("你好,world", ["你", "好", "world"]),
        ("カタカナ。", ["カ", "タ", "カ", "ナ"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("... !", []),
    ],
)
def test_words_are_what_is_said(text: str, words: list[str]) -> None:
    """Punctuation is no word; hanzi and kana are words of their own; signs inside of words stay."""
    assert [text[start:end] for start, end in spans_of(text)] == words


def test_an_edge_between_words_moves_to_the_pause_nearby() -> None:
    """Attention turns to the second word 0.2 s before the pause is over; the times are those of the sound."""
    sound = spoken(0.3, 0.5, 0.4, 0.5, 0.3)
    alignment = laid(
        TEXT, (0, 3, 0.0, 0.7, -0.1), (3, 4, 0.7, 1.0, -0.1), (5, 8, 1.0, 1.7, -0.1), (8, 9, 1.7, 2.0, -0.1)
    )

    one, two = timed_words(Speech(sound, RATE, TEXT), alignment)

    assert [one.start, one.end, two.start, two.end] == pytest.approx([0.3, 0.8, 1.2, 1.7], abs=0.03)
    assert [(word.text, word.text_start, word.text_end, word.reliable) for word in (one, two)] == [
        ("One", 0, 3, True),
        ("two", 5, 8, True),
    ]


def test_words_without_a_pause_between_them_meet() -> None:
    """Nobody is silent between most words."""
    sound = spoken(0.3, 1.0, 0.3)
    alignment = laid(TEXT, (0, 3, 0.2, 0.7, -0.1), (5, 8, 0.7, 1.5, -0.1))

    one, two = timed_words(Speech(sound, RATE, TEXT), alignment)

    assert one.end == two.start
    assert two.end == pytest.approx(1.3, abs=0.03)


def test_a_word_that_is_not_heard_has_no_times() -> None:
    """A time is never made up: the word is there, unreliable."""
    alignment = laid(TEXT, (0, 3, 0.2, 0.7, -0.1), (5, 8, 0.7, 1.5, -9.0))

    one, two = timed_words(Speech(spoken(0.3, 1.0, 0.3), RATE, TEXT), alignment)

    assert (one.reliable, two.reliable, two.start, two.end) == (True, False, None, None)
    assert one.confidence > 0.9
    assert two.confidence < 0.01


def test_words_of_one_token_share_its_time() -> None:
    """Recognisers have tokens of several hanzi."""
    words = timed_words(Speech(spoken(0.0, 1.2, 0.0), RATE, "你好"), laid("你好", (0, 2, 0.0, 1.2, -0.1)))

    assert [word.text for word in words] == ["你", "好"]
    assert words[1].start == pytest.approx(0.68, abs=0.03)


def test_silence_times_no_word() -> None:
    """Nor does a text that could not be laid over its sound."""
    speech = Speech(np.zeros(RATE, np.float32), RATE, TEXT)

    silent = timed_words(speech, laid(TEXT, (0, 3, 0.0, 0.5, -0.1), (5, 8, 0.5, 1.0, -0.1)))

    assert [word.reliable for word in silent] == [False, False]
    assert timed_words(speech, Unaligned("language", "made up")) == [
        type(word)(word.text, word.text_start, word.text_end, None, None, 0.0, reliable=False) for word in silent
    ]
