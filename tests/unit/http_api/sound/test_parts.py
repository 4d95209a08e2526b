"""The parts of a job, once each and in order, while they are made."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from cloning.errors import Conflict, Unavailable
from http_api.door import Door, FreshId
from http_api.errors import Failed
from http_api.options import Options
from http_api.port import Reply, unheard
from http_api.running import Running
from http_api.sound.parts import Item, followed, result_of, spoken
from tests.http_server import QUICK
from tests.http_worker import StandIn

TEXT = "What is said."


def fields(job_id: str = "one") -> Reply:
    return {"text": TEXT, "voice": "anna", "job_id": job_id, "parts": True, "format": "flac"}


def door(worker: StandIn) -> Door:
    return Door(worker, Options(), pauses=QUICK)


async def indexes(items: AsyncGenerator[Item]) -> list[int | None]:
    async with aclosing(items):
        return [item.get("index") async for item in items]


def test_each_part_comes_once_and_in_order() -> None:
    """Each part comes once and in order, although each update lists the last sixteen."""
    worker = StandIn(parts=40)

    found = asyncio.run(indexes(spoken(door(worker), fields(), {})))

    assert found == list(range(40))


@pytest.mark.parametrize("every", [17, 40, 50])
def test_what_the_updates_leave_out_is_asked_for(every: int) -> None:
    """Parts that the updates leave out are fetched through `status`; the final reply lists the last ones."""
    worker = StandIn(parts=41, tells_every=every)

    found = asyncio.run(indexes(spoken(door(worker), fields(), {})))

    assert found == list(range(41))
    assert any(call["action"] == "status" for call in worker.calls)


def test_more_parts_than_one_status_tells_are_asked_for_again() -> None:
    """If more parts are missing than one status lists, it is asked again: a job that was finished before has sent no update."""
    worker = StandIn(parts=230, tells_every=1000)

    found = asyncio.run(indexes(spoken(door(worker), fields(), {})))

    assert found == list(range(230))


class Lagging(StandIn):
    """A worker whose record shows a job's parts later than its updates, or never."""

    looks = 0
    lag = 3

    def _status(self, fields: Mapping[str, Any]) -> Reply:
        self.looks += 1
        state = super()._status(fields)
        return state if self.looks > self.lag else {**state, "parts": {"ready": 0, "items": []}}


def test_a_record_may_lag_behind_the_updates() -> None:
    """If the record lags behind the updates, it is read again."""
    worker = Lagging(parts=40, tells_every=30)

    assert asyncio.run(indexes(spoken(door(worker), fields(), {}))) == list(range(40))


def test_parts_that_never_come_end_the_sound() -> None:
    """Parts that never appear end the stream after some attempts."""
    worker = Lagging(parts=40, tells_every=30)
    worker.lag = 10_000

    with pytest.raises(Failed, match="part 0 is gone"):
        asyncio.run(indexes(spoken(door(worker), fields(), {})))


def test_a_slow_reader_misses_nothing() -> None:
    """Updates that arrive while a reader is busy are dropped, and their parts are asked for."""
    worker = StandIn(parts=60)

    async def read() -> list[int]:
        found = []
        async with aclosing(spoken(door(worker), fields(), {})) as items:
            async for item in items:
                found.append(item["index"])
                await asyncio.sleep(0.01 if item["index"] < 3 else 0)
        return found

    assert asyncio.run(read()) == list(range(60))


def test_a_part_that_comes_anew_with_other_bytes_ends_the_sound() -> None:
    """If a part is made again with other bytes, the stream ends, because what was heard can't be taken back."""
    worker = StandIn(parts=4, anew=2)

    with pytest.raises(Failed, match="has been spoken anew") as failure:
        asyncio.run(indexes(spoken(door(worker), fields(), {})))

    assert (failure.value.status, failure.value.retryable) == (409, True)


def test_a_worker_without_parts_gives_its_whole_result() -> None:
    """An older worker makes no parts; its whole result is used."""
    worker = StandIn(is_old=True)

    found = asyncio.run(indexes(spoken(door(worker), {**fields(), "parts": False}, {})))

    assert found == [None]


def test_a_failure_is_told_by_the_callers_own_names() -> None:
    """A failure names the caller's own fields: `text` is `input` there."""
    worker = StandIn()

    with pytest.raises(Failed) as failure:
        asyncio.run(indexes(spoken(door(worker), {**fields(), "text": "..."}, {"text": "input"})))

    assert (failure.value.code, failure.value.param) == ("INVALID_TEXT", "input")


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


def test_a_sound_whose_end_is_missing_is_not_taken_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that lacks parts is an error, because the final reply says how many there are."""
    worker = StandIn()
    monkeypatch.setattr(worker, "_result", lambda _: {"status": "COMPLETED", "audio": {}})

    with pytest.raises(Failed, match="0 parts in the end, and 3 were heard"):
        asyncio.run(indexes(spoken(door(worker), fields(), {})))


@pytest.mark.parametrize(
    ("status", "code", "http"),
    [("INTERRUPTED", "INTERRUPTED", 503), ("CANCELLED", "JOB_CANCELLED", 409), ("FAILED", "JOB_FAILED", 422)],
)
def test_an_end_without_a_reason_has_its_own_code(status: str, code: str, http: int) -> None:
    """A job that ended without a reason, as one whose worker died, gets a code for its state."""
    with pytest.raises(Failed) as failure:
        asyncio.run(result_of(door(StandIn()), {"job_id": "one", "status": status}))

    assert (failure.value.code, failure.value.status) == (code, http)


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
