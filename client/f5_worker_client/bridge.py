"""
A queue endpoint as the HTTP application wants a worker: `f5-worker serve`, and the page of `make serve`.

It keeps the key. A generate is a job of the queue, followed by polling; what the worker tells of it meanwhile is passed on.
"""

import io
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from f5_worker_client.client import AsyncClient
from f5_worker_client.door import call
from f5_worker_client.downloads import AUDIO, Item, Whole, filled
from f5_worker_client.errors import ClientError, NotFound
from f5_worker_client.queue import Call, Link, Progress, asked
from f5_worker_client.steps import Flow
from http_api.port import Reply, State, Unfetched, unheard

_OWNER = re.compile(r"jobs/([^/]+)/.+|results/(.+)\.[0-9a-f]{16}\.([a-z0-9]+)")
_BESIDE = frozenset({"words", "srt", "vtt", "ass", "json"})
_PART = "part"
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


def fetched(link: Link, item: Mapping[str, Any]) -> Flow[bytes]:
    """The bytes of a part, of the audio, or of a file beside it. Raises ClientError."""
    body = io.BytesIO()
    key = str(item.get("key", ""))
    wanted = Item(_kind_of(key), _job_of(key), str(item.get("sha256")), str(item.get("url") or ""))

    def renewed(known: Item) -> Flow[Item]:
        return _with_url(link, known, item)

    if not wanted.url:
        wanted = yield from renewed(wanted)
    yield from filled(link, wanted, Whole(body), renewed)
    return body.getvalue()


def _with_url(link: Link, known: Item, item: Mapping[str, Any]) -> Flow[Item]:
    """The same object with a fresh URL: a part's by the job's status, anything else's by its result."""
    if known.job_id is None:
        return known
    question: Reply = {"action": "result", "job_id": known.job_id}
    if known.kind == _PART:
        question = {"action": "status", "job_id": known.job_id, "parts_after": int(item.get("index", 0)) - 1}
    reply = yield from call(link, Call(question))
    return replace(known, url=_urls(reply).get(str(item.get("key")), ""))


def _urls(reply: Mapping[str, Any]) -> dict[str, str]:
    """The URL of each object that a reply names, by its key."""
    told = [*(reply.get("files") or {}).values(), *((reply.get("parts") or {}).get("items") or ())]
    urls = {str(one.get("key")): str(one.get("url") or "") for one in told}
    audio = reply.get(AUDIO) or {}
    return {**urls, str(audio.get("key")): str(reply.get("audio_url") or "")}


def _job_of(key: str) -> str | None:
    owner = _OWNER.fullmatch(key)
    return (owner[1] or owner[2]) if owner else None


def _kind_of(key: str) -> str:
    owner = _OWNER.fullmatch(key)
    if owner is None or owner[1]:
        return _PART
    return owner[3] if owner[3] in _BESIDE else AUDIO
