"""When each word of a job's text is spoken: in seconds of the finished speech, with its place in the caller's text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cloning.checking import Word, timed_words
from cloning.generate.proof.checks import speech_of
from cloning.generate.script import Script
from cloning.generate.synthesis import Finished
from cloning.planning.f5 import Chunk
from cloning.ports import Alignment, Reference, Samples, Unaligned


@dataclass(frozen=True)
class SpokenWord:
    """
    A word of the caller's text as it is written there, of that turn, from `text_start` to before `text_end` (code points).

    `start` and `end` are seconds of the speech; None if the recording gives no evidence of the word.
    """

    turn: int
    text: str
    text_start: int
    text_end: int
    start: float | None
    end: float | None
    confidence: float

    @staticmethod
    def merged(words: "Iterable[SpokenWord]") -> "list[SpokenWord]":
        """Merge words that stand for one stretch of the caller's text ("$5")."""
        found: list[SpokenWord] = []
        for word in words:
            if found and found[-1].turn == word.turn and word.text_start < found[-1].text_end:
                found[-1] = _joined(found[-1], word)
            else:
                found.append(word)
        return found

    def to_json(self, *, has_turns: bool) -> dict[str, object]:
        """The fields for the reply."""
        times: dict[str, object] = {"start": self.start, "end": self.end}
        if self.start is None:
            times["timing"] = "unreliable"
        place: dict[str, object] = {"turn": self.turn} if has_turns else {}
        span = {"text_start": self.text_start, "text_end": self.text_end}
        return {"text": self.text, **times, **span, **place, "confidence": round(self.confidence, 3)}


class Places:
    """The places of each chunk's characters in the caller's texts."""

    def __init__(self, script: Script, texts: Sequence[str], *, has_turns: bool) -> None:
        self._script = script
        self.has_turns = has_turns
        self.texts = texts
        self._places: dict[int, list[int]] = {}
        ends: dict[int, int] = {}
        for chunk in script.plan.chunks:
            text = script.passages[chunk.passage].text.text
            found = _places(chunk.text, text, ends.get(chunk.passage, 0))
            self._places[chunk.index], ends[chunk.passage] = found, found[-1]

    def source(self, chunk: Chunk, start: int, end: int) -> tuple[int, int, int]:
        """The turn, and the stretch of its text, that the characters [start, end) of the chunk came from."""
        passage = self._script.passages[chunk.passage]
        found = self._places[chunk.index]
        begin, finish = passage.text.source(found[start], found[max(start, end - 1)] + (end > start))
        reading = self._script.readings[passage.turn]
        return passage.turn, *reading.source(passage.start + begin, passage.start + finish)


def spoken_words(
    chunks: Sequence[Chunk],
    where: Places,
    references: Sequence[Reference],
    waves: Mapping[int, Samples],
    aligned: Callable[[Chunk], Alignment | Unaligned],
    finished: Finished,
) -> tuple[SpokenWord, ...]:
    """The words of all chunks, in their order; each chunk as it was drawn."""
    found: list[SpokenWord] = []
    for chunk in chunks:
        speech = speech_of(chunk, waves[chunk.index], references[chunk.passage])
        found += [_spoken(word, chunk, where, finished) for word in timed_words(speech, aligned(chunk))]
    return tuple(SpokenWord.merged(found))


def _spoken(word: Word, chunk: Chunk, where: Places, finished: Finished) -> SpokenWord:
    turn, start, end = where.source(chunk, word.text_start, word.text_end)
    times = [None if at is None else round(finished.seconds(chunk.index, at), 3) for at in (word.start, word.end)]
    return SpokenWord(turn, where.texts[turn][start:end], start, end, times[0], times[1], word.confidence)


def _joined(one: SpokenWord, following: SpokenWord) -> SpokenWord:
    starts = [at for at in (one.start, following.start) if at is not None]
    ends = [at for at in (one.end, following.end) if at is not None]
    longer = following.text[max(one.text_end - following.text_start, 0) :]
    return replace(
        one,
        text=one.text + longer,
        text_end=max(one.text_end, following.text_end),
        start=min(starts, default=None),
        end=max(ends, default=None),
        confidence=min(one.confidence, following.confidence),
    )


def _places(chunk: str, text: str, begin: int = 0) -> list[int]:
    """
    Where in `text`, from `begin` on, each character of a chunk of it is; the last entry is where the chunk ends.

    A chunk leaves out and exchanges nothing but white space, and shortens runs of one sign (cloning.planning.text).
    """
    found: list[int] = []
    at = begin
    for character in chunk:
        if not character.isspace():
            at = text.index(character, at)
            found.append(at)
            at += 1
        else:
            found.append(at)
    return [*found, at]
