"""RunPod's OpenAI proxy on a queue endpoint."""

import base64
import json

import pytest

from cloning.service import Call, Service
from handler import answer
from tests.conftest import SPOKEN


@pytest.mark.parametrize("body", [{}, {"openai_input": {}}, {"openai_input": None}])
def test_models_are_listed_as_openai_lists_them(service: Service, body: dict[str, object]) -> None:
    """Models are listed as OpenAI lists them, for a GET without a body or with an empty one."""
    reply = answer(service, {"openai_route": "/v1/models", **body}, Call("j"))

    assert reply["object"] == "list"
    assert {"id": "f5", "object": "model", "created": 0, "owned_by": "f5-tts-worker"} in reply["data"]
    assert {"tts-1", "gpt-4o-mini-tts"} < {one["id"] for one in reply["data"]}


def test_one_model_is_told_or_missing(service: Service) -> None:
    """A model is found by its id, or is missing."""
    told = answer(service, {"openai_route": "/v1/models/f5"}, Call("j"))
    missing = answer(service, {"openai_route": "/v1/models/gpt-9"}, Call("j"))

    assert (told["id"], missing["code"]) == ("f5", "NOT_FOUND")


def test_all_voices_are_listed(service: Service, human_wav: bytes) -> None:
    """All voices are listed, from every page."""
    audio = base64.b64encode(human_wav).decode()
    for name in ("anna", "ben"):
        told = {"action": "upload", "voice": name, "audio": audio, "consent": True, "transcript": SPOKEN}
        assert answer(service, told, Call("u"))["status"] == "STORED"

    reply = answer(service, {"openai_route": "/v1/audio/voices?limit=100", "openai_input": {}}, Call("j"))

    assert [(one["id"], one["name"]) for one in reply["voices"]] == [("anna", "anna"), ("ben", "ben")]
    assert reply["data"] == reply["voices"]
    json.dumps(reply)


def test_speech_is_refused_with_where_it_can_be_had(service: Service) -> None:
    """Speech is refused with where it can be had: otherwise JSON would be written into the caller's .mp3."""
    body = {"model": "tts-1", "input": "Hello.", "voice": "alloy"}

    reply = answer(service, {"openai_route": "/v1/audio/speech", "openai_input": body}, Call("j"))

    assert (reply["code"], reply["retryable"]) == ("INVALID_REQUEST", False)
    assert "f5-worker serve" in reply["message"]
    assert "SERVE=http" in reply["message"]


@pytest.mark.parametrize("route", ["/v1/chat/completions", "", None, 7, ["x"], "/v1/models/" + "x" * 500])
def test_any_other_route_is_refused(service: Service, route: object) -> None:
    """Any other route is refused with the known ones, and a long path is shortened."""
    reply = answer(service, {"openai_route": route}, Call("j"))

    assert reply["code"] in ("INVALID_REQUEST", "NOT_FOUND")
    assert "/v1/models" in reply["message"]
    assert len(reply["message"]) < 400
