"""Open WebUI: how its `routers/audio.py` asks a server under AUDIO_TTS_OPENAI_API_BASE_URL."""

import json

import httpx
import numpy as np
import pytest

from http_api.options import Options
from http_api.sound.encoding import encoder
from tests.http_server import serving
from tests.http_worker import StandIn, spoken

TEXT = "What is spoken here."


def speak(url: str, voice: str = "anna", **params: object) -> httpx.Response:
    """Speak with TTS_OPENAI_PARAMS merged into the body; it sends no `response_format`."""
    body = {"model": "tts-1", "input": TEXT, "voice": voice, **params}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-1", "X-OpenWebUI-User-Name": "Ann"}
    return httpx.post(f"{url}/v1/audio/speech", headers=headers, content=json.dumps(body))


def test_the_file_that_it_stores_as_mp3_is_one(url: str) -> None:
    """The answer is declared as `audio/mpeg`; otherwise Open WebUI would transcode it."""
    response = speak(url)

    made = encoder("mp3")
    assert response.headers["content-type"] in {"audio/mpeg", "audio/mp3"}
    assert response.content == made.encode(np.concatenate(spoken(TEXT))) + made.finish()


def test_params_of_other_servers_are_no_error(url: str, worker: StandIn) -> None:
    """Fields that an administrator has merged in are ignored, and named in a header."""
    response = speak(url, lang_code="a", volume_multiplier=1.5, seed=4)

    assert response.status_code == 200
    assert response.headers["x-ignored-fields"] == "lang_code, volume_multiplier"
    assert worker.calls[0]["seed"] == 4


def test_the_lists_have_the_keys_that_it_reads(url: str) -> None:
    """It asks without a key, for `voices` with id and name and `models` with id."""
    voices = httpx.get(f"{url}/v1/audio/voices").json()["voices"]
    models = httpx.get(f"{url}/v1/audio/models").json()["models"]

    assert [(voice["id"], voice["name"]) for voice in voices] == [("anna", "anna"), ("bert", "bert")]
    assert "tts-1" in [model["id"] for model in models]


@pytest.mark.parametrize("voice", ["alloy", "echo", "fable", "onyx", "nova", "shimmer"])
def test_the_names_that_it_offers_without_a_list_speak(voice: str) -> None:
    """It sends no key when it asks for the lists; refused, it offers OpenAI's names, which work as aliases."""
    worker = StandIn()
    with serving(worker, Options(api_key="sk-1", default_voice="anna", aliases={"onyx": "bert"})) as url:
        listed = httpx.get(f"{url}/v1/audio/voices")
        response = speak(url, voice)

    assert listed.status_code == 401
    assert response.status_code == 200
    assert worker.calls[0]["voice"] == ("bert" if voice == "onyx" else "anna")
