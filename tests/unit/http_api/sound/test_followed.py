"""A job that was begun by somebody else is followed by its id, from its first part to its end."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from cloning.errors import Unavailable
from http_api.errors import Failed
from http_api.port import Reply
from http_api.running import Running
from http_api.sound.parts import followed
from tests.http_worker import StandIn
from tests.unit.http_api.asking import door
from tests.unit.http_api.sound.hearing import TEXT, fields, indexes


def test_a_running_job_is_followed_from_its_first_part() -> None:
    """A running job, requested by another caller, is followed from its first part by its id."""
    worker = StandIn(parts=30, gates={20: threading.Event()})
    here = door(worker)

    async def follow() -> list[int]:
        told = asyncio.Event()
        making = asyncio.create_task(worker.call({**fields(), "action": "generate"}, lambda _: told.set()))
        await told.wait()
        found = []
        async for item in followed(here, "one"):
            found.append(item["index"])
            if len(found) == 20:
                worker.gates[20].set()
        await making
        return found

    assert asyncio.run(follow()) == list(range(30))


class Dead(StandIn):
    """A worker whose job looks as if another worker had died with it, so many times in a row."""

    looks = 2

    def _status(self, fields: Mapping[str, Any]) -> Reply:
        self.looks -= 1
        state = super()._status(fields)
        return {**state, "status": "INTERRUPTED", "parts": {"ready": 0, "items": []}} if self.looks >= 0 else state


def test_a_job_that_another_worker_may_take_over_is_followed() -> None:
    """A worker that died hands its job on in a moment."""
    worker = Dead()

    async def follow() -> list[int | None]:
        await worker.call({**fields(), "action": "generate"})
        return await indexes(followed(door(worker), "one"))

    assert asyncio.run(follow()) == list(range(worker.parts))


def test_a_job_that_no_worker_takes_over_ends_the_sound() -> None:
    """After three looks, with a code that says so."""
    worker = Dead()
    worker.looks = 3

    async def follow() -> None:
        await worker.call({**fields(), "action": "generate"})
        await indexes(followed(door(worker), "one"))

    with pytest.raises(Failed) as failure:
        asyncio.run(follow())

    assert failure.value.code == "INTERRUPTED"


def test_a_finished_job_is_followed_too() -> None:
    """A finished job is followed too: its parts stay until it is deleted."""
    worker = StandIn(parts=130)

    async def follow() -> list[int | None]:
        await worker.call({**fields(), "action": "generate"})
        return await indexes(followed(door(worker), "one"))

    assert asyncio.run(follow()) == list(range(130))


def test_a_job_that_made_no_parts_is_followed_to_its_result() -> None:
    """A job without parts is followed to its whole result."""
    worker = StandIn(is_old=True)

    async def follow() -> list[int | None]:
        await worker.call({**fields(), "parts": False, "action": "generate"})
        return await indexes(followed(door(worker), "one"))

    assert asyncio.run(follow()) == [None]


def test_following_a_job_that_failed_tells_why() -> None:
    """Following a failed job raises its failure with its code."""
    worker = StandIn(fails={TEXT: (1, Unavailable("the hub is away"))})

    async def follow() -> None:
        await worker.call({**fields(), "action": "generate"})
        await indexes(followed(door(worker), "one"))

    with pytest.raises(Failed, match="the hub is away") as failure:
        asyncio.run(follow())

    assert failure.value.code == "UNAVAILABLE"


def test_a_job_that_nobody_knows_is_not_found() -> None:
    """Following an unknown job is 404."""
    with pytest.raises(Failed) as failure:
        asyncio.run(indexes(followed(door(StandIn()), "none")))

    assert (failure.value.code, failure.value.status) == ("JOB_NOT_FOUND", 404)


def test_a_job_that_was_begun_here_is_followed_without_asking_the_worker() -> None:
    """A job begun here is followed by any number of listeners without asking the worker, and none of them cancels it."""
    worker = StandIn(parts=10, gates={4: threading.Event()})
    here = door(worker)

    async def follow() -> list[list[int | None]]:
        here.keep(Running(worker, fields()))
        listening = [asyncio.create_task(indexes(followed(here, "one"))) for _ in range(3)]
        leaving = followed(here, "one")
        await anext(leaving)
        await leaving.aclose()
        worker.gates[4].set()
        return await asyncio.gather(*listening)

    assert asyncio.run(follow()) == [list(range(10))] * 3
    assert [call["action"] for call in worker.calls] == ["generate"]
    assert worker.cancels == {}


@pytest.mark.parametrize("parts", [24, 40])
def test_a_listener_never_goes_on_with_another_speech(parts: int) -> None:
    """A listener never goes on with another speech: if the job is spoken again, the stream ends, even if no reply shows the old parts."""
    worker = StandIn(parts=parts, anew=3)
    gate = worker.gates[3] = threading.Event()

    async def use() -> None:
        running = asyncio.create_task(worker.call({**fields(), "action": "generate"}))
        await asyncio.sleep(0.05)
        heard = 0
        try:
            async with aclosing(followed(door(worker), "one")) as items:
                async for _ in items:
                    heard += 1
                    if heard == 3:
                        gate.set()
                        await running
        finally:
            await running

    with pytest.raises(Failed, match="has been spoken anew"):
        asyncio.run(use())
