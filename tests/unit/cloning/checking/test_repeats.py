"""Sound that comes twice in a row is found where the text does not say the same twice."""

import numpy as np
import pytest

from cloning.checking import Speech
from cloning.checking.repeats import Repeat, find_repeat
from cloning.checking.voiced import voiced
from cloning.checking.words import placed_words
from cloning.ports import Alignment, Samples
from tests.standins.fakes import evenly_spread, hummed

RATE = 24_000


def babbled(pieces: int, seed: int = 0, tempo: float = 1.0) -> Samples:
    """One pair of resonances after another, 80 ms each: as various as speech."""
    chance, noise = np.random.default_rng(seed), np.random.default_rng(0)
    said = []
    for low, high in chance.uniform((200, 1000), (900, 5000), (pieces, 2)):
        time = np.arange(round(0.08 / tempo * RATE)) / RATE
        tones = [np.sin(2 * np.pi * hertz * time) * _heard(hertz, low, high) for hertz in range(120, 6000, 120)]
        said.append(np.sum(tones, axis=0) + 0.001 * noise.standard_normal(len(time)))
    sound: Samples = np.concatenate(said).astype(np.float32) * np.float32(0.1)
    return sound


def _heard(hertz: float, *resonances: float) -> float:
    return sum(1 / (1 + ((hertz - one) / 120) ** 2) for one in resonances)


def found_in(samples: Samples, text: str) -> Repeat:
    """The strongest repeat, of a text that is spread evenly over the samples."""
    speech = Speech(samples, RATE, text, "en")
    sound = voiced(samples, RATE)
    alignment = evenly_spread(text, len(samples) / RATE, "made up")
    assert isinstance(alignment, Alignment)
    return find_repeat(speech, placed_words(speech, alignment, sound), sound)


@pytest.mark.parametrize("tempo", [0.92, 1.0, 1.08])
def test_what_is_said_again_is_found(tempo: float) -> None:
    """Where it begins and how long it is, though it is said a little faster or slower."""
    before, again, behind = babbled(10), babbled(10, seed=1, tempo=tempo), babbled(10, seed=2)
    whole = np.concatenate((before, babbled(10, seed=1), again, behind))

    found = found_in(whole, "one two three four five six")

    assert found.strength > 0.3
    assert found.start == pytest.approx(0.8, abs=0.1)
    assert found.length == pytest.approx(0.8, abs=0.1)


def test_speech_without_a_repeat_has_none() -> None:
    """Chance is weaker than what is said again."""
    assert found_in(babbled(40), "one two three four five six").strength < 0.12


def test_what_the_text_says_twice_is_no_repeat() -> None:
    """The same sound, and words that read the same."""
    word = babbled(10)
    whole = np.concatenate((babbled(10, seed=1), word, word, babbled(10, seed=2)))

    meant, said_again = found_in(whole, "one very very two"), found_in(whole, "one very much two")

    assert meant.strength < said_again.strength / 2


def test_a_hum_repeats_nothing() -> None:
    """It is like itself at any distance."""
    assert found_in(hummed(3.0, RATE), "one two three") == Repeat()


@pytest.mark.parametrize("pieces", [1, 5])
def test_short_sound_repeats_nothing(pieces: int) -> None:
    """There is no room for a word twice."""
    assert found_in(babbled(pieces), "one") == Repeat()
