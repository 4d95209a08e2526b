"""
The judgement of speech against its text.

Each witness is laid on one scale: 0 is what it usually says of right speech, 1 what it hardly ever says of it. A speech fails by one
witness at 1, or by several that are doubtful together. The transcription is a witness against a word only where another one doubts it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cloning.checking.compare import Comparison, Difference, compare, plain_words
from cloning.checking.evidence import Evidence, WordEvidence, gather
from cloning.checking.verdict import Problem, ProblemKind, Speech, Verdict
from cloning.ports import Alignment, Unaligned


class Scale(NamedTuple):
    """What a witness says of right speech: usually, and hardly ever."""

    usual: float
    limit: float

    def doubt(self, value: float) -> float:
        """0 as usual, 1 at the limit."""
        return max((value - self.usual) / (self.limit - self.usual), 0.0)


# Set on every second clip of the benchmark (benchmarks/README.md, words): about what three of four right speeches stay under, and hardly
# any exceeds. `again` and `back` are the least certain: texts that repeat themselves come near the limit.
SCORE = Scale(2.0, 5.0)  # of a word's least likely token, negative
BEHIND = Scale(0.6, 4.0)
AGAIN = Scale(-9.0, -5.0)
BACK = Scale(3.0, 7.4)
SLOWNESS = Scale(0.9, 1.6)
HOLE = Scale(1.8, 2.6)
LEAD = Scale(0.3, 1.2)
END = Scale(-1.5, -0.5)  # powers of ten of the improbability of nothing following
FLATNESS = Scale(0.25, 0.5)
BREAK = Scale(-28.0, -15.0)
# Doubts of several kinds add up to this power: two of 0.76 fail a speech.
_POWER = 2.5
_CONFIRMED = 0.5  # the doubt that the transcription needs beside it
_TELLING_LETTERS = 4  # of the reference: "and" is heard anywhere
_LONG_RUN = 3  # words that were heard otherwise in a row: no other witness is needed
# Words that nobody hears by mistake: those of the reference at an end, and those said before, again.
_TELLING = {ProblemKind.LEAKED_REFERENCE, ProblemKind.DOUBLED_WORD, ProblemKind.LOOP}
# Rules without a scale.
_CERTAIN = 1e-4
_LEAST_SOUND = 0.2  # of the text's usual length
_LONGEST_PAUSE_S = 1.8
_PACE = 2.0  # times longer or shorter than planned
_SECONDS_A_LETTER = 0.03  # nobody speaks faster


_OF_WORDS: tuple[tuple[Scale, ProblemKind, Callable[[WordEvidence], float]], ...] = (
    (SCORE, ProblemKind.MISSING_WORD, lambda word: -word.score),
    (BEHIND, ProblemKind.MISSING_WORD, lambda word: word.behind),
    (AGAIN, ProblemKind.DOUBLED_WORD, lambda word: word.again),
    (BACK, ProblemKind.LOOP, lambda word: word.back),
    (SLOWNESS, ProblemKind.EXTRA_SPEECH, lambda word: word.slowness),
)


@dataclass(frozen=True)
class _Doubt:
    size: float
    kind: ProblemKind
    word: WordEvidence | None = None


def _as_written(text: str) -> str:
    return text


def judge(
    speech: Speech,
    alignment: Alignment | Unaligned,
    heard: str | None = None,
    read: Callable[[str], str] = _as_written,
) -> Verdict:
    """
    Whether the speech says its text, by its alignment alone, or with what was `heard` in it as a second witness.

    `read` writes a text as it is read aloud ("12" as "twelve"), so that what was heard can be compared with what was meant. An alignment
    that is not there makes the verdict `unavailable`, with its reason; the transcription's figures are in it all the same.
    """
    comparison = None if heard is None else compare(speech.text, heard, speech.language, read)
    wer, run = (round(comparison.wer, 4), comparison.worst_run) if comparison else (None, None)
    if not len(speech.samples):
        return Verdict("failed", 0.0, wer, run, (Problem(ProblemKind.SILENCE),))
    if isinstance(alignment, Unaligned):
        return Verdict("unavailable", 0.0, wer, run, reason=alignment.reason)
    evidence = gather(speech, alignment)
    if not evidence.words:
        return Verdict("unavailable", 0.0, wer, run, reason="no_words")
    doubts = [*_doubts(evidence, alignment), *_plain_faults(speech, evidence)]
    worst = {
        kind: max(doubt.size for doubt in doubts if doubt.kind is kind) for kind in {doubt.kind for doubt in doubts}
    }
    total = sum(size**_POWER for size in worst.values()) ** (1 / _POWER)
    confirmed = [] if comparison is None else list(_confirmed(speech, comparison, evidence, doubts))
    certain = [doubt for doubt in doubts if doubt.size >= 1] or [max(doubts, key=lambda doubt: doubt.size)]
    problems = [*confirmed, *(_problem(speech, evidence, doubt) for doubt in certain if total >= 1)]
    score = max(0.0, 1 - total / 2) * (0.5 if confirmed else 1)
    return Verdict("failed" if problems else "passed", round(score, 4), wer, run, tuple(dict.fromkeys(problems)))


def _doubts(evidence: Evidence, alignment: Alignment) -> Iterator[_Doubt]:
    """One for each witness: the word, or the stretch, that it doubts most."""
    for scale, kind, value in _OF_WORDS:
        word = max(evidence.words, key=value)
        yield _Doubt(scale.doubt(value(word)), kind, word)
    yield _Doubt(HOLE.doubt(-evidence.hole), ProblemKind.EXTRA_SPEECH, _word_at(evidence, evidence.hole_at))
    yield _Doubt(LEAD.doubt(-evidence.lead), ProblemKind.EXTRA_SPEECH, evidence.words[0])
    yield _Doubt(
        END.doubt(math.log10(_CERTAIN - alignment.end.log_probability)), ProblemKind.EXTRA_SPEECH, evidence.words[-1]
    )
    yield _Doubt(FLATNESS.doubt(evidence.flatness), ProblemKind.NOISE)
    yield _Doubt(BREAK.doubt(evidence.break_db), ProblemKind.CUT_OFF, evidence.words[-1])


def _plain_faults(speech: Speech, evidence: Evidence) -> Iterator[_Doubt]:
    """What needs no recogniser."""
    letters = sum(character.isalnum() for character in speech.text)
    if evidence.sound_s < letters * _SECONDS_A_LETTER * _LEAST_SOUND or evidence.longest_pause_s > _LONGEST_PAUSE_S:
        yield _Doubt(1.0, ProblemKind.SILENCE)
    length = len(speech.samples) / speech.sample_rate
    if speech.expected_s and not 1 / _PACE <= length / speech.expected_s <= _PACE:
        yield _Doubt(1.0, ProblemKind.PACE)


def _confirmed(speech: Speech, comparison: Comparison, evidence: Evidence, doubts: list[_Doubt]) -> Iterator[Problem]:
    """The words that the transcription and another witness take for wrong."""
    extra = max(doubt.size for doubt in doubts if doubt.kind is not ProblemKind.MISSING_WORD)
    for found in comparison.differences:
        words = evidence.words[found.first : found.last]
        doubt = max((_doubt_of(word) for word in words), default=0.0)
        if len(found.heard) > len(words):
            doubt = max(doubt, extra, *(_doubt_of(word) for word in _beside(evidence, found)))
        problem = _named(speech, evidence, found)
        long = max(len(words), len(found.heard)) >= _LONG_RUN
        if doubt >= _CONFIRMED or long or problem.kind in _TELLING:
            yield problem


def _beside(evidence: Evidence, found: Difference) -> tuple[WordEvidence, ...]:
    return evidence.words[max(found.first - 1, 0) : found.last + 1]


def _doubt_of(word: WordEvidence) -> float:
    return max(scale.doubt(value(word)) for scale, _, value in _OF_WORDS)


def _named(speech: Speech, evidence: Evidence, found: Difference) -> Problem:
    """The problem that a difference is."""
    place = min(found.first, len(evidence.words) - 1)
    before = evidence.words[max(found.first - 1, 0)].placed
    own = evidence.words[place].placed
    if found.first < found.last:
        return Problem(ProblemKind.MISSING_WORD, own.text, own.text_start)
    if found.first in (0, len(evidence.words)) and _is_of_reference(speech, found):
        return Problem(ProblemKind.LEAKED_REFERENCE, own.text, own.text_start)
    if _is_repeated(speech, evidence, found):
        kind = ProblemKind.DOUBLED_WORD if len(found.heard) == 1 else ProblemKind.LOOP
        return Problem(kind, before.text, before.text_start)
    return Problem(ProblemKind.EXTRA_SPEECH, before.text, before.text_start)


def _is_of_reference(speech: Speech, found: Difference) -> bool:
    """Whether these words, in this order, are in the voice's recording, and long enough to tell."""
    reference = " ".join(plain_words(speech.reference_text, speech.language))
    return sum(map(len, found.heard)) >= _TELLING_LETTERS and f" {' '.join(found.heard)} " in f" {reference} "


def _is_repeated(speech: Speech, evidence: Evidence, found: Difference) -> bool:
    """Whether what was heard too much are the words before it, or those behind it."""
    before, behind = (
        plain_words(" ".join(word.placed.text for word in words), speech.language)
        for words in (evidence.words[: found.first], evidence.words[found.first :])
    )
    heard, count = list(found.heard), len(found.heard)
    return heard in (before[-count:], behind[:count])


def _problem(speech: Speech, evidence: Evidence, doubt: _Doubt) -> Problem:
    if doubt.word is None:
        return Problem(doubt.kind)
    leaks = doubt.kind is ProblemKind.EXTRA_SPEECH and doubt.word is evidence.words[0] and speech.reference_text
    kind = ProblemKind.LEAKED_REFERENCE if leaks else doubt.kind
    return Problem(kind, doubt.word.placed.text, doubt.word.placed.text_start)


def _word_at(evidence: Evidence, seconds: float) -> WordEvidence:
    """The last word that has begun by then."""
    begun = [word for word in evidence.words if word.placed.start <= seconds]
    return begun[-1] if begun else evidence.words[0]
