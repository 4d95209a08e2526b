"""A text of five chunks, said and joined by a worker, whatever the cross-fade: every word once."""

import numpy as np
import pytest

from cloning.generate.synthesis import Segment, finished
from tests.ears.conftest import Studio
from tests.ears.judges import RATE, expect_inner_words, expect_length, expect_once
from tests.ears.texts import CHUNKS, LONGEST, SEAMS, UNMIXED, USUAL


@pytest.mark.parametrize("name", SEAMS)
def test_nothing_but_the_cross_fades_is_missing(name: str, studio: Studio) -> None:
    """Each seam mixes as many samples as asked for, and the chunks are the same whatever that is."""
    chunks = studio.chunks()

    assert len(studio.reply(name)["manifest"]["chunks"]) == len(chunks) == len(CHUNKS)
    expect_length(chunks, studio.wave(name), int(SEAMS[name] * RATE))


@pytest.mark.parametrize("name", [UNMIXED, USUAL])
def test_no_word_is_lost_or_doubled_at_a_seam(name: str, studio: Studio) -> None:
    """Up to the default, a cross-fade is as long as the quiet edges of two chunks."""
    heard = studio.heard(name)

    expect_once(studio.heard_chunks(), heard)


def test_a_long_cross_fade_costs_words_at_the_seam_alone(studio: Studio) -> None:
    """Half a second of two chunks is mixed, as upstream mixes it: the words there may be lost, all others are heard."""
    heard = studio.heard(LONGEST)

    expect_inner_words(studio.heard_chunks(), heard)


def test_silences_are_removed_and_no_word_with_them(studio: Studio) -> None:
    """Of two seconds between any two chunks one stays."""
    silence = np.zeros(2 * RATE, np.float32)
    apart = np.concatenate([part for chunk in studio.chunks() for part in (chunk, silence)][:-1])

    tightened = finished([Segment(0, {}, apart)], remove_silence=True).pcm

    assert len(apart) - len(tightened) > 3 * RATE
    expect_once(studio.heard_chunks(), studio.hear("tightened", (tightened / 32768).astype(np.float32)))
