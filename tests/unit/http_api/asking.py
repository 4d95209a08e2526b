"""Requests to the application in this process, and the door behind its routes."""

import asyncio
from typing import Any

import httpx

from http_api.app import make_app
from http_api.door import Door, FreshId, Pauses
from http_api.options import Options
from tests.http_server import QUICK
from tests.http_worker import StandIn

Request = tuple[str, str, dict[str, Any]]


def asked(
    worker: StandIn, *requests: Request, options: Options | None = None, pauses: Pauses = QUICK
) -> list[httpx.Response]:
    """Send the requests one after the other, each when the jobs of those before have ended; return the answers."""

    async def ask() -> list[httpx.Response]:
        app = make_app(
            worker, options or Options(default_voice="anna"), pauses=pauses, new_id=lambda: FreshId("new-id")
        )
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            answers = []
            for method, path, more in requests:
                answers.append(await client.request(method, path, **more))
                await asyncio.gather(*worker.running, return_exceptions=True)
            return answers

    return asyncio.run(ask())


def get(path: str, **more: Any) -> Request:
    return "GET", path, more


def post(path: str, **more: Any) -> Request:
    return "POST", path, more


def delete(path: str) -> Request:
    return "DELETE", path, {}


def door(worker: StandIn) -> Door:
    """A door to the worker that waits for nothing long."""
    return Door(worker, Options(), pauses=QUICK)
