"""Models, as OpenAI lists them."""

from fastapi import APIRouter

from http_api.door import Door
from http_api.errors import Failed
from http_api.openapi import shows
from http_api.port import Reply
from http_api.routes.speech_fields import OPENAI_MODELS

_MODEL = {"id": "F5TTS_v1_Base", "object": "model", "created": 0, "owned_by": "f5-tts-worker"}
_LIST = {"object": "list", "data": [_MODEL]}


def model_routes(door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["models"])

    @routes.get("/v1/models", summary="List models", responses=shows("Models.", _LIST))
    async def models() -> Reply:
        """What is accepted as `model`: the deployment's engine and checkpoint, and OpenAI's names for it."""
        return await _models(door)

    @routes.get("/v1/models/{model}", summary="Show a model", responses=shows("The model.", _MODEL))
    async def model(model: str) -> Reply:
        """One model."""
        found = [one for one in (await _models(door))["data"] if one["id"] == model]
        if not found:
            raise Failed("NOT_FOUND", f"there is no model {model!r}: choose one of GET /v1/models", param="model")
        return dict(found[0])

    @routes.get(
        "/v1/audio/models",
        summary="List models, for Open WebUI",
        responses=shows("Models.", {"models": [_MODEL], **_LIST}),
    )
    async def audio_models() -> Reply:
        """The same list, under the key that Open WebUI reads."""
        listed = await _models(door)
        return {"models": listed["data"], **listed}

    return routes


async def _models(door: Door) -> Reply:
    return listed_models(await door.call("health"))


def listed_models(health: Reply) -> Reply:
    """The engine and checkpoint in a worker's `health`, as OpenAI lists models."""
    names = [health["default_engine"], health["checkpoint"], *OPENAI_MODELS]
    data = [{**_MODEL, "id": name} for name in dict.fromkeys(names)]
    return {"object": "list", "data": data}
