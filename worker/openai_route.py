"""
RunPod's OpenAI proxy on a queue endpoint: a request to `/openai/v1/...` becomes a job whose input has `openai_route`, and `openai_input`
with the body.

The job's output is the answer, and carries JSON only: lists of models and voices can be answered, sound can't.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from cloning.errors import InvalidRequest, NotFound
from cloning.replies import Reply

_ROUTE = "openai_route"
_PAGE = 100
_BRIDGE = (
    "a queue endpoint answers JSON alone, so no client would get sound from here: run `f5-worker serve --endpoint ID` and give the client "
    "its address (http://127.0.0.1:8080/v1), or deploy a load-balancing endpoint with SERVE=http"
)


def is_openai(raw: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a job's input comes from the proxy."""
    return isinstance(raw, Mapping) and _ROUTE in raw


def openai_reply(raw: Mapping[str, Any], ask: Callable[[Reply], Reply]) -> Reply:
    """The answer in OpenAI's form; `ask` calls an action of the worker. Raises ServiceError."""
    from http_api.routes.models import listed_models

    route = "/" + str(raw[_ROUTE]).partition("?")[0].strip("/").removeprefix("v1/")
    if route in ("/audio/voices", "/voices"):
        return _voices(ask)
    if route == "/models":
        return listed_models(ask({"action": "health"}))
    if route.startswith("/models/"):
        name = route.removeprefix("/models/")
        found = [one for one in listed_models(ask({"action": "health"}))["data"] if one["id"] == name]
        if not found:
            raise NotFound(f"there is no model {name[:100]!r}: /v1/models lists them", field=_ROUTE)
        return dict(found[0])
    if route == "/audio/speech":
        raise InvalidRequest(f"/v1/audio/speech can't be answered by a queue endpoint: {_BRIDGE}", field=_ROUTE)
    raise InvalidRequest(
        f"the route {route[:100]!r} can't be answered here; a queue endpoint answers /v1/models and /v1/audio/voices",
        field=_ROUTE,
    )


def _voices(ask: Callable[[Reply], Reply]) -> Reply:
    from http_api.routes.voices import openai_voice

    listed: list[Reply] = []
    cursor: Reply = {}
    while True:
        page = ask({"action": "voices", "limit": _PAGE, **cursor})
        listed += [openai_voice(voice) for voice in page["voices"]]
        if page["next_cursor"] is None:
            return {"object": "list", "voices": listed, "data": listed}
        cursor = {"cursor": page["next_cursor"]}
