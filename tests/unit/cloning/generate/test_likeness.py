"""How alike a checked job's speech is to its voice, by a speaker model."""

import math
from dataclasses import replace
from pathlib import Path
from threading import current_thread

import pytest

from cloning.errors import CheckpointUnusable, HubUnavailable
from cloning.ports import Samples
from engines.speakers.wespeaker import Wespeaker
from tests.standins.fakes import ManualClock
from tests.standins.stammerer import SPEAK, draws, world
from tests.unit.cloning.asking import act
from tests.unit.engines.speakers.wespeaker_net import net


class _Alike:
    """A speaker model that finds all voices equally alike; `says` may be an error to raise."""

    name = "alike"

    def __init__(self, says: float | Exception | None = 0.87654) -> None:
        self._says = says
        self.threads: set[str] = set()

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float | None:
        self.threads.add(current_thread().name)
        assert len(one) > 0
        assert len(other) > 0
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


def test_a_speaker_model_reports_and_decides_nothing(tmp_path: Path, human_wav: bytes) -> None:
    """A speaker model's likeness is reported for each voice and decides nothing; without the setting there is no such field."""
    service, engine, _ = world(tmp_path, human_wav)

    told = act(replace(service, speaker_model=_Alike()), **SPEAK, job_id="a")
    silent = act(service, **SPEAK, job_id="b")

    assert (told["check"]["similarity"], "similarity" in silent["check"]) == ([0.877], False)
    assert told["audio"]["sha256"] == silent["audio"]["sha256"]
    assert len(engine.history) == 2 * len(draws(told))


def test_a_speaker_model_is_asked_in_the_gpus_thread(tmp_path: Path, human_wav: bytes) -> None:
    """Only the owner of the GPU asks the speaker model."""
    service, *_ = world(tmp_path, human_wav)
    model = _Alike()

    act(replace(service, speaker_model=model), **SPEAK)

    assert model.threads == {service.gpu.run(lambda: current_thread().name)}
    assert current_thread().name not in model.threads


def test_wespeakers_figure_is_in_the_reply(tmp_path: Path, human_wav: bytes) -> None:
    """WeSpeaker's model gives a cosine for each voice of the speech, the same for the same speech."""
    service, *_ = world(tmp_path, human_wav)
    service = replace(service, speaker_model=Wespeaker(str(net(tmp_path / "net.onnx")), ManualClock()))

    (figure,), (again,) = (act(service, **SPEAK, job_id=job)["check"]["similarity"] for job in ("a", "b"))

    assert -1 <= figure < 1
    assert figure == again


@pytest.mark.parametrize(
    ("says", "logged"),
    [
        (HubUnavailable("the hub is down"), [("alike", "HUB_UNAVAILABLE", "the hub is down")]),
        (CheckpointUnusable("another shape"), [("alike", "CHECKPOINT_UNUSABLE", "another shape")]),
        (RuntimeError("a bug"), [("alike", None, None)]),
        (MemoryError(), [("alike", None, None)]),
        (math.nan, []),
        (None, []),
    ],
    ids=repr,
)
def test_a_speaker_model_without_a_figure_costs_no_speech(
    says: float | Exception | None,
    logged: list[tuple[str, str | None, str | None]],
    tmp_path: Path,
    human_wav: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A speaker model that fails, or has no figure, leaves the job done and its figure null; a failure is logged."""
    service, *_ = world(tmp_path, human_wav)

    reply = act(replace(service, speaker_model=_Alike(says)), **SPEAK, job_id="a")

    events = [vars(one) for one in caplog.records if one.message == "speaker_model.failed"]
    assert (reply["check"]["state"], reply["check"]["similarity"]) == ("passed", [None])
    assert [(one["model"], one.get("code"), one.get("reason")) for one in events] == logged
    assert {one["job"] for one in events} <= {"a"}
