"""Speech that is not heard to its end: what a failure does, and who notices a client that hangs up or stalls."""

import logging
import threading
from typing import Any

import httpx
import numpy as np
import pytest

from cloning.errors import InvalidRequest, Unavailable, WorkerUnfit
from http_api.serving import _TimedProtocol
from http_api.sound.encoding import MEDIA, Format
from tests.contract.http.asking import TEXT, ask, events, speech
from tests.http_server import serving, until
from tests.http_worker import StandIn, spoken


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [(Unavailable("away"), 503, "true"), (WorkerUnfit("broken"), 503, "true"), (InvalidRequest("no"), 400, "false")],
)
def test_a_failure_before_the_first_byte_is_a_proper_error(error: Any, status: int, retry: str) -> None:
    """A failure before the first byte has its status, OpenAI's error body, and a header that says whether to retry."""
    worker = StandIn(fails={TEXT: (0, error)})
    with serving(worker) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech())

    assert (response.status_code, response.headers["x-should-retry"]) == (status, retry)
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}
    assert response.headers["x-request-id"] in worker.jobs


@pytest.mark.parametrize("format_", MEDIA)
def test_a_failure_after_the_first_byte_breaks_the_connection_off(format_: Format) -> None:
    """A failure after the first byte breaks the connection, so that no client takes the part for the whole."""
    worker = StandIn(fails={TEXT: (2, Unavailable("away"))}, seconds=1.0)
    with serving(worker) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{url}/v1/audio/speech", json=speech(response_format=format_))


def test_a_stream_that_is_broken_off_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails late is one warning with the job and the code; uvicorn's error line about it, which names neither, is left out."""
    worker = StandIn(fails={TEXT: (2, Unavailable("away"))}, seconds=1.0)
    with serving(worker) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{url}/v1/audio/speech", json=speech())

    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.message, vars(record)["code"]) for record in loud] == [("stream.broken_off", "UNAVAILABLE")]


def test_parts_that_are_made_anew_break_the_connection_off() -> None:
    """If parts are made again, the stream ends: what has been heard can't be taken back."""
    worker = StandIn(anew=2, gates={2: threading.Event()})
    with serving(worker) as url, httpx.stream("POST", f"{url}/v1/audio/speech", json=speech()) as response:
        pieces = response.iter_raw()
        heard = next(pieces)
        worker.gates[2].set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)

    assert heard == spoken(TEXT)[0].tobytes()[: len(heard)]


def test_a_late_failure_is_an_event() -> None:
    """A failure in the middle of a stream of events is an event with OpenAI's error body."""
    worker = StandIn(fails={TEXT: (2, Unavailable("away"))})
    with serving(worker) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(stream_format="sse"))

    last = events(response.text)[-1]
    assert (last["type"], last["error"]["code"]) == ("speech.audio.error", "UNAVAILABLE")


@pytest.mark.parametrize("gate", [0, 1])
def test_whoever_hangs_up_cancels_the_job(gate: int) -> None:
    """A client that hangs up is noticed even while no part arrives: before the first one and between two."""
    worker = StandIn(gates={gate: threading.Event()})
    with serving(worker) as url:
        connection = ask(url, speech())
        until(lambda: worker.jobs and len(next(iter(worker.jobs.values())).items) == gate)
        connection.close()
        until(lambda: [job.status for job in worker.jobs.values()] == ["CANCELLED"])

    assert list(worker.cancels.values()) == [1]


def test_a_retry_with_its_own_job_id_hears_the_whole_of_what_was_hung_up() -> None:
    """A job with the client's own id goes on when the client hangs up; a retry hears all of it, and it is spoken once."""
    worker = StandIn(gates={1: threading.Event()})
    with serving(worker) as url:
        connection = ask(url, speech(job_id="mine"))
        until(lambda: worker.jobs and len(worker.jobs["mine"].items) == 1)
        connection.close()
        until(lambda: "\ntts_streams 0\n" in httpx.get(f"{url}/metrics").text)
        worker.gates[1].set()
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(job_id="mine", response_format="pcm"))

    assert response.content == np.concatenate(spoken(TEXT)).tobytes()
    assert worker.cancels == {}


def test_a_reader_who_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job of a reader that stalls is cancelled, because nobody hears it."""
    monkeypatch.setattr(_TimedProtocol, "seconds_stalled", 0.2)
    worker = StandIn(parts=20, seconds=5.0, gates={19: threading.Event()})
    with serving(worker) as url, ask(url, speech(), receive_buffer=4096):
        until(lambda: [job.status for job in worker.jobs.values()] == ["CANCELLED"])

    assert worker.fetches <= 3  # what it has not taken stays in the bucket


def test_a_part_that_can_not_be_fetched_is_a_failure() -> None:
    """If a part can't be fetched, the client gets a retryable error before the first byte, and the job is cancelled."""
    worker = StandIn(has_lost_all=True, gates={1: threading.Event()})
    with serving(worker) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech())
        until(lambda: [job.status for job in worker.jobs.values()] == ["CANCELLED"])

    assert response.status_code == 503
    assert response.headers["x-should-retry"] == "true"
