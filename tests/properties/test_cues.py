"""Cues of any text at any times are in order, complete, within the words' times, and within the limits."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloning.checking.cues import COLUMNS_A_SECOND, LINE, LONGEST_S, SHORTEST_S, columns, cues
from tests.timed import SubtitleWord, timed

_WORDS = st.text(alphabet="abcdeéß你好世界سلامกาé\u0301", min_size=1, max_size=14)
_SIGNS = st.sampled_from(
    [" ", ", ", ". ", "; ", "\n\n", "! ", " – ", " (", ") ", "”", " «", "，", "。", " [pause:700ms] "]
)
_TEXT = st.lists(st.tuples(_WORDS, _SIGNS), min_size=1, max_size=40).map(lambda parts: "".join(map("".join, parts)))
TEXTS = st.lists(_TEXT, min_size=1, max_size=4)
SLACK_S = 0.011 * 40  # what words without any length get


@st.composite
def speeches(draw: st.DrawFn) -> tuple[list[str], list[SubtitleWord], float]:
    """Texts, their words at some pace, some without times, and the speech's length."""
    texts = draw(TEXTS)
    words, length_s = timed(texts, per_second=draw(st.floats(4, 40)), gap_s=draw(st.floats(0, 2)))
    lost = draw(st.sets(st.integers(0, max(0, len(words) - 1))))
    return texts, [replace(word, start=None, end=None) if n in lost else word for n, word in enumerate(words)], length_s


def shown(text: str) -> str:
    return "".join(text.replace("[pause:700ms]", "").split())


@given(speeches())
def test_cues_are_in_order_and_never_overlap(speech: tuple[list[str], list[SubtitleWord], float]) -> None:
    """Cues are in order, don't overlap, and each has some length."""
    texts, words, length_s = speech

    found = cues(words, texts, length_s)

    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(cue.start < cue.end for cue in found)


@given(speeches())
def test_the_whole_text_is_shown_once(speech: tuple[list[str], list[SubtitleWord], float]) -> None:
    """Every word is shown once, in order."""
    texts, words, length_s = speech

    found = cues(words, texts, length_s)

    spoken = [text for turn, text in enumerate(texts) if any(word.turn == turn for word in words)]
    assert "".join("".join("".join(cue.lines).split()) for cue in found) == "".join(map(shown, spoken))


@given(speeches())
def test_cues_stay_within_the_speech(speech: tuple[list[str], list[SubtitleWord], float]) -> None:
    """No cue begins before the first word, if that has a time, or ends after the speech."""
    texts, words, length_s = speech

    found = cues(words, texts, length_s)

    assert all(cue.end <= length_s + SLACK_S for cue in found)
    if words and words[0].start is not None:
        assert found[0].start == words[0].start


@given(TEXTS, st.floats(5, 18))
def test_limits_are_kept(texts: list[str], per_second: float) -> None:
    """A cue has two lines of at most 42 columns for at most 7 s, or one word that can't be split."""
    words, length_s = timed(texts, per_second=per_second)

    for cue in cues(words, texts, length_s):
        one_word = len(" ".join(cue.lines).split()) == 1
        assert len(cue.lines) <= 2
        assert one_word or cue.end - cue.start <= LONGEST_S + 0.001
        assert all(columns(line) <= LINE or len(line.split()) == 1 for line in cue.lines)


@given(TEXTS, st.floats(5, 60), st.floats(0, 3))
def test_a_cue_is_long_enough_to_be_read_where_there_is_silence(
    texts: list[str], per_second: float, gap_s: float
) -> None:
    """Where there is silence, a cue lasts at least a second and shows at most 20 columns a second."""
    words, length_s = timed(texts, per_second=per_second, gap_s=gap_s)

    found = cues(words, texts, length_s)

    starts = [cue.start for cue in found[1:]] + [length_s] * bool(
        found
    )  # a text of nothing but a combining mark has no cue
    for cue, following in zip(found, starts, strict=True):
        shown_s, width = cue.end - cue.start, sum(map(columns, cue.lines))
        is_short = shown_s < SHORTEST_S - 0.001 or width / shown_s > COLUMNS_A_SECOND + 0.1
        assert not is_short or shown_s >= LONGEST_S - 0.001 or cue.end >= following - 0.001


@given(TEXTS)
def test_a_turn_begins_a_new_cue(texts: list[str]) -> None:
    """No cue shows two turns."""
    words, length_s = timed(texts)

    found = [shown("".join(cue.lines)) for cue in cues(words, texts, length_s)]

    borders, at = {0}, 0
    for text in found:
        at += len(text)
        borders.add(at)
    at = 0
    for turn, text in enumerate(texts):
        if any(word.turn == turn for word in words):
            at += len(shown(text))
            assert at in borders
