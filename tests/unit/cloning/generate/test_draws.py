"""Which draw of a chunk is taken, and how fast the further ones are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.checking import Verdict
from cloning.errors import InvalidRequest, SpeechMismatch
from cloning.generate.proof.checks import ChunkChecker
from cloning.generate.proof.draws import Take
from cloning.planning.f5 import Chunk
from cloning.ports import XttsParameters
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


def test_further_draws_of_f5_are_slower_and_told(tmp_path: Path, human_wav: bytes) -> None:
    """The engine is given each draw's own speed, and reply and manifest say the speed of the draw that is used."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (2, 0))

    reply = act(service, **SPEAK, redraw_speed=0.9)

    told = [chunk["speed"] for chunk in reply["check"]["chunks"]]
    spoken = [parameters.speed for _, _, parameters in engine.history]
    assert told == [chunk["speed"] for chunk in reply["manifest"]["chunks"]]
    assert told[:3] == [0.9, 1.0, 0.9]
    assert spoken == [1.0] * len(told) + [0.9] * 3


def test_further_draws_of_xtts_keep_its_pace(tmp_path: Path, human_wav: bytes) -> None:
    """It sets no length beforehand that could be short; their seeds are their own."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1))

    reply = act(service, **SPEAK, engine="xtts")

    (first, *_) = reply["check"]["chunks"]
    assert (reply["engine_requested"], first["draw"], first["speed"]) == ("xtts", 3, 1.0)
    assert {(type(parameters), parameters.speed) for _, _, parameters in engine.history} == {(XttsParameters, 1.0)}


def test_a_redraw_speed_is_taken_where_f5_may_speak(tmp_path: Path, human_wav: bytes) -> None:
    """A fallback to XTTS drops nothing: the field is about the draws of F5-TTS, and there are none then."""
    service, *_ = world(tmp_path, human_wav, (0, 0))

    reply = act(service, **SPEAK, redraw_speed=1.0, fallback=["xtts"])

    (first, *_) = reply["check"]["chunks"]
    assert (reply["engine_requested"], first["draw"], first["speed"]) == ("f5", 2, 1.0)


@pytest.mark.parametrize(
    ("more", "words"),
    [({"draws": 1}, "draws 2 to 4"), ({"fix_duration": 60.0}, "fix_duration"), ({"engine": "xtts"}, "'f5'")],
    ids=["one draw", "fix_duration", "xtts"],
)
@pytest.mark.parametrize("value", [0.9, 1.0])
def test_a_redraw_speed_without_effect_is_refused(
    tmp_path: Path, human_wav: bytes, more: dict[str, Any], words: str, value: float
) -> None:
    """With one draw nothing is drawn again, with a fixed duration the length is set, and XTTS sets none: the field is refused, and the cure is named."""
    service, *_ = world(tmp_path, human_wav)

    with pytest.raises(InvalidRequest, match=words) as caught:
        act(service, **{**SPEAK, **more}, redraw_speed=value)

    assert caught.value.details["field"] == "redraw_speed"


def _answered(
    first: Verdict, later: Verdict, folder: Path, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The reply to a text of one chunk whose first draw has that verdict, and all later ones the other."""
    service, *_ = world(folder, human_wav)
    monkeypatch.setattr(ChunkChecker, "verdict", lambda _, __, draw, *___: (later if draw else first, None))
    return act(service, **SPEAK | {"text": "It is one chunk."}, on_mismatch="fail", job_id="j")
