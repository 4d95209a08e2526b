"""flite, where it is installed."""

import ctypes

import numpy as np
import pytest

from training import data
from training.flite import EDGE, RATE, Flite


@pytest.fixture(scope="module")
def slt() -> Flite:
    try:
        ctypes.CDLL("libflite.so.1")
    except OSError:
        pytest.skip("flite is not installed (apt-get install libflite1)")
    return Flite("slt")


def test_every_word_has_its_beginning(slt: Flite) -> None:
    """There are as many beginnings as words, in order, the first where the silence ends."""
    samples, begins = slt.speak("Where is the broken plate, my brother?")

    assert len(begins) == 7
    assert begins == sorted(begins)
    assert 0 <= begins[0] <= EDGE + 0.05
    assert begins[-1] < len(samples) / RATE < 5


def test_the_same_text_sounds_the_same(slt: Flite) -> None:
    """The same text gives the same sound, because nothing is random."""
    assert np.array_equal(slt.speak("Hello there.").samples, slt.speak("Hello there.").samples)


def test_jobs_become_mels_and_some_keep_their_waves(slt: Flite) -> None:
    """A job becomes a mel; a short text keeps its natural timing, and a wave is kept only if it is to be heard."""
    assert slt
    work = [job for job in data.jobs(1, ["slt"], 3, 0.9, 1) if job.text != "Hi."][:5]

    done = data.speak(work)

    assert [wave is not None for _, wave in done] == [True, False, False, False, False]
    assert all(len(mel) > 10 for mel, _ in done)


def test_an_unknown_voice_is_told_the_choices() -> None:
    """An unknown voice is refused with the known ones before any library is looked for."""
    with pytest.raises(ValueError, match="unknown voice 'bob': choose from slt, rms, awb, kal16"):
        Flite("bob")
