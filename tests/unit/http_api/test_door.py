"""What all routes share: how jobs stand, and what goes on in the background."""

import asyncio
import threading

import pytest

from cloning.errors import Unavailable
from http_api.door import Door
from http_api.errors import Failed
from http_api.options import Options
from http_api.port import Reply
from tests.http_worker import QUICK, StandIn


def door(worker: StandIn) -> Door:
    return Door(worker, Options(), pauses=QUICK)


async def never() -> Reply:
    await asyncio.Event().wait()
    return {}


def test_a_job_that_no_worker_knows_yet_waits_in_the_queue() -> None:
    """It was begun here."""

    async def look() -> Reply:
        here = door(StandIn())
        here.keep("one", asyncio.create_task(never()))
        state = await here.status("one")
        await here.close()
        return state

    assert asyncio.run(look()) == {"job_id": "one", "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}


def test_a_job_that_was_refused_in_the_queue_has_failed() -> None:
    """The worker has no record of it."""

    async def refused() -> Reply:
        return Unavailable("no worker came").to_reply()

    async def look() -> Reply:
        here = door(StandIn())
        here.keep("one", asyncio.create_task(refused()))
        await asyncio.gather(*here.jobs.values())
        return await here.status("one")

    state = asyncio.run(look())
    assert (state["status"], state["failure"]["code"]) == ("FAILED", "UNAVAILABLE")
    assert state["failure"]["message"] == "no worker came"


def test_a_job_that_is_done_is_forgotten_here() -> None:
    """The worker's record is what counts; when that is gone, so is the job."""

    async def done() -> Reply:
        return {"status": "COMPLETED"}

    async def look() -> None:
        here = door(StandIn())
        here.keep("one", asyncio.create_task(done()))
        await asyncio.gather(*here.jobs.values())
        await asyncio.sleep(0)
        assert here.jobs == {}
        await here.status("one")

    with pytest.raises(Failed) as failure:
        asyncio.run(look())

    assert failure.value.code == "JOB_NOT_FOUND"


def test_failures_are_kept_up_to_a_number() -> None:
    """The last thousand, so that memory stays flat; running jobs are all kept."""

    async def refused() -> Reply:
        return Unavailable("away").to_reply()

    async def count() -> tuple[int, bool]:
        here = door(StandIn())
        here.keep("running", asyncio.create_task(never()))
        for number in range(1100):
            task = asyncio.create_task(refused())
            here.keep(str(number), task)
            await task
            await asyncio.sleep(0)
        kept = len(here.jobs), "running" in here.jobs
        await here.close()
        return kept

    assert asyncio.run(count()) == (1001, True)


def test_closing_gives_up_what_goes_on() -> None:
    """Nothing is left to a loop that ends."""

    async def close() -> bool:
        here = door(StandIn())
        job, errand = asyncio.create_task(never()), never()
        here.keep("one", job)
        here.start(errand)
        await asyncio.sleep(0)
        await here.close()
        return job.cancelled() and not here.errands

    assert asyncio.run(close())


def test_a_cancel_is_repeated_until_the_worker_knows_the_job() -> None:
    """And no longer."""
    worker = StandIn(gates={0: threading.Event()})

    async def end() -> None:
        here = door(worker)
        speaking = asyncio.create_task(never())
        ending = asyncio.create_task(here.end("one", speaking))
        while len(worker.calls) < 3:  # noqa: ASYNC110 - the worker is asked again and again
            await asyncio.sleep(0.001)
        spoken = asyncio.create_task(
            worker.call({"action": "generate", "text": "Hi.", "voice": "anna", "job_id": "one"})
        )
        await ending
        await spoken
        await asyncio.gather(speaking, return_exceptions=True)

    asyncio.run(end())

    assert worker.cancels == {"one": 1}
