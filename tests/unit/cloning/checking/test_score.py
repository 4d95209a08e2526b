"""Speech passes when no witness doubts it, and fails with the problem's name and place."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cloning.checking import Problem, ProblemKind, Speech, Verdict, edits_of, evidence_of, judge, score
from cloning.checking.repeats import Repeat
from cloning.ports import AddedPhones, Alignment, LikelihoodRatio, Token, Unaligned
from cloning.reading.reader import read
from tests.standins.fakes import evenly_spread, hummed

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


def between(scale: score.Scale, doubt: float, sign: int = 1) -> float:
    """The value that is so doubtful."""
    return sign * (scale.usual + doubt * (scale.limit - scale.usual))


def kinds(verdict: Verdict) -> set[tuple[ProblemKind, str]]:
    return {(problem.kind, problem.word) for problem in verdict.problems}


def test_right_speech_passes() -> None:
    """By its alignment alone, and with what was heard."""
    fast = judge(SPEECH, right())
    full = judge(SPEECH, right(), "One, two, three, four, five.")

    assert (fast.state, fast.wer, fast.worst_run, fast.problems) == ("passed", None, None, ())
    assert (full.state, full.wer, full.worst_run, full.problems) == ("passed", 0.0, 0, ())
    assert fast.score == full.score > 0.5


def test_numbers_that_are_written_otherwise_count_as_heard() -> None:
    """The figures of what was heard go by the reading of its numbers that is closest to the text."""
    verdict = judge(SPEECH, right(), "12345", lambda text: read(text, "en").text)

    assert (verdict.wer, verdict.worst_run) == (0.0, 0)


def test_a_hearing_that_begins_again_counts_once_where_no_witness_hears_too_much() -> None:
    """Whisper may write all of a speech twice. Speech that fails, or that is nearly said to repeat, keeps the figures of all that was heard."""
    heard = "One two three. One two three."
    wrong = with_token(2, log_probability=between(score.SCORE, 1.0, -1))
    evidence = evidence_of(SPEECH, right())
    assert evidence
    repeated = replace(evidence, repeat=Repeat(between(score.REPEAT, 0.9), 0.0, 1.0))

    passed, failed = judge(SPEECH, right(), heard), judge(SPEECH, wrong, heard)
    doubtful = judge(SPEECH, right(), heard, evidence=repeated)

    assert (passed.state, passed.wer, passed.worst_run) == ("passed", 0.4, 2)
    assert (failed.state, failed.wer, failed.worst_run) == ("failed", 0.6, 3)
    assert (doubtful.state, doubtful.wer, doubtful.worst_run) == ("passed", 0.6, 3)


def test_a_text_that_says_all_twice_is_heard_twice() -> None:
    """What is closest to the text counts, however often the recogniser writes it."""
    twice = replace(SPEECH, text=f"{TEXT} {TEXT}")
    alignment = evenly_spread(twice.text, SECONDS, "made up")

    assert [judge(twice, alignment, " ".join([TEXT] * times)).wer for times in (2, 4)] == [0.0, 0.0]


@pytest.mark.parametrize(("heard", "edits"), [("1-2-3-4-5", 0), ("1-2-3-4-6", 1)])
def test_the_texts_words_in_digits_are_no_change_of_it(heard: str, edits: int) -> None:
    """Whisper may find digits likelier than words, though both are said alike."""
    found = edits_of(SPEECH, right(), [heard], lambda text: read(text, "en").text)

    assert len(found) == edits


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
    verdict = judge(SPEECH, with_token(3, back=12.5))

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
    doubtful = with_token(2, log_probability=between(score.SCORE, 0.9, -1))
    last = replace(doubtful.tokens[3], back=between(score.BACK, 0.9))
    both = replace(doubtful, tokens=(*doubtful.tokens[:3], last, doubtful.tokens[4]))

    assert judge(SPEECH, doubtful).state == "passed"
    assert judge(SPEECH, both).state == "failed"


def test_who_knows_the_words_is_believed() -> None:
    """A name that a plain recogniser hardly knows is no fault, and a stammer that it leaves out is one."""
    unknown = with_token(2, log_probability=-9.0)
    stammered = with_token(2, again=-1.0, again_by_text=-8.0)

    assert judge(SPEECH, replace(unknown, primed=right())).state == "passed"
    assert kinds(judge(SPEECH, replace(right(), primed=stammered))) == {(ProblemKind.DOUBLED_WORD, "two")}


def heard_as(words: str, weight: float, alignment: Alignment | None = None, speech: Speech = SPEECH) -> Verdict:
    """The verdict where those words are heard, and the sound speaks so much for them; 1 is the limit."""
    gain = LikelihoodRatio(between(score.GAIN, weight), 0.0)
    alignment = alignment or right()
    return judge(speech, alignment, words, rescored=[(edit, gain) for edit in edits_of(speech, alignment, [words])])


def test_a_word_is_wrong_where_the_sound_speaks_for_another() -> None:
    """Misheard alone is no fault, and a slight doubt alone is none; both together are."""
    heard = "one two tree four five"
    doubtful = with_token(2, log_probability=between(score.SCORE, 0.9, -1))

    assert heard_as(heard, 0.9).state == "passed"
    assert heard_as("one two three four five", 0.9, doubtful).state == "passed"
    assert kinds(heard_as(heard, 0.9, doubtful)) == {(ProblemKind.MISSING_WORD, "three")}
    assert kinds(heard_as(heard, 1.0)) == {(ProblemKind.MISSING_WORD, "three")}


def test_what_the_text_alone_makes_likely_counts_less() -> None:
    """The sound has to speak for it."""
    edits = edits_of(SPEECH, right(), ["one two three four five six"])
    gain = between(score.GAIN, 1.5)

    by_sound, by_text = (
        judge(SPEECH, right(), "", rescored=[(edits[0], LikelihoodRatio(gain, at))]) for at in (0.0, 20.0)
    )

    assert (by_sound.state, by_text.state) == ("failed", "passed")


def test_what_is_said_again_needs_less() -> None:
    """No recogniser expects it."""
    gain = LikelihoodRatio(between(score.GAIN_AGAIN, 1.0), 0.0)

    again, more = (
        judge(SPEECH, right(), "", rescored=[(edits_of(SPEECH, right(), [f"{TEXT} {word}"])[0], gain)])
        for word in ("five", "six")
    )

    assert kinds(again) == {(ProblemKind.DOUBLED_WORD, "five")}
    assert more.state == "passed"


@pytest.mark.parametrize(
    ("heard", "kind", "word"),
    [
        ("some other words one two three four five", ProblemKind.LEAKED_REFERENCE, "one"),
        ("one two three what is that four five", ProblemKind.EXTRA_SPEECH, "three"),
        ("one two three four two three four five", ProblemKind.LOOP, "four"),
        ("one two", ProblemKind.MISSING_WORD, "three"),
    ],
)
def test_what_was_heard_names_the_problem(heard: str, kind: ProblemKind, word: str) -> None:
    """And says how much of the text it is."""
    verdict = heard_as(heard, 1.0, speech=replace(SPEECH, reference_text="Some other words."))

    assert (verdict.state, kinds(verdict), verdict.worst_run) == ("failed", {(kind, word)}, 3)


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


def test_what_the_sound_says_twice_is_a_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one word it is a doubled one, of more a loop; a little likeness is none."""

    def judged(strength: float, length: float) -> Verdict:
        repeat = Repeat(strength, 0.8, length)
        monkeypatch.setattr("cloning.checking.evidence.find_repeat", lambda *_: repeat)
        return judge(SPEECH, right())

    assert kinds(judged(score.REPEAT.limit, 0.35)) == {(ProblemKind.DOUBLED_WORD, "three")}
    assert kinds(judged(score.REPEAT.limit, 0.79)) == {(ProblemKind.LOOP, "four")}
    assert judged(between(score.REPEAT, 0.9), 0.79).state == "passed"


def test_an_added_word_that_nobody_expects_needs_less() -> None:
    """The less the text alone makes it likely, the more the sound's word for it counts, but an absurd word has no more for that."""
    edits = edits_of(SPEECH, right(), ["one two three four five six"])

    expected, unexpected, absurd = (
        judge(SPEECH, right(), "", rescored=[(edits[0], LikelihoodRatio(gain, by_text))])
        for gain, by_text in ((-2.0, -2.0), (-2.0, -10.0), (-4.0, -30.0))
    )

    assert (expected.state, unexpected.state, absurd.state) == ("passed", "failed", "passed")


def test_added_phones_are_one_more_doubt() -> None:
    """At the limit they fail a speech, with the word that they follow; usual ones change nothing."""
    two = TEXT.index("two")
    usual, limit = (AddedPhones(gain, two, two + 3) for gain in (score.ADDED_PHONES.usual, score.ADDED_PHONES.limit))

    wrong = judge(SPEECH, right(), added=limit)

    assert (wrong.state, wrong.problems) == ("failed", (Problem(ProblemKind.EXTRA_SPEECH, "two", two),))
    assert judge(SPEECH, right(), added=usual) == judge(SPEECH, right())


def test_half_doubtful_phones_fail_with_another_doubt_alone() -> None:
    """They add up with the alignment's own doubts, those of added speech too."""
    added = AddedPhones(between(score.ADDED_PHONES, 0.9), 0, 3)
    slow = with_token(2, log_probability=between(score.SCORE, 0.9, -1))

    states = [
        judge(SPEECH, alignment, added=more).state
        for alignment, more in ((right(), added), (slow, None), (slow, added))
    ]

    assert states == ["passed", "passed", "failed"]
