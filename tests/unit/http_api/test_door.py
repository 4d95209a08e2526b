"""What all routes share: the state of jobs, and background work."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cloning.errors import Conflict, JobCancelled, Unavailable
from http_api.door import Door, FreshId, Pauses
from http_api.errors import Failed
from http_api.options import Options
from http_api.port import Reply, unheard
from http_api.running import Running
from tests.http_worker import StandIn
from tests.unit.http_api.asking import door


class Scripted(StandIn):
    """A worker whose generates answer as given, or never."""

    answer: Reply | None = None

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        if fields["action"] != "generate":
            return await super().call(fields, on_progress)
        if self.answer is None:
            await asyncio.Event().wait()
        return self.answer or {}


def running(answer: Reply | None = None, job_id: str = "one") -> Running:
    worker = Scripted()
    worker.answer = answer
    return Running(worker, {"job_id": job_id})


def test_a_job_that_no_worker_knows_yet_waits_in_the_queue() -> None:
    """A job that was begun here and that no worker knows yet is IN_QUEUE."""

    async def look() -> Reply:
        here = door(StandIn())
        here.keep(running())
        state = await here.status("one")
        await here.close()
        return state

    assert asyncio.run(look()) == {"job_id": "one", "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}


def test_a_job_that_was_refused_in_the_queue_has_failed() -> None:
    """A job that was refused in the queue is FAILED, although the worker has no record of it."""

    async def look() -> Reply:
        here = door(StandIn())
        here.keep(running(Unavailable("no worker came").to_reply()))
        await here.jobs["one"].after(0)
        return await here.status("one")

    state = asyncio.run(look())
    assert (state["status"], state["failure"]["code"]) == ("FAILED", "UNAVAILABLE")
    assert state["failure"]["message"] == "no worker came"


class Cancelling(StandIn):
    """A queue that cancels jobs at once, though the generates that poll it have not noticed yet."""

    def _cancel(self, fields: Mapping[str, Any]) -> Reply:
        return {"job_id": fields["job_id"], "status": "CANCELLED", "progress": {"done": 0, "total": 0}}

    _status = _cancel


def test_a_job_that_was_cancelled_here_stays_cancelled() -> None:
    """Its status right after the cancel is CANCELLED too, before its generate has its reply."""

    async def look() -> tuple[Reply, Reply, Reply]:
        here = door(Cancelling())
        here.keep(running())
        before, cancelled = await here.status("one"), await here.cancel("one")
        after = await here.status("one")
        await here.close()
        return before, cancelled, after

    states = asyncio.run(look())
    assert [state["status"] for state in states] == ["IN_QUEUE", "CANCELLED", "CANCELLED"]


def test_a_job_that_was_cancelled_in_the_queue_is_cancelled() -> None:
    """A job that was cancelled in the queue is CANCELLED, although the worker has no record of it."""

    async def look() -> Reply:
        here = door(StandIn())
        job = running(JobCancelled("it was cancelled", job_id="one").to_reply())
        here.keep(job)
        await job.speaking
        await asyncio.sleep(0)
        return await here.status("one")

    state = asyncio.run(look())
    assert (state["status"], state["failure"]["code"]) == ("CANCELLED", "JOB_CANCELLED")


def test_a_job_that_is_done_is_forgotten_here() -> None:
    """A job that is done is forgotten here: the worker's record decides, and without it the job is not found."""

    async def look() -> None:
        here = door(StandIn())
        job = running({"status": "COMPLETED"})
        here.keep(job)
        await job.after(0)
        await asyncio.sleep(0)
        assert here.jobs == {}
        await here.status("one")

    with pytest.raises(Failed) as failure:
        asyncio.run(look())

    assert failure.value.code == "JOB_NOT_FOUND"


def test_failures_are_kept_up_to_a_number() -> None:
    """The last thousand failures are kept, so that memory stays flat; running jobs are all kept."""

    async def count() -> tuple[int, bool]:
        here = door(StandIn())
        here.keep(running(job_id="running"))
        for number in range(1100):
            job = running(Unavailable("away").to_reply(), str(number))
            here.keep(job)
            await job.speaking
            await asyncio.sleep(0)
        kept = len(here.jobs) + len(here.failures), "running" in here.jobs
        await here.close()
        return kept

    assert asyncio.run(count()) == (1001, True)


def test_of_a_failure_only_what_its_status_says_is_kept() -> None:
    """Of a failure only what its status says is kept, not the request, which may be large."""

    async def fail() -> tuple[list[str], object]:
        here = door(StandIn())
        job = running(Unavailable("away").to_reply())
        here.keep(job)
        await job.speaking
        await asyncio.sleep(0)
        return list(here.jobs), here.failures

    jobs, failures = asyncio.run(fail())
    assert jobs == []
    assert failures == {"one": {"code": "UNAVAILABLE", "message": "away", "retryable": True, "details": {}}}


def test_generates_that_wait_have_a_limit() -> None:
    """Waiting generates have a limit, because each keeps its request in memory; one that ends makes room."""

    async def fill() -> tuple[Failed, int]:
        here = door(Scripted())
        jobs = [here.generate({"job_id": str(number)}) for number in range(256)]
        with pytest.raises(Failed) as failure:
            here.generate({"job_id": "one more"})
        jobs[0].speaking.cancel()
        await asyncio.gather(jobs[0].speaking, return_exceptions=True)
        here.generate({"job_id": "room again"})
        waiting = len(here.generates)
        await here.close()
        return failure.value, waiting

    failure, waiting = asyncio.run(fill())
    assert (failure.status, failure.code, failure.retryable) == (503, "UNAVAILABLE", True)
    assert waiting == 256


def test_closing_gives_up_what_goes_on() -> None:
    """Closing cancels everything that still runs, so that nothing is left to the ending event loop."""

    async def close() -> bool:
        here, job = Door(StandIn(), Options(), pauses=Pauses(close=0.01)), running()
        here.keep(job)
        here.start(asyncio.sleep(1000))
        await asyncio.sleep(0)
        await here.close()
        return job.speaking.cancelled() and not here.errands

    assert asyncio.run(close())


def test_closing_ends_speech_whose_reader_is_cut_off_only_later() -> None:
    """Closing ends speech whose reader is cut off only later, with one cancel; a job goes on."""
    worker = Remote()

    async def close() -> None:
        here = Door(worker, Options())
        here.keep(here.generate({"job_id": FreshId("a job")}))
        speech = here.generate({"job_id": FreshId("speech")})
        closing = asyncio.create_task(here.close())
        await asyncio.sleep(0)
        here.leave(speech)
        await closing

    asyncio.run(close())

    assert worker.cancels == {"speech": 1}


def test_a_job_without_a_proper_id_is_the_workers_to_refuse() -> None:
    """A job without a proper id is left to the worker to refuse, whether or not its sender waits."""

    async def leave() -> dict[str, Running]:
        here = door(Scripted())
        here.leave(here.generate({"job_id": ["one"]}))
        kept = dict(here.jobs)
        await here.close()
        return kept

    assert asyncio.run(leave()) == {}


class Remote(Scripted):
    """A worker at the other end of a network."""

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        if fields["action"] == "cancel":
            await asyncio.sleep(0.05)
            self.cancels[fields["job_id"]] += 1
            return {"job_id": fields["job_id"], "status": "CANCELLED"}
        return await super().call(fields, on_progress)


def test_closing_waits_for_the_cancels_that_are_on_their_way() -> None:
    """Closing waits for cancels that are being sent; otherwise a worker would go on speaking for nobody."""
    worker = Remote()

    async def close() -> None:
        here = Door(worker, Options())
        here.leave(here.generate({"job_id": FreshId("one")}))
        await here.close()

    asyncio.run(close())

    assert worker.cancels == {"one": 1}


def test_a_cancel_is_repeated_until_the_worker_knows_the_job() -> None:
    """A cancel is repeated until the worker knows the job, and no longer."""
    worker = StandIn(gates={0: threading.Event()})

    async def end() -> None:
        here, job = door(worker), running()
        ending = asyncio.create_task(here.end(job))
        while len(worker.calls) < 3:  # noqa: ASYNC110 - the worker is asked again and again
            await asyncio.sleep(0.001)
        late = Running(worker, {"text": "Hi.", "voice": "anna", "job_id": "one"})
        await asyncio.gather(ending, late.speaking, job.speaking, return_exceptions=True)

    asyncio.run(end())

    assert worker.cancels == {"one": 1}


async def with_another_of_that_id(answer: Reply | None) -> tuple[Door, Running]:
    """Job `one` was asked for here, while the worker knows a finished job of that id, of another request."""
    worker = StandIn()
    await worker.call({"action": "generate", "text": "The first text.", "voice": "anna", "job_id": "one"})
    here = door(worker)
    asked = running(answer)
    here.keep(asked)
    await asyncio.sleep(0.01)
    return here, asked


def test_another_requests_result_is_never_shown_as_this_ones() -> None:
    """Until the request's own reply arrives, the record of its id may be another request's, so its result isn't shown."""

    async def look() -> Reply:
        here, _ = await with_another_of_that_id(None)
        state = await here.status("one")
        await here.close()
        return state

    assert asyncio.run(look())["status"] == "IN_QUEUE"


def test_an_id_that_another_request_has_is_a_conflict_for_good() -> None:
    """However late the conflict is found, the first text's sound is never returned for the second."""

    async def look() -> Reply:
        here, _ = await with_another_of_that_id(Conflict("job 'one' exists with another request").to_reply())
        return await here.status("one")

    with pytest.raises(Failed, match="another request") as caught:
        asyncio.run(look())

    assert (caught.value.code, caught.value.status) == ("CONFLICT", 409)
