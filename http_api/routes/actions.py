"""The worker's own actions, its health check, and the metrics."""

from typing import Any

from fastapi import APIRouter, Response

from http_api.door import Door
from http_api.errors import Failed, Json
from http_api.openapi import shows, text

_PING = {"ready": 200, "starting": 204, "unfit": 503}


def action_routes(door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post(
        "/v1/actions/{action}",
        summary="Any action of docs/api.md except generate",
        tags=["actions"],
        responses=shows("The worker's reply.", {"deleted": {"voice": "anna"}}),
    )
    async def act(action: str, fields: dict[str, Any] | None = None) -> Json:
        """Send an action to the worker: the body has the action's fields, and the worker's reply comes back unchanged."""
        if action == "generate":
            raise Failed("UNKNOWN_ACTION", "generate takes long: POST its fields to /v1/audio/jobs", param="action")
        return Json(await door.call(action, fields))

    @routes.get(
        "/ping",
        summary="Health check",
        tags=["machines"],
        response_class=Response,
        status_code=200,
        responses={204: {"description": "It starts."}, 503: {"description": "It must be replaced, or is stopping."}},
    )
    async def ping() -> Response:
        """The health check: 200 if the worker is ready, 204 while it starts, 503 once it must be replaced or is stopping. Needs no key."""
        return Response(status_code=_PING[door.worker.state])

    @routes.get(
        "/metrics",
        summary="Counts and times, for Prometheus",
        tags=["machines"],
        response_class=Response,
        responses=text("The metrics."),
    )
    async def metrics() -> Response:
        """The metrics of this process since it started."""
        return Response(door.metrics.text(), media_type="text/plain; version=0.0.4")

    return routes
