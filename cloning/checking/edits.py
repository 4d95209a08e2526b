"""
Other texts that a recording may say: the text with one thing changed.

What was heard otherwise is such a change. How much the sound speaks for each is asked of the recogniser (`Transcriber.rescore`): all
the rest of the text being the same, only the change counts, not how the recogniser punctuates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloning.checking.compare import Difference, compare, is_by_character, plain_words
from cloning.checking.evidence import Evidence, WordEvidence
from cloning.checking.verdict import Problem, ProblemKind, Speech

SLOWER = 0.8
"""The pace at which a second hearing finds short words that the first one left out: the sample rate is told as that much lower."""

_TELLING_LETTERS = 4  # of the reference: "and" is heard anywhere


@dataclass(frozen=True)
class Edit:
    """A text that may be what is said, and the problem that it would be."""

    text: str
    problem: Problem
    difference: Difference


def edits(speech: Speech, evidence: Evidence, hearings: Sequence[str], read: Callable[[str], str]) -> tuple[Edit, ...]:
    """Each change of the text that was heard, once."""
    found: dict[str, Edit] = {}
    for hearing in hearings:
        for one in compare(speech.text, hearing, speech.language, read).differences:
            text = _changed(speech, evidence.words, one)
            found.setdefault(text, Edit(text, named(speech, evidence, one), one))
    found.pop(speech.text, None)
    return tuple(found.values())


def _changed(speech: Speech, words: Sequence[WordEvidence], one: Difference) -> str:
    """The text with what was heard in place of its own words; a word that is left out takes the signs behind it along."""
    text, space = speech.text, "" if is_by_character(speech.language) else " "
    said = space.join(one.heard)
    starts = [*(word.placed.text_start for word in words), len(text)]
    ends = [0, *(word.placed.text_end for word in words)]
    if one.first < one.last and one.heard:
        return text[: starts[one.first]] + said + text[ends[one.last] :]
    if one.first < one.last:
        is_end = one.last == len(words)
        return (
            text[: ends[one.first]] + text[ends[-1] :]
            if is_end
            else text[: starts[one.first]] + text[starts[one.last] :]
        )
    if one.first < len(words):
        return text[: starts[one.first]] + said + space + text[starts[one.first] :]
    return text[: ends[-1]] + space + said + text[ends[-1] :]


def _at(kind: ProblemKind, word: WordEvidence) -> Problem:
    return Problem(kind, word.placed.text, word.placed.text_start)


def named(speech: Speech, evidence: Evidence, found: Difference) -> Problem:
    """The problem that a difference is."""
    own = evidence.words[min(found.first, len(evidence.words) - 1)]
    before = evidence.words[max(found.first - 1, 0)]
    if found.first < found.last:
        return _at(ProblemKind.MISSING_WORD, own)
    if found.first in (0, len(evidence.words)) and _is_of_reference(speech, found):
        return _at(ProblemKind.LEAKED_REFERENCE, own)
    count = len(found.heard)
    kind = ProblemKind.DOUBLED_WORD if count == 1 else ProblemKind.LOOP
    if _says(speech, evidence.words[max(found.first - count, 0) : found.first], found):
        return _at(kind, before)
    if _says(speech, repeated := evidence.words[found.first : found.first + count], found):
        return _at(kind, repeated[-1])
    return _at(ProblemKind.EXTRA_SPEECH, before)


def _is_of_reference(speech: Speech, found: Difference) -> bool:
    """Whether these words, in this order, are in the voice's recording, and long enough to tell."""
    reference = " ".join(plain_words(speech.reference_text, speech.language))
    return sum(map(len, found.heard)) >= _TELLING_LETTERS and f" {' '.join(found.heard)} " in f" {reference} "


def _says(speech: Speech, words: Sequence[WordEvidence], found: Difference) -> bool:
    """Whether what was heard too much is what these words say."""
    return plain_words(" ".join(word.placed.text for word in words), speech.language) == list(found.heard)
