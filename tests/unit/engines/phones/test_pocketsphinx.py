"""The real pocketsphinx, in its own process, on a real recording: an added word is found, and what it can't judge it doesn't judge."""

import io
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from cloning.checking.score import ADDED_PHONES
from cloning.ports import Samples
from engines.phones.pocketsphinx import PhoneProcessDied, Pocketsphinx
from engines.phones.search import TextWord, words_of
from tests.conftest import SPOKEN

MOTHER = (4.18, 4.5)  # seconds of that word in the recording
CALL_ENDS = 1.26


@pytest.fixture(scope="module")
def phones() -> Iterator[Pocketsphinx]:
    """One process for all."""
    model = Pocketsphinx()
    yield model
    end(model)


def end(model: Pocketsphinx) -> None:
    process = vars(model)["_process"]
    if process is not None:
        process.end()


@pytest.fixture
def recording(human_wav: bytes) -> tuple[Samples, int]:
    """It says SPOKEN."""
    samples, rate = soundfile.read(io.BytesIO(human_wav), dtype="float32")
    return samples, rate


def with_a_word_more(samples: Samples, rate: int) -> Samples:
    """Somebody says 'mother' behind 'Some call'."""
    start, stop = (int(second * rate) for second in MOTHER)
    at = int(CALL_ENDS * rate)
    return np.concatenate([samples[:at], samples[start:stop], samples[at:]])


def test_an_added_word_is_found_where_it_is(phones: Pocketsphinx, recording: tuple[Samples, int]) -> None:
    """Right speech is beneath the limit; with a word more the gain exceeds it, and names the word before."""
    samples, rate = recording

    right = phones.added(samples, rate, SPOKEN, language="en")
    wrong = phones.added(with_a_word_more(samples, rate), rate, SPOKEN, language="en")

    assert right is not None
    assert wrong is not None
    assert right.gain < 0 < ADDED_PHONES.limit < wrong.gain
    assert SPOKEN[wrong.text_start : wrong.text_end] == "call"


def test_the_same_question_has_the_same_answer(phones: Pocketsphinx, recording: tuple[Samples, int]) -> None:
    """Nothing of an earlier recording is left: not its noise, nor its loudness."""
    samples, rate = recording

    first = phones.added(samples, rate, SPOKEN, language="en-GB")
    phones.added(samples[: rate * 2], rate, "Some call me nature.", language="en")

    assert phones.added(samples, rate, SPOKEN, language="en-GB") == first


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Some call me Zxqyt, others call me mother nature.", "en"),
        ("Some call me 12, others call me mother nature.", "en"),
        ("Some call me nature & others call me mother nature.", "en"),
        ("Some call me NASA, others call me mother nature.", "en"),
        ("...", "en"),
        ("", "en"),
        (SPOKEN, "de"),
        (SPOKEN, "enm"),
        (SPOKEN, None),
    ],
)
def test_what_it_does_not_know_it_does_not_judge(
    phones: Pocketsphinx, recording: tuple[Samples, int], text: str, language: str | None
) -> None:
    """An unknown word, what isn't read as it is written, no words, another language or none: no opinion."""
    assert phones.added(*recording, text, language=language) is None


def test_another_language_starts_no_process(recording: tuple[Samples, int]) -> None:
    """Where there can be no opinion nothing is loaded."""
    model = Pocketsphinx()

    model.added(*recording, "Guten Tag.", language="de")

    assert vars(model)["_process"] is None


@pytest.mark.parametrize("seconds", [0.0, 0.05, 30.5])
def test_what_is_too_short_or_too_long_is_not_judged(phones: Pocketsphinx, seconds: float) -> None:
    """No sound, a click, more than thirty seconds: no opinion."""
    silence = np.zeros(int(seconds * 16_000), np.float32)

    assert phones.added(silence, 16_000, "Some call me nature.", language="en") is None


@pytest.mark.parametrize("sound", [np.zeros(16_000, np.float32), np.full(16_000, np.nan, np.float32)], ids=["0", "nan"])
def test_no_speech_is_no_failure(phones: Pocketsphinx, sound: Samples) -> None:
    """Silence and damaged samples have no opinion or little doubt; the process lives on."""
    found = phones.added(sound, 16_000, SPOKEN, language="en")

    assert found is None or found.gain < ADDED_PHONES.limit
    assert vars(phones)["_process"] is not None


def test_a_process_that_is_killed_is_told_and_started_again(recording: tuple[Samples, int]) -> None:
    """A question to a process that died fails; the next one has a new process."""
    model = Pocketsphinx()
    samples, rate = recording
    first = model.added(samples, rate, SPOKEN, language="en")
    process = vars(vars(model)["_process"])["_process"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    with pytest.raises(PhoneProcessDied, match="ended with -9"):
        model.added(samples, rate, SPOKEN, language="en")

    assert model.added(samples, rate, SPOKEN, language="en") == first
    end(model)


def test_a_process_that_hangs_is_ended(recording: tuple[Samples, int]) -> None:
    """Nobody waits longer than allowed."""
    model = Pocketsphinx(wait_s=0.0)

    with pytest.raises(PhoneProcessDied):
        model.added(*recording, SPOKEN, language="en")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don’t, he said.", [["i"], ["don't"], ["he"], ["said"]]),
        ("'Cause the boys' dog's ill-disposed", [["'cause"], ["the"], ["boys'"], ["dog's"], ["ill-disposed"]]),
        ("A well‑known J. Bach", [["a"], ["well-known"], ["j"], ["bach"]]),
        ("for 5 dogs", None),
        ("dogs + cats", None),
        ("the US and us", None),
    ],
)
def test_words_are_looked_up_as_a_dictionary_has_them(text: str, words: list[list[str]] | None) -> None:
    """Without punctuation and capitals, with their apostrophes and hyphens first; what may be read otherwise is no word."""
    found = words_of(text)

    assert (None if found is None else [list(word.spellings[0]) for word in found]) == words


def test_a_word_has_its_place_and_its_parts() -> None:
    """A word that the dictionary lacks as it is written is looked up without its outer apostrophes, and in its parts."""
    words = words_of(" 'ill-disposed' ")

    assert words == [TextWord(1, 15, (("'ill-disposed'",), ("ill-disposed",), ("ill", "disposed")))]
