"""A reader who stops: whose job is cancelled, and whose goes on."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from cloning.errors import Conflict
from http_api.door import FreshId
from http_api.port import Reply, unheard
from http_api.sound.parts import spoken
from tests.http_worker import StandIn
from tests.unit.http_api.asking import door
from tests.unit.http_api.sound.hearing import TEXT, fields, indexes


def test_a_reader_who_stops_cancels_the_job() -> None:
    """A reader who stops cancels the job, even while no part comes: its id was made here, so no retry could find it."""
    worker = StandIn(gates={1: threading.Event()})
    here = door(worker)

    async def stop() -> None:
        async with aclosing(spoken(here, fields(FreshId("one")), {})) as items:
            await anext(items)
        await asyncio.gather(*here.errands, *worker.running, return_exceptions=True)

    asyncio.run(stop())

    assert worker.cancels == {"one": 1}
    assert worker.jobs["one"].status == "CANCELLED"


def test_a_job_with_its_callers_own_id_goes_on_and_a_retry_hears_it_all() -> None:
    """A job with its caller's own id goes on when its reader stops; a retry joins the same call and hears all of it."""
    worker = StandIn(parts=6, gates={2: threading.Event()})
    here = door(worker)

    async def retry() -> list[int | None]:
        async with aclosing(spoken(here, fields(), {})) as items:
            await anext(items)
        again = asyncio.create_task(indexes(spoken(here, fields(), {})))
        await asyncio.sleep(0.01)
        worker.gates[2].set()
        return await again

    assert asyncio.run(retry()) == list(range(6))
    assert [call["action"] for call in worker.calls if call["action"] != "status"] == ["generate"]
    assert here.jobs == {}


def test_a_job_that_goes_on_is_not_cancelled_by_whoever_only_listens_to_it() -> None:
    """A reader who only listens to a job doesn't cancel it, even if its id was made here, for an answered request."""
    worker = StandIn(gates={1: threading.Event()})
    here = door(worker)

    async def listen() -> None:
        here.keep(here.generate(fields(FreshId("one"))))
        async with aclosing(spoken(here, fields(), {})) as items:
            await anext(items)
        worker.gates[1].set()
        await asyncio.gather(*here.errands, *worker.running)

    asyncio.run(listen())

    assert worker.cancels == {}
    assert worker.jobs["one"].status == "COMPLETED"


class Strict(StandIn):
    """A worker that refuses another text under the same id, once it gets to it."""

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        if fields.get("text", TEXT) != TEXT:
            await asyncio.sleep(0.02)
            return Conflict("another request has this job_id").to_reply()
        return await super().call(fields, on_progress)


def test_nobody_ends_a_strangers_job_by_naming_its_id() -> None:
    """A stranger who sends another text under a job's id and hangs up before the refusal doesn't end that job."""
    worker = Strict(gates={1: threading.Event()})
    here = door(worker)

    async def use() -> list[int | None]:
        hearing = asyncio.create_task(indexes(spoken(here, fields(), {})))
        await asyncio.sleep(0.01)
        stranger = asyncio.create_task(indexes(spoken(here, {**fields(), "text": "Another text."}, {})))
        await asyncio.sleep(0)
        stranger.cancel()
        await asyncio.sleep(0.05)
        worker.gates[1].set()
        return await hearing

    assert asyncio.run(use()) == [0, 1, 2]
    assert worker.cancels == {}


class Queued(StandIn):
    """A worker that gets to a generate only after it was asked three times to cancel it."""

    asked = 0

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        self.gates[0] = threading.Event()
        self.asked += fields["action"] == "cancel"
        while fields["action"] == "generate" and self.asked < 3:  # noqa: ASYNC110 - a stand-in for a queue
            await asyncio.sleep(0.001)
        return await super().call(fields, on_progress)


def test_a_job_that_the_worker_does_not_know_yet_is_cancelled_when_it_does() -> None:
    """A job that waits in a queue when its reader hangs up is cancelled once the worker knows it."""
    worker = Queued()
    here = door(worker)

    async def stop() -> None:
        items = spoken(here, fields(FreshId("one")), {})
        first = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.gather(*here.errands, *worker.running, return_exceptions=True)

    asyncio.run(stop())

    assert worker.cancels == {"one": 1}


def test_a_job_that_has_ended_is_not_cancelled() -> None:
    """A job whose reader came to the end is not cancelled."""
    worker = StandIn()

    asyncio.run(indexes(spoken(door(worker), fields(), {})))

    assert worker.cancels == {}
