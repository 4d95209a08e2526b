"""Who hears the words, who tells the voices apart, and what they expect: the same helpers judge good speech and speech spoilt on purpose."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import torch

from cloning.errors import TranscriptionFailed
from cloning.ports import Samples
from engines.whisper.transcriber import WhisperTranscriber
from local.words import edit_distance, words_of
from training.judges import Likeness

RATE = 24_000
# What is measured of a hundred sentences varies in eight: so many times the measured rate is allowed, and never less than a floor.
SLACK, FLOOR = 1.5, 0.25
# A single sentence has few words; of one that was not spoken hardly a word is right. In a chunk of several sentences so small a model
# drifts: it lays the letters out evenly.
MOST_OF_ONE, MOST_OF_LONG = 0.67, 0.5
_MOST_JOINED, _MOST_AT_SEAM = 0.15, 0.3
_EDGE = 3  # words on each side of a seam
_TELLING = 4  # letters


class Listener:
    """Whisper-base as the worker has it. On one thread: another core speaks meanwhile, and rounding stays the same."""

    def __init__(self, folder: Path) -> None:
        self._whisper = WhisperTranscriber.load(str(folder), "cpu")

    def hear(self, wave: Samples) -> str:
        """What was said in at most 30 s; nothing if no words are heard."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._whisper.transcribe(wave, RATE, language="en").text
        except TranscriptionFailed:
            return ""
        finally:
            torch.set_num_threads(threads)


def misheard(pairs: Iterable[tuple[str, str]]) -> float:
    """The word error rate of all these texts together, each beside what was heard."""
    words = [(words_of(meant), words_of(said)) for meant, said in pairs]
    return sum(edit_distance(*pair) for pair in words) / sum(len(meant) for meant, _ in words)


def allowed(measured: float) -> float:
    """How much of a voice's speech may be misheard."""
    return max(FLOOR, SLACK * measured)


def expect_words(pairs: Iterable[tuple[str, str]], most: float) -> None:
    """What was meant was heard, but for this share of the words."""
    told = list(pairs)
    assert misheard(told) <= most, told


def expect_own(heard: str, meant: str, others: Iterable[str]) -> None:
    """Letter by letter what was heard is nearer to what was meant than to any other text, however many words are misheard."""
    nearest = max((meant, *others), key=lambda text: agreement(text, heard))
    assert nearest == meant, (nearest, heard)


def agreement(meant: str, said: str) -> float:
    """How many letters agree, 0 to 1."""
    return SequenceMatcher(None, letters(meant), letters(said), autojunk=False).ratio()


def letters(text: str) -> str:
    """The letters of its words."""
    return "".join(words_of(text))


def expect_once(chunks: Sequence[str], heard: str) -> None:
    """
    The whole says what its chunks say, each word once and in order.

    `chunks` is what is heard of each alone, so that a word that the model says badly is no fault of a seam. Letters are compared, for
    the recogniser writes "white board" or "whiteboard" by what is around it.
    """
    whole = letters(heard)
    said = "".join(map(letters, chunks))
    assert edit_distance(said, whole) <= _MOST_JOINED * len(said), (chunks, heard)
    for before, after in pairwise(map(words_of, chunks)):
        meeting = letters(" ".join(before[-_EDGE:] + after[:_EDGE]))
        assert edit_distance(meeting, whole, within=True) <= _MOST_AT_SEAM * len(meeting), (meeting, heard)


def expect_length(waves: Sequence[Samples], joined: Samples, overlap: int) -> None:
    """Nothing but the cross-fades is missing: an ear may not notice half a syllable."""
    assert len(joined) == sum(map(len, waves)) - overlap * (len(waves) - 1)


def expect_inner_words(chunks: Sequence[str], heard: str) -> None:
    """Of each chunk all words but the outermost two; one of them may be heard otherwise."""
    for words in map(words_of, chunks):
        assert edit_distance(words[2:-2], words_of(heard), within=True) <= 1, (words, heard)


def expect_nothing_of(reference: str, meant: str, heard: str) -> None:
    """No word of the reference that isn't in the text too was heard; those like 'and' are heard anywhere, and tell nothing."""
    telling = {word for word in words_of(reference) if len(word) >= _TELLING}
    leaked = telling & set(words_of(heard)) - set(words_of(meant))
    assert not leaked, (leaked, heard)


def expect_voice(wave: Samples, own: Samples, other: Samples, likeness: Likeness) -> None:
    """To a speaker model the wave is more like its own prompt than like the other voice's."""
    here, right, wrong = (likeness.voice_of(one) for one in (wave, own, other))
    assert here @ right > here @ wrong, (float(here @ right), float(here @ wrong))
