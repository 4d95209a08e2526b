"""
Presents a queue endpoint to the HTTP application as a worker: `f5-worker serve`, and the page of `make serve`.

It holds the key. A generate is a job of the queue, followed by polling, and the worker's updates are passed on. While the job waits
for a worker, `status` and `cancel` are answered from the queue alone: as jobs of their own they would wait behind it.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from f5_worker_client.client import AsyncClient
from f5_worker_client.downloads import fetched
from f5_worker_client.errors import ClientError, NotFound, Unavailable
from f5_worker_client.http_server import call
from f5_worker_client.queue import Call, Link, Progress, asked
from f5_worker_client.steps import Flow
from http_api.port import Reply, State, Unfetched, unheard

_MOST_JOBS = 10_000
_MOST_OPEN = 256


@dataclass
class Sent:
    """A job that was sent: the queue's latest ids for it, and whether it was cancelled before any worker took it."""

    tickets: tuple[str, ...] = ()
    is_cancelled: bool = False


class Bridge:
    """`http_api.port.Worker` over a client. `defaults` are fields for each generate that doesn't set them."""

    def __init__(self, client: AsyncClient, *, defaults: Mapping[str, Any] | None = None) -> None:
        self._client = client
        self._defaults = dict(defaults or {})
        self._sent: OrderedDict[str, Sent] = OrderedDict()  # lately
        self._open: Counter[bool] = Counter()  # the calls that wait, by whether they are generates

    @property
    def state(self) -> State:
        """A queue accepts requests at any time."""
        return "ready"

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        """Answer one request; every failure becomes a reply, whatever its cause."""
        action = fields.get("action", "generate")
        is_generate = action == "generate"
        if self._open[is_generate] >= _MOST_OPEN and action != "cancel":
            message = f"{_MOST_OPEN} requests wait for an answer: try again later"
            return failure_reply(Unavailable("UNAVAILABLE", message, retryable=True))
        self._open[is_generate] += 1
        try:
            return await self._client.driver.run(self._flow(fields, on_progress))
        except ClientError as error:
            return failure_reply(error)
        finally:
            self._open[is_generate] -= 1

    def _flow(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None]) -> Flow[Reply]:
        link, action, job_id = self._client.link, fields.get("action", "generate"), str(fields.get("job_id"))
        sent = self._sent.get(job_id, Sent())
        if action == "cancel":
            return cancelled(link, fields, sent)
        if action == "status":
            return looked_up(link, fields, sent)
        if action == "delete":
            return self._deleted(fields, job_id)
        if action != "generate":
            return call(link, Call(fields))

        def heard(told: Progress) -> None:
            if told.update:
                on_progress(dict(told.update))

        return call(
            link, Call({**self._defaults, **fields}, heard, on_ticket=lambda ticket: self._note(job_id, ticket))
        )

    def _deleted(self, fields: Mapping[str, Any], job_id: str) -> Flow[Reply]:
        """Delete something in the bucket. A deleted job's ids in the queue are forgotten, so that no later cancel takes it for one that waits."""
        reply = yield from call(self._client.link, Call(fields))
        self._sent.pop(job_id, None)
        return reply

    def _note(self, job_id: str, ticket: str) -> None:
        """Remember the queue's id; drop the oldest jobs."""
        before = self._sent.pop(job_id, Sent())
        self._sent[job_id] = Sent((ticket,) if before.is_cancelled else (*before.tickets[-1:], ticket))
        while len(self._sent) > _MOST_JOBS:
            self._sent.popitem(last=False)

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        """Return the bytes of an object that a reply names, with the right digest. Raises Unfetched."""
        try:
            return await self._client.driver.run(fetched(self._client.link, item))
        except ClientError as error:
            raise Unfetched(error.message) from None


def failure_reply(error: ClientError) -> Reply:
    """Return a failure in the form of the worker's replies. A job that was cancelled in the queue is a cancelled job."""
    told = error.to_json()
    if error.code == "QUEUE_CANCELLED":
        told["code"] = "JOB_CANCELLED"
    return {"error": f"{told['code']}: {error.message}", **told}


def looked_up(link: Link, fields: Mapping[str, Any], sent: Sent) -> Flow[Reply]:
    """Return a job's status: from the queue while it waits there, otherwise from the worker."""
    if sent.is_cancelled:
        return _ended(fields)
    if (yield from _waits(link, sent)):
        return {"job_id": fields["job_id"], "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}
    return (yield from call(link, Call(fields)))


def cancelled(link: Link, fields: Mapping[str, Any], sent: Sent) -> Flow[Reply]:
    """
    Cancel a job in the queue, so that its worker stops before its next step, and in the bucket, so that it stays cancelled.

    A job that waits, or that the worker doesn't know because no worker has taken it, is cancelled in the queue alone if it was sent here.
    Raises NotFound for a job that was deleted, or that nobody knows.
    """
    is_waiting = yield from _waits(link, sent)
    for ticket in sent.tickets:
        yield from asked(link, "POST", f"cancel/{ticket}")
    sent.is_cancelled = sent.is_cancelled or is_waiting
    if sent.is_cancelled:
        return _ended(fields)
    try:
        return (yield from call(link, Call(fields)))
    except NotFound:
        if not (yield from _is_unanswered(link, sent)):
            raise
    return _ended(fields)


def _waits(link: Link, sent: Sent) -> Flow[bool]:
    """Whether only the queue knows the job. A job that was sent twice may have been started, whatever the state of the last one."""
    if link.address.is_http_server or len(sent.tickets) != 1:
        return False
    answer = yield from asked(link, "GET", f"status/{sent.tickets[0]}")
    return (answer.json() or {}).get("status") == "IN_QUEUE"


def _is_unanswered(link: Link, sent: Sent) -> Flow[bool]:
    """Whether the queue has the job without an answer of a worker. Otherwise there was one, and the job was deleted since."""
    for ticket in sent.tickets:
        answer = yield from asked(link, "GET", f"status/{ticket}")
        if (answer.json() or {}).get("status") in ("IN_QUEUE", "IN_PROGRESS", "CANCELLED"):
            return True
    return False


def _ended(fields: Mapping[str, Any]) -> Reply:
    nothing = {"done": 0, "total": 0}
    return {"job_id": fields["job_id"], "status": "CANCELLED", "progress": nothing, "cancel_requested": True}
