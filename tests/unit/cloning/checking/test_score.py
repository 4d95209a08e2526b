"""Speech passes when no witness doubts it, and fails with the problem's name and place."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cloning.checking import Problem, ProblemKind, Speech, Verdict, judge
from cloning.ports import Alignment, Token, Unaligned
from tests.fakes import evenly_spread, hummed

RATE = 24_000
TEXT = "one two three four five"
SECONDS = 2.0
SPEECH = Speech(hummed(SECONDS, RATE), RATE, TEXT, language="en", expected_s=SECONDS)


def right() -> Alignment:
    """All words are there."""
    alignment = evenly_spread(TEXT, SECONDS, "made up")
    assert isinstance(alignment, Alignment)
    return alignment


def with_token(place: int, **changes: Any) -> Alignment:
    """One word's token is otherwise."""
    tokens = list(right().tokens)
    tokens[place] = replace(tokens[place], **changes)
    return replace(right(), tokens=tuple(tokens))


def kinds(verdict: Verdict) -> set[tuple[ProblemKind, str]]:
    return {(problem.kind, problem.word) for problem in verdict.problems}


def test_right_speech_passes() -> None:
    """By its alignment alone, and with what was heard."""
    fast = judge(SPEECH, right())
    full = judge(SPEECH, right(), "One, two, three, four, five.")

    assert (fast.state, fast.wer, fast.worst_run, fast.problems) == ("passed", None, None, ())
    assert (full.state, full.wer, full.worst_run, full.problems) == ("passed", 0.0, 0, ())
    assert fast.score == full.score > 0.5


def test_a_word_that_is_unlikely_is_missing() -> None:
    """The problem names it and where it stands in the text."""
    verdict = judge(SPEECH, with_token(2, log_probability=-9.0))

    assert verdict.state == "failed"
    assert Problem(ProblemKind.MISSING_WORD, "three", TEXT.index("three")) in verdict.problems
    assert verdict.score < 0.5


def test_a_word_that_the_sound_says_again_is_doubled() -> None:
    """The token behind it would rather begin the word anew, which the text alone makes unlikely."""
    verdict = judge(SPEECH, with_token(2, again=-1.0, again_by_text=-8.0))

    assert kinds(verdict) == {(ProblemKind.DOUBLED_WORD, "two")}


def test_a_return_to_an_earlier_word_is_a_loop() -> None:
    """So the sound makes likely what the text does not."""
    verdict = judge(SPEECH, with_token(3, back=9.0))

    assert kinds(verdict) == {(ProblemKind.LOOP, "three")}


def test_sound_that_no_word_attends_to_is_extra_speech() -> None:
    """Before the first word, and with a reference that may leak, it is the reference."""
    attended = np.ones(100, np.float32)
    attended[10:25] = 0.01
    deaf = replace(right(), attended=attended)

    assert kinds(judge(SPEECH, deaf)) == {(ProblemKind.EXTRA_SPEECH, "one")}
    assert kinds(judge(replace(SPEECH, reference_text="Other words."), deaf)) == {(ProblemKind.LEAKED_REFERENCE, "one")}


def test_several_doubts_make_one_fault() -> None:
    """None of them alone."""
    doubtful = with_token(2, log_probability=-4.6, best=-4.6)
    both = replace(doubtful, tokens=(*doubtful.tokens[:3], replace(doubtful.tokens[3], back=6.9), doubtful.tokens[4]))

    assert judge(SPEECH, doubtful).state == "passed"
    assert judge(SPEECH, both).state == "failed"


def test_a_word_is_wrong_where_two_witnesses_say_so() -> None:
    """Misheard alone is no fault, and a slight doubt alone is none."""
    heard = "one two tree four five"
    doubtful = with_token(2, log_probability=-3.9, best=-3.9)

    assert judge(SPEECH, right(), heard).state == "passed"
    assert judge(SPEECH, doubtful, "one two three four five").state == "passed"
    assert kinds(judge(SPEECH, doubtful, heard)) == {(ProblemKind.MISSING_WORD, "three")}


@pytest.mark.parametrize(
    ("heard", "kind", "word"),
    [
        ("some other words one two three four five", ProblemKind.LEAKED_REFERENCE, "one"),
        ("one two three what is that four five", ProblemKind.EXTRA_SPEECH, "three"),
        ("one two three four two three four five", ProblemKind.LOOP, "four"),
        ("one two", ProblemKind.MISSING_WORD, "three"),
    ],
)
def test_a_long_run_needs_no_other_witness(heard: str, kind: ProblemKind, word: str) -> None:
    """Nobody mishears three words that are not there."""
    speech = replace(SPEECH, reference_text="Some other words.")

    verdict = judge(speech, right(), heard)

    assert (verdict.state, kinds(verdict)) == ("failed", {(kind, word)})


@pytest.mark.parametrize(("first", "state"), [("and", "passed"), ("other words", "failed"), ("words other", "passed")])
def test_words_of_the_reference_tell_if_they_are_long_enough(first: str, state: str) -> None:
    """Even two of them, in their order; "and" is heard anywhere."""
    speech = replace(SPEECH, reference_text="Some other words, and more.")

    assert judge(speech, right(), f"{first} {TEXT}").state == state


def test_silence_noise_a_break_and_a_wrong_length_are_heard_without_words() -> None:
    """Each by its own witness, however well the words are aligned."""
    hum = hummed(SECONDS, RATE)
    noise = (np.random.default_rng(0).standard_normal(len(hum)) * 0.05).astype(np.float32)
    broken = np.concatenate((hum[: -RATE // 10], hum[RATE // 5 : RATE // 5 + RATE // 10]))

    def found(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> set[ProblemKind]:
        return {problem.kind for problem in judge(replace(SPEECH, samples=samples), right()).problems}

    assert ProblemKind.SILENCE in found(np.zeros_like(hum))
    assert ProblemKind.SILENCE in found(np.zeros(0, np.float32))
    assert ProblemKind.NOISE in found(np.where(np.arange(len(hum)) < RATE, hum, noise).astype(np.float32))
    assert found(broken) == {ProblemKind.CUT_OFF}
    assert kinds(judge(replace(SPEECH, expected_s=5.0), right())) == {(ProblemKind.PACE, "")}


def test_without_an_alignment_nothing_is_claimed() -> None:
    """The verdict says why, and what was heard is told all the same."""
    verdict = judge(SPEECH, Unaligned("alignment_heads", "made up"), "one two three four nine")

    assert (verdict.state, verdict.reason, verdict.problems) == ("unavailable", "alignment_heads", ())
    assert (verdict.wer, verdict.worst_run) == (0.2, 1)


def test_a_text_without_words_cannot_be_checked() -> None:
    """Its tokens are punctuation."""
    token = Token(0, 3, 0.0, 2.0, -0.1, -0.1, -20.0, -20.0, 0.0)
    alignment = Alignment((token,), token, np.ones(100, np.float32), "made up")

    assert judge(replace(SPEECH, text="..."), alignment).reason == "no_words"
