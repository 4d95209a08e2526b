"""The parts that the settings choose."""

from pathlib import Path
from typing import Any

import pytest

from cloning.settings import Settings
from engines.phones.pocketsphinx import Pocketsphinx
from engines.speakers.resemblyzer import Resemblyzer
from engines.speakers.wespeaker import Wespeaker
from tests.standins.fakes import ManualClock
from worker.assembly import build, make_speaker_model


@pytest.mark.parametrize(("name", "kind"), [("off", None), ("resemblyzer", Resemblyzer), ("wespeaker", Wespeaker)])
def test_the_settings_choose_the_speaker_model(name: str, kind: type | None) -> None:
    """SPEAKER_MODEL chooses the speaker model; without it there is none."""
    model = make_speaker_model(Settings(speaker_model=name), ManualClock())

    assert (type(model), getattr(model, "name", "off")) == (kind or type(None), name)


def test_wespeakers_model_is_a_setting(tmp_path: Path) -> None:
    """WESPEAKER_MODEL names the model that the service gets, and it is not loaded."""
    settings = Settings(data_dir=tmp_path, speaker_model="wespeaker", wespeaker_model="/models/other.onnx")

    model = build(settings, ManualClock(), tmp_path).speaker_model

    assert isinstance(model, Wespeaker)
    assert vars(model)["_model"] == "/models/other.onnx"
    assert "_loaded" not in vars(model)


@pytest.mark.parametrize(
    ("settings", "name", "kind"),
    [
        ({}, "pocketsphinx", Pocketsphinx),
        ({"phone_check": "pocketsphinx"}, "pocketsphinx", Pocketsphinx),
        ({"phone_check": "off"}, "off", None),
    ],
)
def test_there_is_a_phone_model_unless_the_settings_leave_it_out(
    tmp_path: Path, settings: dict[str, Any], name: str, kind: type | None
) -> None:
    """PHONE_CHECK chooses the phone model, whose process doesn't start yet."""
    model = build(Settings(data_dir=tmp_path, **settings), ManualClock(), tmp_path).phone_model

    assert (type(model), getattr(model, "name", "off")) == (kind or type(None), name)
    assert getattr(model, "_process", None) is None
