"""
Other texts that a recording may say: the text with one thing changed.

What was heard otherwise is such a change, and so are words that the alignment or the sound says come twice. How much the sound speaks
for each is asked of the recogniser (`Transcriber.rescore`): all the rest of the text being the same, only the change counts, not how the
recogniser punctuates.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

from cloning.checking.compare import Difference, compare, compare_numbers, is_by_character, plain_words
from cloning.checking.evidence import Evidence, WordEvidence
from cloning.checking.verdict import Problem, ProblemKind, Speech

SLOWER = 0.8
"""The pace at which a second hearing finds short words that the first one left out: the sample rate is told as that much lower."""

_TELLING_LETTERS = 4  # of the reference: "and" is heard anywhere
# What is asked as said again: words whose repeat is no less likely (logarithm), and those about the strongest repeat of the sound.
_AGAIN, _REPEAT, _MOST_REPEATS = -1.95, 0.12, 8
_NEAR_S = 0.05
_OFF = 1.7  # times that a repeat may be longer or shorter than its words usually are


@dataclass(frozen=True)
class Edit:
    """A text that may be what is said, and the problem that it would be."""

    text: str
    problem: Problem
    difference: Difference


def edits(
    speech: Speech, evidence: Evidence, hearings: Sequence[str], guesses: Sequence[str], read: Callable[[str], str]
) -> tuple[Edit, ...]:
    """Each change of the text that was heard, the repeats that are likely, and the guesses that change one thing, once."""
    heard = [
        _repeat_behind(speech, evidence.words, one) for hearing in hearings for one in _changes(speech, hearing, read)
    ]
    found: dict[str, Edit] = {}
    for one in (*heard, *_repeats(speech, evidence)):
        text = _changed(speech, evidence.words, one)
        found.setdefault(text, Edit(text, named(speech, evidence, one), one))
    for guess in guesses:  # as they are: a capital may make a word twice as likely
        differences = compare(speech.text, guess, speech.language, read).differences
        problem = named(speech, evidence, differences[0]) if len(differences) == 1 else None
        if problem and problem.kind not in (ProblemKind.DOUBLED_WORD, ProblemKind.LOOP):  # repeats have witnesses
            found.setdefault(guess, Edit(guess, problem, differences[0]))
    found.pop(speech.text, None)
    return tuple(found.values())


def _changes(speech: Speech, hearing: str, read: Callable[[str], str]) -> Sequence[Difference]:
    """What was heard otherwise. Digits that are the text's words are none: as a text they might be likelier than the words."""
    found = compare(speech.text, hearing, speech.language, read).differences
    in_words = [one for one in found if not any(character.isdigit() for word in one.heard for character in word)]
    if len(in_words) < len(found) and not compare_numbers(speech.text, hearing, speech.language, read).differences:
        return in_words
    return found


def _repeats(speech: Speech, evidence: Evidence) -> Iterator[Difference]:
    """Words that may be said again."""
    for place, word in enumerate(evidence.words):
        if word.again > _AGAIN:
            yield _again(speech, evidence.words, place, place + 1)
    if evidence.repeat.strength > _REPEAT:
        for first, last in _spans(evidence):
            yield _again(speech, evidence.words, first, last)


def _again(speech: Speech, words: Sequence[WordEvidence], first: int, last: int) -> Difference:
    said = " ".join(word.placed.text for word in words[first:last])
    return Difference(last, last, tuple(plain_words(said, speech.language)))


def _spans(evidence: Evidence) -> list[tuple[int, int]]:
    """The runs of words about the sound's repeat that are usually about as long as it."""
    repeat = evidence.repeat
    middles = [(word.placed.start + word.placed.end) / 2 for word in evidence.words]
    inside = [
        place
        for place, middle in enumerate(middles)
        if repeat.start - _NEAR_S <= middle <= repeat.start + 2 * repeat.length + _NEAR_S
    ]
    off = {
        (first, last + 1): abs(log(sum(word.usual_s for word in evidence.words[first : last + 1]) / repeat.length))
        for first in inside
        for last in inside
        if first <= last
    }
    return [span for span in sorted(off, key=off.__getitem__) if off[span] < log(_OFF)][:_MOST_REPEATS]


def _repeat_behind(speech: Speech, words: Sequence[WordEvidence], one: Difference) -> Difference:
    """A repeat of the words behind it is one of theirs: the second time has no capital."""
    count = len(one.heard)
    if one.first == one.last and count and _says(speech, words[one.first : one.first + count], one):
        return Difference(one.first + count, one.first + count, one.heard)
    return one


def _changed(speech: Speech, words: Sequence[WordEvidence], one: Difference) -> str:
    """The text with what was heard in place of its own words; a word that is left out takes the signs behind it along, a repeat comes before them."""
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
    is_repeat = _says(speech, words[max(one.first - len(one.heard), 0) : one.first], one)
    if one.first < len(words) and not is_repeat:
        return text[: starts[one.first]] + said + space + text[starts[one.first] :]
    return text[: ends[one.first]] + space + said + text[ends[one.first] :]


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
