"""Models, as OpenAI lists them."""

from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, get


def test_the_models_are_those_of_the_deployment_and_openais_names() -> None:
    """The models are the deployment's and OpenAI's names, each once, in the list and alone; Open WebUI's list has its own key too."""
    listed, one, audio = asked(StandIn(), get("/v1/models"), get("/v1/models/F5TTS_v1_Base"), get("/v1/audio/models"))

    names = ["f5", "F5TTS_v1_Base", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert [model["id"] for model in listed.json()["data"]] == names
    assert one.json() == {"id": "F5TTS_v1_Base", "object": "model", "created": 0, "owned_by": "f5-tts-worker"}
    assert audio.json()["models"] == audio.json()["data"] == listed.json()["data"]


def test_another_model_is_not_found() -> None:
    """An unknown model is 404, with the field."""
    (response,) = asked(StandIn(), get("/v1/models/gpt-9"))

    assert (response.status_code, response.json()["error"]["param"]) == (404, "model")
