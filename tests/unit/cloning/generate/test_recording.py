"""The action `check`: an existing recording is checked against a text."""

import base64
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning import keys
from cloning.errors import InvalidAudio, InvalidRequest
from cloning.service import Service
from tests.unit.cloning.asking import act
from tests.unit.cloning.audio.test_canonical import wav

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
    long = wav(np.random.default_rng(0).standard_normal(301 * 8_000).astype(np.float32) * 0.1, 8_000)

    with pytest.raises(InvalidAudio, match=r"lasts 301\.0 s; send 1 to 300 s$"):
        act(service, **asked(long))


def test_minutes_of_speech_are_checked_in_windows(service: Service, human_wav: bytes) -> None:
    """Each window of at most 28 s is judged by its share of the text, and the words' times go on from window to window."""
    samples, rate = soundfile.read(io.BytesIO(human_wav), dtype="float32")
    pause = np.zeros(rate // 2, np.float32)
    long = wav(np.tile(np.concatenate([samples, pause]), 16), rate)

    reply = act(service, **asked(long, words=True) | {"text": " ".join([TEXT] * 16)})

    starts = [chunk["start"] for chunk in reply["check"]["chunks"]]
    times = [word["start"] for word in reply["words"] if word["start"] is not None]
    assert reply["duration"] == pytest.approx(16 * (5.3328 + 0.5), abs=0.01)
    assert starts[0] == 0.0
    assert len(starts) >= 4
    assert all(18 <= later - earlier <= 28 for earlier, later in pairwise(starts))
    assert len(reply["words"]) == 16 * len(TEXT.split())
    assert times == sorted(times)
    assert times[-1] > 28 * 3


@pytest.mark.parametrize("more", [{"job_id": "j"}, {"audio_key": "uploads/a.wav"}])
def test_two_recordings_are_one_too_many(service: Service, human_wav: bytes, more: dict[str, Any]) -> None:
    """A request names exactly one recording."""
    with pytest.raises(InvalidRequest, match="exactly one"):
        act(service, **asked(human_wav, **more))
