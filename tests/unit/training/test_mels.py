"""Mels: f5_tts's own transform, with words where their letters are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.imports.f5 import import_f5
from training.mels import BINS, HOP, RATE, Mels, at_model_rate, evenly, restored

WORDS = st.lists(st.text("abcdefghij", min_size=1, max_size=9), min_size=1, max_size=8)


def ramp(frames: int) -> np.ndarray:
    """A mel whose values show which frame they came from."""
    return np.repeat(np.arange(frames, dtype=np.uint8)[:, None], BINS, axis=1)


@settings(deadline=None)
@given(words=WORDS, frames=st.integers(60, 250), data=st.data())
def test_words_land_where_their_letters_land(words: list[str], frames: int, data: st.DataObject) -> None:
    """With full evenness, a word is spoken from the frame of its first letter on."""
    text = " ".join(words)
    begins = sorted(
        data.draw(st.lists(st.integers(1, frames - 1), min_size=len(words), max_size=len(words), unique=True))
    )

    moved = evenly(ramp(frames), text, [begin * HOP / RATE for begin in begins], even=1.0, pace=15.0)

    for letter, begin in list(zip(np.cumsum([0, *(len(word) + 1 for word in words)]), begins, strict=False))[1:]:
        before = int(np.clip(letter / len(text) * len(moved) - 0.5, 0, len(moved) - 2))
        assert int(moved[before, 0]) - 2 <= begin <= int(moved[before + 1, 0]) + 2
    assert len(moved) == round(len(text) / 15.0 * RATE / HOP)


@settings(deadline=None)
@given(words=WORDS, even=st.floats(0.05, 1.0), frames=st.integers(60, 250))
def test_time_never_runs_backwards(words: list[str], even: float, frames: int) -> None:
    """However far words are moved, their order stays, and nothing new appears."""
    begins = [number * frames / len(words) * HOP / RATE for number in range(len(words))]

    moved = evenly(ramp(frames), " ".join(words), begins, even, pace=15.0)[:, 0].astype(int)

    assert (np.diff(moved) >= 0).all()
    assert moved.min() >= 0
    assert moved.max() < frames


@pytest.mark.parametrize(("even", "begins"), [(0.0, [0.0, 0.5]), (0.9, [0.0, 0.3, 0.6])])
def test_what_should_not_or_cannot_be_moved_stays(even: float, begins: list[float]) -> None:
    """Nothing moves without evenness, or if flite counts the words differently ("10:30" is two)."""
    mel = ramp(100)

    assert evenly(mel, "two words", begins, even, pace=15.0) is mel


def test_mels_are_those_of_f5_tts() -> None:
    """The mels are f5_tts's, to the nearest of 8 bits."""
    import_f5()
    from f5_tts.model.modules import get_vocos_mel_spectrogram

    samples = (np.random.default_rng(0).normal(size=8000) * 3000).astype(np.int16)

    mine = restored(torch.from_numpy(Mels().of(samples)))

    theirs = get_vocos_mel_spectrogram(at_model_rate(samples)[None])[0].T
    assert (mine - theirs).abs().max() <= 1 / 32 + 1e-4
