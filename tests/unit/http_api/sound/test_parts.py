"""The parts of a job, once each and in order, while they are made."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from http_api.errors import Failed
from http_api.port import Reply
from http_api.sound.parts import result_of, spoken
from tests.http_worker import StandIn
from tests.unit.http_api.asking import door
from tests.unit.http_api.sound.hearing import fields, indexes


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
