"""SillyTavern: its `openai-compatible` text to speech, which goes through its own server."""

import http.client
import json
from typing import Any

from tests.http_worker import StandIn

TEXT = "What is spoken here."


def speak(url: str, **more: object) -> tuple[http.client.HTTPResponse, bytes]:
    """Speak with an empty key and a voice typed by hand."""
    body = {"input": TEXT, "response_format": "mp3", "voice": "anna", "speed": 1, "model": "tts-1", **more}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer "}
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("POST", "/v1/audio/speech", json.dumps(body), headers)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def test_its_request_speaks(url: str, worker: StandIn) -> None:
    """An empty key is accepted where none is required, and a whole number is a valid speed."""
    response, sound = speak(url)

    assert (response.status, response.headers["content-type"]) == (200, "audio/mpeg")
    assert sound
    assert worker.calls[0]["speed"] == 1


def test_the_ends_of_its_slider_are_refused_by_name(url: str) -> None:
    """Its slider goes from 0.25 to 4, the models from 0.3 to 2: both ends are refused with the name of the field."""
    problems: list[dict[str, Any]] = [json.loads(speak(url, speed=speed)[1])["error"] for speed in (0.25, 4)]

    assert [problem["param"] for problem in problems] == ["speed", "speed"]
    assert "less than or equal to 2" in problems[1]["message"]
