"""
The judgement of speech against its text.

Each witness is laid on one scale: 0 is what it usually says of right speech, 1 what it hardly ever says of it. A speech fails by one
witness at 1, or by several that are doubtful together. What is heard is a witness only as far as the sound speaks for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cloning.checking.compare import compare_numbers, first_times
from cloning.checking.edits import Edit, edits
from cloning.checking.evidence import Evidence, WordEvidence, gather
from cloning.checking.verdict import Problem, ProblemKind, Speech, Verdict
from cloning.ports import AddedPhones, Alignment, LikelihoodRatio, Unaligned


class Scale(NamedTuple):
    """What a witness says of right speech: usually, and hardly ever."""

    usual: float
    limit: float

    def doubt(self, value: float) -> float:
        """0 as usual, 1 at the limit."""
        return max((value - self.usual) / (self.limit - self.usual), 0.0)


# Set on the benchmark's recordings (benchmarks/README.md, words): about what three of four right speeches stay under, and what hardly any
# exceeds. `again` and `back` are the least certain: texts that repeat themselves come near their limits.
SCORE = Scale(0.75, 1.8)  # of a word's least likely token, negative
AGAIN = Scale(-3.4, -0.5)
BACK = Scale(4.0, 12.0)
SLOWNESS = Scale(0.9, 1.85)
HOLE = Scale(1.9, 4.0)
LEAD = Scale(-0.4, 1.4)
REPEAT = Scale(0.12, 0.3)  # three of four takes of the same four words by one speaker reach it
END = Scale(0.3, 1.3)  # negative
FLATNESS = Scale(0.2, 0.5)
BREAK = Scale(-28.0, -15.0)
GAIN = Scale(-3.0, 3.7)
# Of one added word: more of the text's own likelihood is taken off, because words are guessed that nobody expects.
GAIN_EXTRA = Scale(-2.2, 1.5)
GAIN_AGAIN = Scale(-5.0, -2.0)  # of what is said again, which any recogniser expects least
ADDED_PHONES = Scale(-53.0, 50.0)  # of a phone model, in nats
# Doubts of several kinds add up to this power: two of 0.84 fail a speech.
_POWER = 4.0
_BY_TEXT, _BY_TEXT_EXTRA = 0.2, 0.4  # how much of what the text alone makes likely is taken off
_RAREST = -10.0  # an absurd word is no likelier to have been said for being absurd
# From this doubt on a witness tends to hear something twice, or too much.
_TENDS = 0.5
# Rules without a scale.
_LEAST_SOUND = 0.2  # of the text's usual length
_LONGEST_PAUSE_S = 1.8
_LOOP_OF_WORDS = 1.5  # times as long as its word
_PACE = 2.0  # times longer or shorter than planned
_SECONDS_A_LETTER = 0.03  # nobody speaks faster


_OF_WORDS: tuple[tuple[Scale, ProblemKind, Callable[[WordEvidence], float]], ...] = (
    (SCORE, ProblemKind.MISSING_WORD, lambda word: -word.score),
    (AGAIN, ProblemKind.DOUBLED_WORD, lambda word: word.again),
    (BACK, ProblemKind.LOOP, lambda word: word.back),
    (SLOWNESS, ProblemKind.EXTRA_SPEECH, lambda word: word.slowness),
)


@dataclass(frozen=True)
class _Doubt:
    size: float
    kind: ProblemKind
    word: WordEvidence | None = None
    problem: Problem | None = None
    by: str = "alignment"


def _as_written(text: str) -> str:
    return text


def evidence_of(speech: Speech, alignment: Alignment | Unaligned) -> Evidence | None:
    """What the sound and the alignment say, for all that asks it of one speech; None where it isn't aligned, or there is no sound."""
    return None if isinstance(alignment, Unaligned) or not len(speech.samples) else gather(speech, alignment)


def edits_of(
    speech: Speech,
    alignment: Alignment | Unaligned,
    hearings: Sequence[str],
    read: Callable[[str], str] = _as_written,
    guesses: Sequence[str] = (),
    *,
    evidence: Evidence | None = None,
) -> tuple[Edit, ...]:
    """What the speech may say instead, by several hearings of it and by the recogniser's `guesses`; nothing where it isn't aligned."""
    evidence = evidence or evidence_of(speech, alignment)
    return edits(speech, evidence, hearings, guesses, read) if evidence and evidence.words else ()


def judge(
    speech: Speech,
    alignment: Alignment | Unaligned,
    heard: str | None = None,
    read: Callable[[str], str] = _as_written,
    rescored: Sequence[tuple[Edit, LikelihoodRatio]] = (),
    *,
    evidence: Evidence | None = None,
    added: AddedPhones | None = None,
) -> Verdict:
    """
    Whether the speech says its text, by its alignment alone, or with what was `heard` in it, and how much the sound speaks for what is
    heard otherwise (`rescored`), as second witnesses.

    `read` writes a text as it is read aloud ("12" as "twelve"), so that what was heard can be compared with what was meant. An alignment
    that is not there makes the verdict `unavailable`, with its reason; the transcription's figures are in it all the same. `evidence` is what
    `evidence_of` said of this speech, for a caller that asks more than once. `added` is what a phone model says, one more doubt.

    A recogniser may write all of a speech twice. Where no witness tends to hear too much, the figures are of the first time, if that is
    closer to the text.
    """
    wer, run = (None, None) if heard is None else _misheard(speech, [heard], read)
    if not len(speech.samples):
        return Verdict("failed", 0.0, wer, run, (Problem(ProblemKind.SILENCE),))
    if isinstance(alignment, Unaligned):
        return Verdict("unavailable", 0.0, wer, run, reason=alignment.reason)
    evidence = evidence or gather(speech, alignment)
    if not evidence.words:
        return Verdict("unavailable", 0.0, wer, run, reason="no_words")
    doubts = [*_doubts(evidence), *_plain_faults(speech, evidence)]
    doubts += [
        _Doubt(_doubt_of(edit, ratio), edit.problem.kind, problem=edit.problem, by="rescored")
        for edit, ratio in rescored
    ]
    if added is not None:
        doubts.append(_by_phones(speech, added))
    total = _added(doubts)
    certain = [doubt for doubt in doubts if doubt.size >= 1] or [max(doubts, key=lambda doubt: doubt.size)]
    problems = [_problem(speech, evidence, doubt) for doubt in certain if total >= 1]
    if heard and not problems and not _hears_too_much(doubts):
        wer, run = _misheard(speech, [heard, *first_times(heard, speech.language, read)], read)
    score = max(0.0, 1 - total / 2)
    return Verdict("failed" if problems else "passed", round(score, 4), wer, run, tuple(dict.fromkeys(problems)))


def _misheard(speech: Speech, hearings: Sequence[str], read: Callable[[str], str]) -> tuple[float, int]:
    """The verdict's `wer` and `worst_run`: of the hearing that is closest to the text."""
    comparisons = [compare_numbers(speech.text, one, speech.language, read) for one in hearings]
    best = min(comparisons, key=lambda one: (one.worst_run, one.wer))
    return round(best.wer, 4), best.worst_run


def _hears_too_much(doubts: Sequence[_Doubt]) -> bool:
    """Whether a witness tends to hear more than the text."""
    kinds = (ProblemKind.DOUBLED_WORD, ProblemKind.LOOP, ProblemKind.EXTRA_SPEECH)
    return any(doubt.kind in kinds and doubt.size >= _TENDS for doubt in doubts)


def _added(doubts: Sequence[_Doubt]) -> float:
    """The doubts of different kinds together; what was rescored, and what the sound says twice, are kinds of their own."""
    worst: dict[str, float] = {}
    for doubt in doubts:
        key = doubt.kind if doubt.by == "alignment" else doubt.by
        worst[key] = max(worst.get(key, 0.0), doubt.size)
    return float(sum(size**_POWER for size in worst.values()) ** (1 / _POWER))


def _doubt_of(edit: Edit, ratio: LikelihoodRatio) -> float:
    if edit.problem.kind in (ProblemKind.DOUBLED_WORD, ProblemKind.LOOP):
        return GAIN_AGAIN.doubt(ratio.gain)
    if edit.problem.kind is ProblemKind.EXTRA_SPEECH and len(edit.difference.heard) == 1:
        return GAIN_EXTRA.doubt(ratio.gain - _BY_TEXT_EXTRA * max(ratio.by_text, _RAREST))
    return GAIN.doubt(ratio.gain - _BY_TEXT * ratio.by_text)


def _doubts(evidence: Evidence) -> Iterator[_Doubt]:
    """One for each witness: the word, or the stretch, that it doubts most."""
    for scale, kind, value in _OF_WORDS:
        word = max(evidence.words, key=value)
        yield _Doubt(scale.doubt(value(word)), kind, word)
    yield _Doubt(HOLE.doubt(-evidence.hole), ProblemKind.EXTRA_SPEECH, _word_at(evidence, evidence.hole_at))
    yield _Doubt(LEAD.doubt(-evidence.lead), ProblemKind.EXTRA_SPEECH, evidence.words[0])
    yield _repeated(evidence)
    yield _Doubt(END.doubt(-evidence.end), ProblemKind.EXTRA_SPEECH, evidence.words[-1])
    yield _Doubt(FLATNESS.doubt(evidence.flatness), ProblemKind.NOISE)
    yield _Doubt(BREAK.doubt(evidence.break_db), ProblemKind.CUT_OFF, evidence.words[-1])


def _by_phones(speech: Speech, added: AddedPhones) -> _Doubt:
    word = speech.text[added.text_start : added.text_end]
    problem = Problem(ProblemKind.EXTRA_SPEECH, word, added.text_start)
    return _Doubt(ADDED_PHONES.doubt(added.gain), problem.kind, problem=problem, by="phones")


def _repeated(evidence: Evidence) -> _Doubt:
    """Of what the sound says twice: the word at its end, by the text."""
    repeat = evidence.repeat
    word = _word_at(evidence, repeat.start + repeat.length)
    kind = ProblemKind.LOOP if repeat.length > _LOOP_OF_WORDS * word.usual_s else ProblemKind.DOUBLED_WORD
    return _Doubt(REPEAT.doubt(repeat.strength), kind, word, by="sound")


def _plain_faults(speech: Speech, evidence: Evidence) -> Iterator[_Doubt]:
    """What needs no recogniser."""
    letters = sum(character.isalnum() for character in speech.text)
    if evidence.sound_s < letters * _SECONDS_A_LETTER * _LEAST_SOUND or evidence.longest_pause_s > _LONGEST_PAUSE_S:
        yield _Doubt(1.0, ProblemKind.SILENCE)
    length = len(speech.samples) / speech.sample_rate
    if speech.expected_s and not 1 / _PACE <= length / speech.expected_s <= _PACE:
        yield _Doubt(1.0, ProblemKind.PACE)


def _problem(speech: Speech, evidence: Evidence, doubt: _Doubt) -> Problem:
    if doubt.problem or doubt.word is None:
        return doubt.problem or Problem(doubt.kind)
    leaks = doubt.kind is ProblemKind.EXTRA_SPEECH and doubt.word is evidence.words[0] and speech.reference_text
    kind = ProblemKind.LEAKED_REFERENCE if leaks else doubt.kind
    return Problem(kind, doubt.word.placed.text, doubt.word.placed.text_start)


def _word_at(evidence: Evidence, seconds: float) -> WordEvidence:
    """The last word that has begun by then."""
    begun = [word for word in evidence.words if word.placed.start <= seconds]
    return begun[-1] if begun else evidence.words[0]
