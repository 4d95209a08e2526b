"""The application. Its page `/docs` is FastAPI's own, which loads its scripts from a CDN; nothing else here loads foreign code."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from http_api.door import Door, FreshId, Pauses, new_uuid
from http_api.errors import Json, answer_failures
from http_api.guard import Guard
from http_api.openapi import FAILURE, DescribedApp
from http_api.options import Options
from http_api.page import page_routes
from http_api.port import Worker
from http_api.routes.actions import action_routes
from http_api.routes.job_files import job_file_routes
from http_api.routes.jobs import job_routes
from http_api.routes.models import model_routes
from http_api.routes.speech import speech_routes
from http_api.routes.voices import voice_routes


def make_app(
    worker: Worker,
    options: Options,
    *,
    new_id: Callable[[], FreshId] = new_uuid,
    now: Callable[[], float] = time.monotonic,
    pauses: Pauses | None = None,
) -> FastAPI:
    """The application in front of a worker."""
    door = Door(worker, options, pauses=pauses or Pauses(), new_id=new_id, now=now)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await door.close()

    app = DescribedApp(
        needs_key=options.api_key is not None,
        title="F5-TTS worker",
        lifespan=life,
        default_response_class=Json,
        redirect_slashes=False,
        redoc_url=None,
        responses=FAILURE,
    )
    answer_failures(app)
    for routes in (speech_routes, voice_routes, model_routes, job_routes, job_file_routes, action_routes):
        app.include_router(routes(door))
    if options.has_page:
        app.include_router(page_routes())
    app.add_middleware(Guard, options=options, metrics=door.metrics)
    return app
