"""Words keep their order and their places, whatever an alignment says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cloning.checking import Speech, judge, timed_words
from cloning.ports import Alignment, Token
from tests.standins.fakes import hummed

RATE = 8000
TEXTS = st.text(alphabet="ab é'-., 你カ7?", max_size=40)
TIMES = st.lists(st.floats(0, 3), min_size=41, max_size=41)
LOGARITHMS = st.floats(-30, 0)


def an_alignment(text: str, times: list[float], chance: float) -> Alignment:
    """A token for each character, in order and at any time."""
    starts = sorted(times)[: len(text) + 1]
    spans = [(at, at + 1) for at in range(len(text))]
    tokens = [
        Token(*span, starts[at], starts[at + 1], chance, 0.0, chance, chance, -chance) for at, span in enumerate(spans)
    ]
    end = Token(len(text), len(text), starts[-1], starts[-1], chance, 0.0, chance, chance, -chance)
    return Alignment(tuple(tokens), end, np.full(100, 0.5, np.float32), "made up")


@given(text=TEXTS, times=TIMES, chance=LOGARITHMS, seconds=st.floats(0.05, 2.5))
def test_words_lie_in_the_text_and_in_the_sound(text: str, times: list[float], chance: float, seconds: float) -> None:
    """Words are in order, apart from each other, within the sound, and spelt as in the text."""
    speech = Speech(hummed(seconds, RATE), RATE, text)

    words = timed_words(speech, an_alignment(text, times, chance))

    places = [place for word in words for place in (word.text_start, word.text_end)]
    told = [time for word in words if word.reliable for time in (word.start, word.end)]
    assert places == sorted(places)
    assert all(text[word.text_start : word.text_end] == word.text for word in words)
    assert told == sorted(told, key=lambda time: time or 0)
    assert all(time is not None and 0 <= time <= seconds + 0.02 for time in told)
    assert all(0 <= word.confidence <= 1 for word in words)


@given(text=TEXTS, times=TIMES, chance=LOGARITHMS, heard=st.none() | TEXTS)
def test_there_is_always_a_verdict(text: str, times: list[float], chance: float, heard: str | None) -> None:
    """Every check has a verdict: a failed one has a problem, and every problem concerns a word of the text or the whole."""
    verdict = judge(Speech(hummed(1.0, RATE), RATE, text), an_alignment(text, times, chance), heard)

    assert (verdict.state == "failed") == bool(verdict.problems)
    assert 0 <= verdict.score <= 1
    for problem in verdict.problems:
        assert problem.text_start is None or text[problem.text_start :].startswith(problem.word)
