"""A worker with its own HTTP server, asked by the same client."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx
import pytest
from f5_worker_client import AsyncClient, Client, ClientError, Failed, InvalidRequest, NotFound, Progress, Unauthorised
from f5_worker_client.address import address_of
from f5_worker_client.http_server import call
from f5_worker_client.queue import Call

from cloning.errors import GpuOutOfMemory, JobFailed
from http_api.app import make_app
from http_api.options import Options
from tests.http_server import QUICK as PAUSES
from tests.http_worker import StandIn
from tests.unit.client.endpoint import QUICK

SERVER = "http://127.0.0.1:8080/v1"
FIELDS: dict[str, Any] = {"action": "generate", "text": "Hello there.", "voice": "anna", "job_id": "j", "parts": True}


def at_the_server(
    worker: StandIn, use: Callable[[AsyncClient], Coroutine[Any, Any, Any]], *, key: str = "", url: str = SERVER
) -> Any:
    async def run() -> Any:
        app = make_app(worker, Options(api_key="server-key" if key else None), pauses=PAUSES)
        transport = httpx.ASGITransport(app)
        async with AsyncClient(url=url, api_key=key, patience=QUICK, transport=transport) as client:
            return await use(client)

    return asyncio.run(run())


def generate(fields: Mapping[str, Any] = FIELDS, **more: Any) -> Callable[[AsyncClient], Coroutine[Any, Any, Any]]:
    return lambda client: client.driver.run(call(client.link, Call(fields, **more)))


def test_a_job_is_sent_once_and_looked_at_until_its_end() -> None:
    """A job is sent once and polled until its end; the updates have its parts, and the reply is as the queue's."""
    worker, heard = StandIn(), list[Progress]()
    worker.gates[2] = gate = threading.Event()

    def note(told: Progress) -> None:
        heard.append(told)
        if told.done == 2:
            gate.set()

    reply = at_the_server(worker, generate(on_progress=note))

    assert (reply["job_id"], reply["duration"]) == ("j", pytest.approx(1.2))
    assert [one.get("job_id") for one in worker.calls if one["action"] == "generate"] == ["j"]
    assert [one.update["parts"]["ready"] for one in heard if one.done == 2][:1] == [2]


def test_a_job_that_a_worker_has_is_in_progress_although_it_does_not_speak_yet() -> None:
    """A job that a worker prepares is IN_PROGRESS, as RunPod's queue says; only one that nobody has taken is IN_QUEUE."""
    waiting = {"id": "j", "job_id": "j", "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}
    states = [waiting, {**waiting, "attempt": 1}, {**waiting, "status": "COMPLETED", "result": {}}]
    heard: list[Progress] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(202, json=waiting) if request.method == "POST" else httpx.Response(200, json=states.pop(0))
        )

    with Client(url=SERVER, api_key="", patience=QUICK, transport=httpx.MockTransport(answer)) as client:
        client.driver.run(call(client.link, Call(FIELDS, heard.append)))

    assert heard == [Progress("IN_QUEUE"), Progress("IN_QUEUE"), Progress("IN_PROGRESS")]


def test_a_job_that_an_earlier_command_sent_is_not_sent_again() -> None:
    """A job that an earlier command sent is not sent again: it is found by its id."""
    worker = StandIn()

    async def use(client: AsyncClient) -> Any:
        await generate()(client)
        return await generate(ticket="j")(client)

    assert at_the_server(worker, use)["job_id"] == "j"
    assert len([one for one in worker.calls if one["action"] == "generate"]) == 1


def test_a_job_that_nobody_knows_any_more_is_sent_again() -> None:
    """If the server no longer knows the job, after a restart or a delete, it is sent again."""
    worker = StandIn()

    assert at_the_server(worker, generate(ticket="j"))["job_id"] == "j"
    assert [one["action"] for one in worker.calls][:2] == ["status", "generate"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({**FIELDS, "voice": "nobody"}, NotFound),
        ({**FIELDS, "speed": 99}, InvalidRequest),
        ({"action": "status", "job_id": "nobody"}, NotFound),
        ({"action": "sing"}, InvalidRequest),
    ],
)
def test_a_refusal_has_the_workers_code_and_class(fields: dict[str, Any], error: type[ClientError]) -> None:
    """A refusal has the worker's code and class, as through the queue."""
    with pytest.raises(error) as caught:
        at_the_server(StandIn(), generate(fields))

    assert caught.value.code not in ("HTTP_STATUS", "ENDPOINT_NOT_FOUND")


def test_a_failure_of_the_job_is_told_with_its_reason() -> None:
    """A final failure of the job ends the call with its reason; one that may pass is tried again."""
    final, passing = StandIn(), StandIn()
    final.fails["Hello there."] = (1, JobFailed("it can't be spoken"))
    passing.fails["Hello there."] = (0, GpuOutOfMemory("full"))

    with pytest.raises(Failed, match="JOB_FAILED"):
        at_the_server(final, generate())
    assert at_the_server(passing, generate())["job_id"] == "j"


def test_the_key_of_the_server_is_sent_and_none_is_needed_at_an_open_one() -> None:
    """The server's key is sent, an open server needs none, and a wrong one is refused as such."""
    health: Callable[[AsyncClient], Coroutine[Any, Any, Any]] = lambda client: client.health()  # noqa: E731

    assert at_the_server(StandIn(), health)["status"] == "ok"
    assert at_the_server(StandIn(), health, key="server-key")["status"] == "ok"
    with pytest.raises(Unauthorised):
        at_the_server(StandIn(), health, key="another-key")


def test_a_path_that_the_server_does_not_have_is_told_as_such() -> None:
    """A URL with a mistyped path is reported as such."""
    with pytest.raises(NotFound, match="ENDPOINT_NOT_FOUND"):
        at_the_server(StandIn(), generate({"action": "health"}), url="http://127.0.0.1:8080/nothing/v1")


def test_an_address_that_ends_in_v1_is_an_http_server() -> None:
    """An address that ends in /v1 is a worker's own server; any other is a queue and needs a key."""
    assert address_of(None, "https://abc.api.runpod.ai/v1/", "k").is_http_server
    assert not address_of(None, "http://127.0.0.1:8000", "k").is_http_server
    assert address_of(None, "http://127.0.0.1:8080/v1", None).root == SERVER
    with pytest.raises(Unauthorised):
        address_of(None, "http://127.0.0.1:8000", None)
