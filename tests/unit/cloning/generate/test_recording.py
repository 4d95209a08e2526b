"""The action `check`: an existing recording is checked against a text."""

import base64
from typing import Any

import numpy as np
import pytest

from cloning import keys
from cloning.errors import InvalidAudio, InvalidRequest
from cloning.service import Service
from tests.unit.cloning.audio.test_canonical import wav
from tests.unit.cloning.generate.test_attempt import act

TEXT = "Some call me nature, others call me mother nature."


def asked(audio: bytes, **more: Any) -> dict[str, Any]:
    return {"action": "check", "audio": base64.b64encode(audio).decode(), "text": TEXT, "language": "en", **more}


def test_a_recording_is_timed_and_nothing_is_stored(service: Service, human_wav: bytes) -> None:
    """A recording's words get times, in the order and at the places of the text, and nothing is stored."""
    reply = act(service, **asked(human_wav, words=True))

    places = [TEXT[word["text_start"] : word["text_end"]] for word in reply["words"]]
    assert places == [word["text"] for word in reply["words"]] == TEXT.replace(",", "").rstrip(".").split()
    assert (reply["duration"], list(service.store.list(keys.RESULTS))) == (5.3328, [])


def test_longer_speech_is_refused_with_what_to_do(service: Service) -> None:
    """Speech that is too long is refused by its length, with advice, before a model is loaded."""
    minute = wav(np.random.default_rng(0).standard_normal(61 * 8_000).astype(np.float32) * 0.1, 8_000)

    with pytest.raises(InvalidAudio, match=r"61\.0 s.*checked in parts"):
        act(service, **asked(minute))


@pytest.mark.parametrize("more", [{"job_id": "j"}, {"audio_key": "uploads/a.wav"}])
def test_two_recordings_are_one_too_many(service: Service, human_wav: bytes, more: dict[str, Any]) -> None:
    """A request names exactly one recording."""
    with pytest.raises(InvalidRequest, match="exactly one"):
        act(service, **asked(human_wav, **more))
