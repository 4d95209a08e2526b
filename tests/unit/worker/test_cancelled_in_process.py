"""A cancel with SERVE=http: the record is changed first, and what of the job is here ends at once."""

import asyncio
import threading
from typing import Any

import pytest

from cloning import keys
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import parse
from cloning.service import Service
from http_api.port import Reply
from tests.conftest import with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.worker.test_in_process import GENERATE, run, set_soon, stopped_soon, with_voice  # noqa: F401 - a fixture
from worker.in_process import InProcess

CANCEL = {"action": "cancel", "job_id": "j"}
Held = tuple[threading.Event, threading.Event]


@pytest.fixture
def third(engine: ToneEngine) -> Held:
    """An event that is set before the third chunk is spoken, and one that lets it go on."""
    speaking, go_on, begun = threading.Event(), threading.Event(), list[str]()

    def wait(text: str) -> None:
        begun.append(text)
        if len(begun) == 3:
            speaking.set()
            go_on.wait(30)

    engine.before_speaking = wait
    return speaking, go_on


async def cancelled(worker: InProcess, third: Held, cancel: dict[str, Any], *, stops: bool) -> tuple[Reply, Reply]:
    """Cancel during the third chunk; return the replies to the cancel and the generate."""
    speaking, go_on = third
    generate = asyncio.create_task(worker.call(GENERATE))
    await set_soon(speaking)
    cancelling = asyncio.create_task(worker.call(cancel))
    if stops:
        await stopped_soon(worker)
    else:
        await cancelling
    go_on.set()
    return await cancelling, await generate


def test_nothing_but_the_record_is_left(with_voice: Service, third: Held) -> None:  # noqa: F811
    """After a cancel only the record is left: no chunk and no part."""
    reply, generate = run(with_voice, lambda worker: cancelled(worker, third, CANCEL, stops=True))

    assert (reply["status"], generate["code"]) == ("CANCELLED", "JOB_CANCELLED")
    assert [info.key for info in with_voice.store.list(keys.job_folder("j"))] == [keys.job_record("j")]


def test_a_cancel_that_is_refused_stops_nothing(with_voice: Service, third: Held) -> None:  # noqa: F811
    """A malformed cancel is refused and stops nothing."""
    reply, generate = run(with_voice, lambda worker: cancelled(worker, third, {**CANCEL, "bogus": 1}, stops=False))

    assert (reply["code"], generate["status"]) == ("INVALID_REQUEST", "COMPLETED")


async def beside_a_duplicate(worker: InProcess, third: Held) -> Reply:
    """Cancel a job whose request waits while the only thread speaks another; return the reply."""
    speaking, go_on = third
    other = asyncio.create_task(worker.call({**GENERATE, "job_id": "other"}))
    await set_soon(speaking)
    waiting = asyncio.create_task(worker.call(GENERATE))
    await asyncio.sleep(0.05)
    cancelling = asyncio.create_task(worker.call(CANCEL))
    await asyncio.sleep(0.1)
    go_on.set()
    await asyncio.gather(other, waiting)
    return await cancelling


def test_a_job_of_another_worker_is_flagged_though_its_request_waits_here(with_voice: Service, third: Held) -> None:  # noqa: F811
    """If another worker runs the job, its record is flagged, and the reply doesn't say that it has ended."""
    request = parse(GENERATE, Limits(20_000, 10_000_000))
    assert isinstance(request, Generate)
    service = with_settings(with_voice, worker_concurrency=1)
    service.jobs.claim("j", request.digest(), 1, is_new=True, delivery="d")

    reply = run(service, lambda worker: beside_a_duplicate(worker, third))

    assert (reply["status"], reply["cancel_requested"]) == ("IN_QUEUE", True)
    assert service.jobs.get("j").cancel_requested


def test_a_finished_job_stays_finished_though_its_request_waits_here(
    with_voice: Service,  # noqa: F811
    engine: ToneEngine,
) -> None:
    """A finished job stays finished, although a duplicate request of it waits here."""
    service = with_settings(with_voice, worker_concurrency=1)
    assert run(service, lambda worker: worker.call(GENERATE))["status"] == "COMPLETED"
    speaking, go_on = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        speaking.set()
        go_on.wait(30)

    engine.before_speaking = wait
    reply = run(service, lambda worker: beside_a_duplicate(worker, (speaking, go_on)))

    assert reply["status"] == "COMPLETED"
