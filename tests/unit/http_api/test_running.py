"""A running generate, and its last update."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from http_api.port import Reply, State, unheard
from http_api.running import Running


class Told:
    """A worker that sends the updates of the test, and answers when it is released."""

    state: State = "ready"

    def __init__(self) -> None:
        self.tell: Callable[[Reply], None] = unheard
        self.go = asyncio.Event()

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        self.tell = on_progress
        await self.go.wait()
        return {"status": "COMPLETED"}

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        return b""


def update(*indexes: int, ready: int) -> Reply:
    items = [{"index": index} for index in indexes]
    return {"job_id": "one", "done": ready, "total": 40, "parts": {"ready": ready, "items": items}}


def states(told: Reply | None, *after: int | None) -> list[Reply | None]:
    """The job's states after an update, by the parts that are asked for."""

    async def look() -> list[Reply | None]:
        worker = Told()
        job = Running(worker, {"job_id": "one"})
        await asyncio.sleep(0)
        if told is not None:
            worker.tell(told)
        found = [job.state(one) for one in after]
        worker.go.set()
        await job.speaking
        return [*found, job.state(None)]

    return asyncio.run(look())


def test_its_updates_tell_how_it_stands_while_it_runs() -> None:
    """While a job runs, its updates give the state that `status` would; afterwards the worker's record decides."""
    running, ended = states(update(0, 1, ready=2), None)

    assert running == {
        "job_id": "one",
        "status": "IN_PROGRESS",
        "progress": {"done": 2, "total": 40},
        "parts": {"ready": 2, "items": [{"index": 0}, {"index": 1}]},
    }
    assert ended is None


def test_before_the_first_update_nothing_is_known() -> None:
    """Before the first update nothing is known: the job may wait in a queue."""
    assert states(None, None) == [None, None]


def test_without_parts_only_the_progress_is_told() -> None:
    """Without parts only the progress is given."""
    (state, _) = states({"job_id": "one", "done": 1, "total": 2}, 3)

    assert state == {"job_id": "one", "status": "IN_PROGRESS", "progress": {"done": 1, "total": 2}}


def test_parts_after_one_are_told_if_the_last_update_has_them_all() -> None:
    """Parts after a given one are listed if the last update has all of them; it has sixteen, and otherwise the worker must be asked."""
    told = update(*range(10, 26), ready=26)

    near, next_, end, far, first, _ = states(told, 20, 9, 25, 8, -1)

    assert near is not None
    assert next_ is not None
    assert end is not None
    assert [item["index"] for item in near["parts"]["items"]] == [21, 22, 23, 24, 25]
    assert len(next_["parts"]["items"]) == 16
    assert end["parts"]["items"] == []
    assert (far, first) == (None, None)


def test_readers_wait_for_what_they_have_not_seen() -> None:
    """Each reader waits for updates beyond the number that it has seen; the reply wakes all."""

    async def read() -> list[int]:
        worker = Told()
        job = Running(worker, {"job_id": "one"})
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(job.after(0)) for _ in range(3)]
        worker.tell(update(0, ready=1))
        await asyncio.gather(*waiting)
        counts = [job.count]
        last = asyncio.create_task(job.after(1))
        await asyncio.sleep(0)
        counts.append(last.done())
        worker.go.set()
        await last
        return [*counts, job.count]

    assert asyncio.run(read()) == [1, False, 1]


def test_an_update_without_its_counts_tells_nothing() -> None:
    """An update without its counts, of another version's worker, is ignored; `status` is asked instead."""
    assert states({"job_id": "one", "stage": "loading"}, None) == [None, None]
