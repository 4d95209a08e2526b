"""Chunks joined and finished by the worker's own functions: every word once."""

import numpy as np
import pytest

from cloning.generate.synthesis import Segment, cross_fade, finished
from tests.ears.conftest import Studio
from tests.ears.judges import RATE, expect_inner_words, expect_length, expect_once
from tests.ears.texts import CHUNKS


def joined(studio: Studio, seconds: float) -> str:
    """What is heard of the chunks with a cross-fade of that length."""
    waves, overlap = [studio.wave(name) for name in CHUNKS], int(seconds * RATE)
    wave = cross_fade(waves, overlap)
    expect_length(waves, wave, overlap)
    return studio.hear(f"joined by {seconds} s", wave)


@pytest.mark.parametrize("seconds", [0.0, 0.15])
def test_no_word_is_lost_or_doubled_at_a_seam(seconds: float, studio: Studio) -> None:
    """Up to the default, a cross-fade is as long as the quiet edges of two chunks."""
    heard = joined(studio, seconds)

    expect_once([studio.heard(name) for name in CHUNKS], heard)


def test_a_long_cross_fade_costs_words_at_the_seam_alone(studio: Studio) -> None:
    """Half a second of two chunks is mixed, as upstream mixes it: the words there may be lost, all others are heard."""
    heard = joined(studio, 0.5)

    expect_inner_words([studio.heard(name) for name in CHUNKS], heard)


def test_silences_are_removed_and_no_word_with_them(studio: Studio) -> None:
    """Of two seconds between any two chunks one stays."""
    silence = np.zeros(2 * RATE, np.float32)
    apart = np.concatenate([part for name in CHUNKS for part in (studio.wave(name), silence)][:-1])

    tightened = finished([Segment(0, {}, apart)], remove_silence=True).pcm

    assert len(apart) - len(tightened) > 2 * RATE
    expect_once(
        [studio.heard(name) for name in CHUNKS], studio.hear("tightened", (tightened / 32768).astype(np.float32))
    )
