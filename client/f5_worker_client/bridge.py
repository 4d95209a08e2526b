"""
A queue endpoint as the HTTP application wants a worker: `f5-worker serve`, and the page of `make serve`.

It keeps the key. A generate is a job of the queue, followed by polling; what the worker tells of it meanwhile is passed on.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from f5_worker_client.client import AsyncClient
from f5_worker_client.door import call
from f5_worker_client.downloads import fetched
from f5_worker_client.errors import ClientError, NotFound
from f5_worker_client.queue import Call, Link, Progress, asked
from f5_worker_client.steps import Flow
from http_api.port import Reply, State, Unfetched, unheard

_MOST_TICKETS = 10_000


class Bridge:
    """`http_api.port.Worker` over a client. `defaults` are fields of a generate that doesn't say otherwise."""

    def __init__(self, client: AsyncClient, *, defaults: Mapping[str, Any] | None = None) -> None:
        self._client = client
        self._defaults = dict(defaults or {})
        self._tickets: OrderedDict[str, str] = OrderedDict()  # the queue's id of each job that was sent lately

    @property
    def state(self) -> State:
        """A queue takes requests at any time."""
        return "ready"

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        """Answer one request; a failure is a reply, of whatever it comes."""
        try:
            return await self._client.driver.run(self._flow(fields, on_progress))
        except ClientError as error:
            return failure_reply(error)

    def _flow(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None]) -> Flow[Reply]:
        link, action, job_id = self._client.link, fields.get("action", "generate"), str(fields.get("job_id"))
        if action == "cancel":
            return cancelled(link, fields, self._tickets.get(job_id))
        if action != "generate":
            return call(link, Call(fields))

        def heard(told: Progress) -> None:
            if told.update:
                on_progress(dict(told.update))

        return call(
            link, Call({**self._defaults, **fields}, heard, on_ticket=lambda ticket: self._note(job_id, ticket))
        )

    def _note(self, job_id: str, ticket: str) -> None:
        """Remember the queue's id; the oldest are forgotten."""
        self._tickets[job_id] = ticket
        self._tickets.move_to_end(job_id)
        while len(self._tickets) > _MOST_TICKETS:
            self._tickets.popitem(last=False)

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        """The bytes of an object that a reply names, with its digest. Raises Unfetched."""
        try:
            return await self._client.driver.run(fetched(self._client.link, item))
        except ClientError as error:
            raise Unfetched(error.message) from None


def failure_reply(error: ClientError) -> Reply:
    """A failure, as the worker's replies tell one. A job that was cancelled in the queue is a cancelled job."""
    told = error.to_json()
    if error.code == "QUEUE_CANCELLED":
        told["code"] = "JOB_CANCELLED"
    return {"error": f"{told['code']}: {error.message}", **told}


def cancelled(link: Link, fields: Mapping[str, Any], ticket: str | None) -> Flow[Reply]:
    """
    End a job in the queue, so that its worker stops before its next step, and in the bucket, so that it stays ended.

    The worker doesn't know a job that nobody has begun; if it was ours, it ends in the queue alone.
    """
    if ticket:
        yield from asked(link, "POST", f"cancel/{ticket}")
    try:
        return (yield from call(link, Call(fields)))
    except NotFound:
        if ticket is None:
            raise
    nothing = {"done": 0, "total": 0}
    return {"job_id": fields["job_id"], "status": "CANCELLED", "progress": nothing, "cancel_requested": True}
