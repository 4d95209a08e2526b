"""Home Assistant: the integration sfortis/openai_tts, which uses urllib, during its setup and when it speaks."""

import json
import urllib.request
from typing import Any

import pytest

from tests.http_server import serving
from tests.http_worker import StandIn


def post(url: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-1"}
    request = urllib.request.Request(f"{url}/v1/audio/speech", json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return response.status, response.headers["content-type"], response.read()


def test_its_set_up_is_answered_at_once(url: str, worker: StandIn) -> None:
    """Its setup sends a single punctuation mark in one of OpenAI's voices and needs a 2xx within 10 s, so no worker is asked."""
    status, kind, sound = post(url, {"model": "tts-1", "input": ".", "voice": "alloy", "response_format": "mp3"})

    assert (status, kind) == (200, "audio/mpeg")
    assert sound
    assert worker.calls == []


@pytest.mark.parametrize(("format_", "kind"), [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("wav", "audio/wav")])
def test_its_speech(url: str, worker: StandIn, format_: str, kind: str) -> None:
    """It may add `instructions` and any fields of its user's `extra_payload`."""
    body = {"model": "gpt-4o-mini-tts", "input": "Dinner is ready.", "voice": "shimmer", "speed": 1.0}
    answer = post(
        url, {**body, "response_format": format_, "instructions": "Be cheerful.", "chunk_size": 100, "seed": 2}
    )

    assert answer[:2] == (200, kind)
    assert worker.calls[0]["seed"] == 2


@pytest.mark.parametrize("names", [["anna", "bert"], [f"voice-{number}" for number in range(250)]])
def test_its_list_of_voices(names: list[str]) -> None:
    """It requests `/voices?limit=100` beside the speech URL and reads the first of `items`, `data` and `voices` that isn't empty."""
    with (
        serving(StandIn(voices=list(names))) as url,
        urllib.request.urlopen(f"{url}/v1/audio/voices?limit=100", timeout=8) as response,  # noqa: S310
    ):
        listed = json.load(response)

    first = listed.get("items") or listed.get("data") or listed.get("voices")
    assert [voice["id"] for voice in first] == names
