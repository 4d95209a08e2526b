"""A text of several chunks whose worker died half-way."""

import numpy as np

from tests.ears.conftest import Studio
from tests.ears.judges import MOST_OF_LONG, expect_nothing_of, expect_words
from tests.ears.texts import LONG


def test_a_job_that_was_taken_over_says_every_word_once(studio: Studio) -> None:
    """The dead worker's chunk is used as it is, and the heir's follows it."""
    manifest, heard = studio.reply("long")["manifest"], studio.heard("long")

    assert (manifest["attempt"], manifest["chunks_reused"], len(manifest["chunks"])) == (2, 1, 2)
    np.testing.assert_allclose(studio.wave("long")[: len(studio.stored)], studio.stored, atol=1 / 32767)
    expect_words([(LONG, heard)], MOST_OF_LONG)
    expect_nothing_of(studio.talker.prompts["rms"].words, LONG, heard)
