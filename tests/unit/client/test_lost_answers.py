"""Wherever an answer is lost, before or after its effect, there is one job, and its bytes arrive whole."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from f5_worker_client import AsyncClient, Client, NotFound, Unavailable
from f5_worker_client.actions import speech_request
from f5_worker_client.http_server import call
from f5_worker_client.queue import Call

from tests.unit.client.endpoint import QUICK, Endpoint, Fault, wav_of

# submit, three polls, the file; one more, so that the last is known to be no fault at all.
REQUESTS = range(6)
FAULTS: tuple[Fault, ...] = ("lost before", "lost after", "cut", 408, 429, 500, 502, 503, 504)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", REQUESTS)
def test_a_lost_answer_ends_in_one_job_and_its_bytes(number: int, fault: Fault, tmp_path: Path) -> None:
    """For each request of a speech and its download, each way to lose the answer still gives one job and its bytes."""
    endpoint = Endpoint({number: fault})

    with Client("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
        path = client.save(client.speak("Hello.", "me"), tmp_path / "hello.wav")

    assert path.read_bytes() == wav_of("Hello.")
    assert len(endpoint.jobs) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["hello.wav"]


@pytest.mark.parametrize("fault", ["lost before", "lost after"])
@pytest.mark.parametrize("number", REQUESTS)
def test_the_same_without_blocking(number: int, fault: Literal["lost before", "lost after"], tmp_path: Path) -> None:
    """AsyncClient survives the same losses."""
    endpoint = Endpoint({number: fault})

    async def speak() -> Path:
        async with AsyncClient("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
            return await client.save(await client.speak("Hello.", "me"), tmp_path / "hello.wav")

    assert asyncio.run(speak()).read_bytes() == wav_of("Hello.")
    assert len(endpoint.jobs) == 1


def test_two_faults_in_a_row_are_as_good_as_one(tmp_path: Path) -> None:
    """Two faults in a row are survived too; the waits grow, up to a number of attempts."""
    endpoint = Endpoint({0: "lost after", 1: "lost after", 2: 503, 4: "cut", 5: "lost before"})

    with Client("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
        path = client.save(client.speak("Hello.", "me"), tmp_path / "hello.wav")

    assert path.read_bytes() == wav_of("Hello.")
    assert len(endpoint.jobs) == 1


def test_an_endpoint_that_never_answers_is_given_up(endpoint: Endpoint, client: Client) -> None:
    """An endpoint that never answers is given up after the allowed attempts, with a retryable error that names no address."""
    endpoint.faults = dict.fromkeys(range(100), "lost before")

    with pytest.raises(Unavailable) as caught:
        client.speak("Hello.", "me")

    assert (caught.value.code, caught.value.retryable, len(endpoint.requests)) == ("NO_ANSWER", True, QUICK.tries)
    assert "ConnectError" in caught.value.message
    assert "runpod.ai" not in caught.value.message


def test_a_job_that_the_queue_forgot_is_sent_again(endpoint: Endpoint, client: Client) -> None:
    """A job that the queue forgot is sent again, and the worker answers with the same speech."""
    first = client.speak("Hello.", "me")
    endpoint.forget()
    again = client.speak("Hello.", "me")

    assert first == again
    assert len(endpoint.jobs) == 1


@pytest.mark.parametrize("code", ["STORAGE_UNAVAILABLE", "INTERRUPTED", "GPU_OUT_OF_MEMORY"])
def test_a_failure_that_may_pass_is_tried_again(code: str, endpoint: Endpoint, client: Client) -> None:
    """A failure that may pass is tried again with the same job_id, so that finished chunks are used."""
    endpoint.failures = [{"code": code, "message": "not now", "retryable": True, "details": {}}, "TIMED_OUT"]

    client.speak("Hello.", "me")

    assert len({fields["job_id"] for fields in endpoint.posts}) == 1
    assert len(endpoint.posts) == 3


def test_a_failure_that_stays_is_told_at_once(endpoint: Endpoint, client: Client) -> None:
    """A lasting failure is raised at once, and nothing is sent again."""
    endpoint.failures = [{"code": "CHECKPOINT_UNUSABLE", "message": "no", "retryable": False, "details": {"a": 1}}]

    with pytest.raises(Exception, match="CHECKPOINT_UNUSABLE: no"):
        client.speak("Hello.", "me")

    assert len(endpoint.posts) == 1


def test_an_earlier_calls_failure_is_not_told_again(endpoint: Endpoint, client: Client) -> None:
    """An earlier call's failure is not reported again: the job is asked about and then sent again, since its cause may be gone."""
    endpoint.failures = [{"code": "VOICE_NOT_FOUND", "message": "no voice", "retryable": False, "details": {}}]
    request = Call(speech_request("Hello.", "me", {}))
    with pytest.raises(NotFound):
        client.driver.run(call(client.link, request))

    reply = client.driver.run(call(client.link, Call(request.fields, ticket=request.ticket)))

    assert reply["status"] == "COMPLETED"
    assert len(endpoint.posts) == 2


def test_a_delete_whose_answer_was_lost_is_done(endpoint: Endpoint, client: Client) -> None:
    """A delete whose answer was lost succeeds, though the second attempt finds nothing; a first attempt that finds nothing fails."""
    endpoint.voices["me"] = {"voice": "me"}
    endpoint.faults = {0: "lost after"}

    client.delete("voice", "me")

    assert endpoint.voices == {}
    with pytest.raises(Exception, match="VOICE_NOT_FOUND"):
        client.delete("voice", "me")


def test_a_time_limit_ends_the_wait_and_not_the_job() -> None:
    """A time limit ends the wait and not the job: the same call finds it later."""
    endpoint = Endpoint(polls=10_000)
    patience = QUICK.__class__(timeout_s=0.05, poll_s=0.001)

    with (
        Client("abc123", api_key="secret-key", patience=patience, transport=endpoint.transport) as client,
        pytest.raises(Unavailable, match=r"still IN_\w+ after 0\.05 s") as caught,
    ):
        client.speak("Hello.", "me")

    assert caught.value.code == "TIMEOUT"
    assert len(endpoint.posts) == 1
