"""
The parts of a job, once each and in order, while they are made.

A worker's updates repeat the last few parts. Parts that a slow reader has missed are read with the action `status`. Audio that was
sent can't be taken back: if a part doesn't follow the parts already sent, because the job was spoken anew, the stream ends with a
failure.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from http_api.door import Door
from http_api.errors import Failed, checked
from http_api.port import Reply
from http_api.running import Running

Item = Mapping[str, Any]
_MOST_IDLE = 20  # looks in vain at a record
_MOST_INTERRUPTED = 3  # looks in a row: another worker may go on with the job in a moment
_RUNNING = frozenset({"IN_QUEUE", "IN_PROGRESS"})
_ENDS = {"CANCELLED": "JOB_CANCELLED", "FAILED": "JOB_FAILED", "INTERRUPTED": "INTERRUPTED"}


@dataclass
class Roll:
    """The parts that were passed on. For each it keeps the digest of all parts up to it, to check that the next one follows."""

    door: Door
    job_id: str
    chains: list[str] = field(default_factory=list)

    async def new(self, reply: Reply) -> AsyncGenerator[Item]:
        """The new parts of a reply, and any missed parts before them. Raises Failed."""
        items: list[Item] = (reply.get("parts") or {}).get("items") or []
        if items and items[0]["index"] > len(self.chains):
            async for item in self._missed(items[0]["index"]):
                yield item
        for item in items:
            if self._is_new(item):
                yield item

    async def _missed(self, before: int) -> AsyncGenerator[Item]:
        """The missed parts up to this one, from `status`. Its record may lag behind an update for a moment."""
        idle = 0
        while len(self.chains) < before:
            known = len(self.chains)
            reply = await self.door.call("status", {"job_id": self.job_id, "parts_after": known - 1})
            for item in (reply.get("parts") or {}).get("items") or []:
                if self._is_new(item):
                    yield item
            idle = 0 if len(self.chains) > known else idle + 1
            if idle > _MOST_IDLE:
                raise _void(f"part {known} is gone")
            if idle:
                await asyncio.sleep(self.door.pauses.poll)

    def _is_new(self, item: Item) -> bool:
        index = item["index"]
        if index > len(self.chains):
            raise _void(f"part {len(self.chains)} is missing")
        if index < len(self.chains):
            self._check(index, item["chain"])
            return False
        self._check(index - 1, item["follows"])
        self.chains.append(item["chain"])
        return True

    def _check(self, index: int, chain: str) -> None:
        """Check that the worker's parts up to that place are the ones that were sent."""
        if index >= 0 and self.chains[index] != chain:
            raise _void("it has been spoken anew by another engine or device")


async def spoken(door: Door, fields: Reply, names: Mapping[str, str]) -> AsyncGenerator[Item]:
    """The parts of a generate as they are made. Its reader may stop before the end: see `Door.leave`. Raises Failed."""
    job = door.generate(fields)
    try:
        async with aclosing(_told(door, job, names)) as items:
            async for item in items:
                yield item
        door.metrics.spoken(job.speaking.result())
    finally:
        door.leave(job)


async def followed(door: Door, job_id: str) -> AsyncGenerator[Item]:
    """The parts of a job that was started earlier, from the first one on. Raises Failed."""
    job = door.jobs.get(job_id)
    source = _looked_up(door, job_id) if job is None or job.speaking.done() else _told(door, job, {})
    async with aclosing(source) as items:
        async for item in items:
            yield item


async def _told(door: Door, job: Running, names: Mapping[str, str]) -> AsyncGenerator[Item]:
    """Yield replies from the job's own updates, and its final reply."""
    roll, seen = Roll(door, job.fields["job_id"]), 0
    while not job.speaking.done():
        seen = job.count
        async for item in roll.new(job.latest):
            yield item
        await job.after(seen)
    async for item in _rest(roll, checked(job.speaking.result(), names)):
        yield item


async def _looked_up(door: Door, job_id: str) -> AsyncGenerator[Item]:
    """Yield replies by polling its status."""
    roll, after, interrupted = Roll(door, job_id), -1, 0
    while True:
        state = await door.status(job_id, after)
        async for item in roll.new(state):
            yield item
        interrupted = interrupted + 1 if state["status"] == "INTERRUPTED" else 0
        if len(roll.chains) - 1 > after:
            after = len(roll.chains) - 1
        elif state["status"] in _RUNNING or 0 < interrupted < _MOST_INTERRUPTED:
            await asyncio.sleep(door.pauses.poll)
        else:
            break
    async for item in _rest(roll, await result_of(door, state)):
        yield item


async def _rest(roll: Roll, reply: Reply) -> AsyncGenerator[Item]:
    """Return the last parts from the final reply; for a worker without parts, the whole result."""
    parts = reply.get("parts") or {"ready": 0}
    if not parts["ready"] and not roll.chains:
        yield whole(reply)
        return
    async for item in roll.new(reply):
        yield item
    if len(roll.chains) != parts["ready"]:
        raise _void(f"it has {parts['ready']} parts in the end, and {len(roll.chains)} were heard")


async def one(item: Item) -> AsyncGenerator[Item]:
    """Yield the one item."""
    yield item


def whole(reply: Reply) -> Item:
    """The whole audio of a finished job, as something to fetch."""
    return {**reply["audio"], "url": reply.get("audio_url")}


async def result_of(door: Door, state: Reply) -> Reply:
    """The result of a job that has ended, with fresh URLs. Raises Failed."""
    job_id, status = state["job_id"], state["status"]
    if status == "COMPLETED":
        return await door.call("result", {"job_id": job_id})
    if status in _RUNNING:
        raise Failed("JOB_NOT_FINISHED", f"job {job_id!r} is {status}: ask again later", retryable=True)
    failure = {"code": _ENDS[status], "retryable": status == "INTERRUPTED", **(state.get("failure") or {})}
    raise Failed.of({"error": f"job {job_id!r} is {status}", **failure})


def _void(why: str) -> Failed:
    return Failed("CONFLICT", f"the sound ends here, because {why}: ask for the result", retryable=True)
