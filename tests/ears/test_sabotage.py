"""Speech spoilt on purpose: what judges good speech must notice each of these."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cloning.ports import Samples
from tests.ears.conftest import Studio
from tests.ears.judges import MOST_OF_ONE, RATE, expect_length, expect_once, expect_own, expect_voice, expect_words
from tests.ears.texts import SENTENCES


def swapped(waves: Sequence[Samples]) -> list[Samples]:
    """The second chunk before the first."""
    return [waves[1], waves[0], *waves[2:]]


def dropped(waves: Sequence[Samples]) -> list[Samples]:
    """No second chunk."""
    return [waves[0], *waves[2:]]


def doubled(waves: Sequence[Samples]) -> list[Samples]:
    """The second chunk twice."""
    return [*waves[:2], *waves[1:]]


@pytest.mark.parametrize("spoil", [swapped, dropped, doubled])
def test_chunks_out_of_order_are_heard(spoil: Callable[[Sequence[Samples]], list[Samples]], studio: Studio) -> None:
    """By what judges the seams of good speech."""
    spoilt = np.concatenate(spoil(studio.chunks()))

    heard = studio.hear(spoil.__name__, spoilt)

    with pytest.raises(AssertionError):
        expect_once(studio.heard_chunks(), heard)


def test_a_cut_at_a_seam_is_noticed(studio: Studio) -> None:
    """300 ms, half of it on either side."""
    waves, lost = studio.chunks(), int(0.15 * RATE)
    spoilt = np.concatenate([waves[0][:-lost], waves[1][lost:], *waves[2:]])

    with pytest.raises(AssertionError):
        expect_length(waves, spoilt, 0)


def test_another_text_is_heard(studio: Studio) -> None:
    """One job's speech in place of another's."""
    meant, heard = SENTENCES["rms-0"].text, studio.heard("rms-1")

    with pytest.raises(AssertionError):
        expect_own(heard, meant, (other.text for other in SENTENCES.values()))
    with pytest.raises(AssertionError):
        expect_words([(meant, heard)], MOST_OF_ONE)


@pytest.mark.parametrize(("voice", "other"), [("slt", "rms"), ("rms", "slt")])
def test_another_voice_is_heard(voice: str, other: str, studio: Studio) -> None:
    """One voice's speech in place of the other's."""
    with pytest.raises(AssertionError):
        expect_voice(studio.wave(f"{voice}-0"), studio.prompt(other), studio.prompt(voice), studio.likeness)
