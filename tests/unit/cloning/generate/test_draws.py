"""Which draw of a chunk is taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.checking import Verdict
from cloning.errors import SpeechMismatch
from cloning.generate.proof.checks import ChunkChecker
from cloning.generate.proof.draws import Take
from cloning.planning.f5 import Chunk
from tests.standins.stammerer import SPEAK, world
from tests.unit.cloning.asking import act

CHUNK = Chunk(0, "It is one chunk.", 7, 1.0, None, 1.5)
WAVE = np.zeros(1, np.float32)
MISHEARD = Verdict("passed", 0.7, wer=0.3, worst_run=3)
UNKNOWN = Verdict("unavailable", reason="sound_too_long")
DOUBTFUL = Verdict("failed", 0.9, wer=0.1, worst_run=1)


def verdicts(state: Any) -> st.SearchStrategy[Verdict]:
    shares, runs = st.none() | st.floats(0, 2), st.none() | st.integers(0, 30)
    return st.builds(Verdict, st.just(state), st.floats(0, 1), shares, runs)


@given(passing=verdicts("passed"), failing=verdicts("failed"))
def test_no_draw_that_fails_is_better_than_one_that_passes(passing: Verdict, failing: Verdict) -> None:
    """However few of its words are heard otherwise."""
    assert Take(CHUNK, 1, WAVE, passing).rank < Take(CHUNK, 0, WAVE, failing).rank


@given(known=verdicts("passed") | verdicts("failed"), unknown=verdicts("unavailable"))
def test_no_draw_that_cannot_be_judged_is_better_than_one_that_was(known: Verdict, unknown: Verdict) -> None:
    """It would hide what is known of the others."""
    assert Take(CHUNK, 1, WAVE, known).rank < Take(CHUNK, 0, WAVE, unknown).rank


def test_of_draws_that_fail_alike_the_one_whose_words_are_heard_is_better() -> None:
    """By the longest run of words heard otherwise, then by their share, then by the score."""
    ordered = [
        Verdict("failed", 0.1, wer=0.3, worst_run=1),
        Verdict("failed", 0.9, wer=0.1, worst_run=2),
        Verdict("failed", 0.9, wer=0.2, worst_run=2),
        Verdict("failed", 0.5, wer=0.2, worst_run=2),
    ]

    assert sorted(ordered, key=lambda one: Take(CHUNK, 0, WAVE, one).rank) == ordered


@pytest.mark.parametrize("later", [DOUBTFUL, UNKNOWN], ids=["failed", "unavailable"])
def test_a_job_with_a_draw_that_passes_does_not_fail(
    later: Verdict, tmp_path: Path, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draw that passes is drawn again if not every word was heard as it is written; if the others fail, or are too long to be judged, it is taken."""
    reply = _answered(MISHEARD, later, tmp_path, human_wav, monkeypatch)

    assert (reply["status"], reply["check"]["state"]) == ("COMPLETED", "passed")
    assert [(one["draw"], one["state"]) for one in reply["check"]["chunks"]] == [(1, "passed")]


def test_a_draw_that_cannot_be_judged_hides_none_that_failed(
    tmp_path: Path, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has no draw that passes, so it fails as it was told to."""
    with pytest.raises(SpeechMismatch):
        _answered(DOUBTFUL, UNKNOWN, tmp_path, human_wav, monkeypatch)


def _answered(
    first: Verdict, later: Verdict, folder: Path, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The reply to a text of one chunk whose first draw has that verdict, and all later ones the other."""
    service, *_ = world(folder, human_wav)
    monkeypatch.setattr(ChunkChecker, "verdict", lambda _, __, draw, *___: (later if draw else first, None))
    return act(service, **SPEAK | {"text": "It is one chunk."}, on_mismatch="fail", job_id="j")
