"""
The parts of a job, once each and in order, while they are made.

A worker tells of the last few parts again and again; what a slow reader has missed is asked for by the action `status`. What has been
heard can't be taken back: a part that comes again with other bytes ends the sound.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from http_api.door import Door
from http_api.errors import Failed, checked
from http_api.port import Reply

Item = Mapping[str, Any]
_RUNNING = frozenset({"IN_QUEUE", "IN_PROGRESS"})


@dataclass
class Roll:
    """The digests of the parts that have been handed on."""

    door: Door
    job_id: str
    digests: list[str] = field(default_factory=list)

    async def new(self, reply: Reply) -> AsyncGenerator[Item]:
        """The parts of which a reply tells for the first time, and those before them. Raises Failed."""
        items: list[Item] = (reply.get("parts") or {}).get("items") or []
        if items and items[0]["index"] > len(self.digests):
            async for item in self._missed(items[0]["index"]):
                yield item
        for item in items:
            if self._is_new(item):
                yield item

    async def _missed(self, before: int) -> AsyncGenerator[Item]:
        while len(self.digests) < before:
            known = len(self.digests)
            reply = await self.door.call("status", {"job_id": self.job_id, "parts_after": known - 1})
            for item in (reply.get("parts") or {}).get("items") or []:
                if self._is_new(item):
                    yield item
            if len(self.digests) == known:
                raise _void("its parts are gone")

    def _is_new(self, item: Item) -> bool:
        index, sha256 = item["index"], item["sha256"]
        if index > len(self.digests):
            raise _void(f"part {len(self.digests)} is missing")
        if index == len(self.digests):
            self.digests.append(sha256)
            return True
        if self.digests[index] != sha256:
            raise _void(f"part {index} has been spoken anew by another engine or device")
        return False


class _Updates:
    """The latest update of a job. Earlier ones are dropped: each tells all that the one before told, or its gap is filled."""

    def __init__(self) -> None:
        self._latest: Reply | None = None
        self._told = asyncio.Event()

    def tell(self, update: Reply) -> None:
        self._latest = update
        self._told.set()

    def wake(self, _: object = None) -> None:
        self._told.set()

    async def next(self) -> Reply:
        await self._told.wait()
        self._told.clear()
        latest, self._latest = self._latest, None
        return latest or {}


async def spoken(door: Door, fields: Reply, names: Mapping[str, str]) -> AsyncGenerator[Item]:
    """The parts of a generate as they are made. If its reader stops before the end, the job is cancelled. Raises Failed."""
    updates, roll = _Updates(), Roll(door, fields["job_id"])
    speaking = asyncio.create_task(door.worker.call({**fields, "action": "generate"}, updates.tell))
    speaking.add_done_callback(updates.wake)
    try:
        while not speaking.done():
            async for item in roll.new(await updates.next()):
                yield item
        reply = checked(speaking.result(), names)
        door.metrics.spoken(reply)
        async for item in _rest(roll, reply):
            yield item
    finally:
        if not speaking.done():
            door.start(door.end(roll.job_id, speaking))


async def followed(door: Door, job_id: str) -> AsyncGenerator[Item]:
    """The parts of a job that somebody else asked for, from the first one on. Raises Failed."""
    roll, after = Roll(door, job_id), -1
    while True:
        state = await door.status(job_id, parts_after=after)
        async for item in roll.new(state):
            yield item
        if len(roll.digests) - 1 > after:
            after = len(roll.digests) - 1
        elif state["status"] not in _RUNNING:
            break
        else:
            await asyncio.sleep(door.pauses.poll)
    async for item in _rest(roll, await result_of(door, state)):
        yield item


async def _rest(roll: Roll, reply: Reply) -> AsyncGenerator[Item]:
    """The last parts by the final reply; from a worker that makes none, the whole result."""
    if not roll.digests and not (reply.get("parts") or {}).get("items"):
        yield whole(reply)
        return
    async for item in roll.new(reply):
        yield item


async def one(item: Item) -> AsyncGenerator[Item]:
    """Only one."""
    yield item


def whole(reply: Reply) -> Item:
    """The whole sound of a finished job, as something to fetch."""
    return {**reply["audio"], "url": reply.get("audio_url")}


async def result_of(door: Door, state: Reply) -> Reply:
    """The result of a job that has ended, with fresh URLs. Raises Failed."""
    if state["status"] == "COMPLETED":
        return await door.call("result", {"job_id": state["job_id"]})
    if state["status"] in _RUNNING:
        raise Failed(
            "JOB_NOT_FINISHED", f"job {state['job_id']!r} is {state['status']}: ask again later", retryable=True
        )
    if state["status"] == "CANCELLED":
        raise Failed("JOB_CANCELLED", f"job {state['job_id']!r} was cancelled")
    raise Failed.of({"error": f"job {state['job_id']!r} is {state['status']}", **(state.get("failure") or {})})


def _void(why: str) -> Failed:
    return Failed("CONFLICT", f"the sound ends here, because {why}: ask for the result", retryable=True)
