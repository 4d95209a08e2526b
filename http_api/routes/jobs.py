"""Jobs: long texts, whose speech is made after the request was answered."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from http_api.door import Door
from http_api.errors import Failed, checked
from http_api.openapi import shows
from http_api.port import Reply
from http_api.sound.parts import result_of

_BEGUN = {"id": "story-1", "job_id": "story-1", "status": "IN_QUEUE"}
_STATE = {**_BEGUN, "status": "IN_PROGRESS", "progress": {"done": 1, "total": 3}, "cancel_requested": False}


def job_routes(door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["jobs"])

    @routes.post(
        "/v1/audio/jobs",
        summary="Start speaking a long text",
        status_code=202,
        responses=shows("It has started.", _BEGUN, 202),
    )
    async def begin(
        fields: Annotated[dict[str, Any], Body(examples=[{"text": "Hello!", "voice": "anna", "parts": True}])],
    ) -> Reply:
        """
        Start a job. The body has the fields of a generate (docs/api.md).

        Most requests that can't be spoken are refused here; the others fail later, and their status says so. The same `job_id` with the
        same fields is the same job: nothing is spoken twice.
        """
        if fields.get("action", "generate") != "generate":
            raise Failed("INVALID_REQUEST", "this route generates: leave out action", param="action")
        job_id = fields.get("job_id") or door.new_id()
        if not isinstance(job_id, str):
            raise Failed("INVALID_REQUEST", "job_id is not a string; send one, or leave it out", param="job_id")
        return await _begin(door, {**fields, "job_id": job_id})

    @routes.get("/v1/audio/jobs/{job}", summary="Show a job's status", responses=shows("Its status.", _STATE))
    async def look(
        job: str,
        parts_after: Annotated[int | None, Query(ge=-1, le=1_000_000, description="parts with a higher index")] = None,
    ) -> Reply:
        """The worker's `status` with `id`, and with `result` once the job is COMPLETED."""
        state = await door.status(job, parts_after)
        result = {"result": await result_of(door, state)} if state["status"] == "COMPLETED" else {}
        return {"id": job, **state, **result}

    @routes.delete(
        "/v1/audio/jobs/{job}",
        summary="Cancel a job",
        responses=shows("Its status.", {**_STATE, "cancel_requested": True}),
    )
    async def cancel(job: str) -> Reply:
        """Cancel a job: it ends before the model's next step. The action `delete` removes what it has made."""
        return {"id": job, **checked(await door.cancel(job))}

    return routes


async def _begin(door: Door, fields: Reply) -> Reply:
    job = door.generate(fields)
    with suppress(TimeoutError):
        async with asyncio.timeout(door.pauses.refusal):
            await job.after(0)
    if job.failed:
        raise Failed.of(job.speaking.result())
    job_id = fields["job_id"]
    if door.jobs.get(job_id) is not job:
        door.keep(job)
    return {"id": job_id, "job_id": job_id, "status": "COMPLETED" if job.speaking.done() else "IN_QUEUE"}
