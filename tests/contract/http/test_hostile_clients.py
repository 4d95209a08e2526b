"""Bodies that are too large, too slow or incomplete, and what is no HTTP: each is refused or ended, over real connections."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from http_api.options import Options
from tests.contract.http.asking import BODY, HEAD, connect, read_all
from tests.http_server import serving, until
from tests.http_worker import StandIn


def test_31_mb_are_refused_before_they_are_sent(url: str, worker: StandIn) -> None:
    """A body that declares too great a length is refused before it is sent."""
    with connect(url) as connection:
        connection.sendall(HEAD + b"Content-Length: 31000000\r\nConnection: close\r\n\r\n")
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 413")
    assert worker.calls == []


def test_31_mb_without_a_length_are_refused_on_the_way(url: str, worker: StandIn) -> None:
    """A body without a length is counted as its chunks arrive, and refused once it is too large."""

    def chunks() -> Iterator[bytes]:
        for _ in range(31):
            yield b" " * 1_000_000

    response = httpx.post(f"{url}/v1/audio/speech", headers={"content-type": "application/json"}, content=chunks())

    assert (response.status_code, response.json()["error"]["code"]) == (413, "REQUEST_TOO_LARGE")
    assert worker.calls == []


def test_31_mb_in_a_form_are_refused_too(url: str, worker: StandIn) -> None:
    """A recording that is too large for a form is refused with a hint to `audio_url`."""
    sample = {"audio_sample": ("me.wav", bytes(31_000_000))}

    response = httpx.post(f"{url}/v1/audio/voices", data={"name": "carl", "consent": "I agreed to it."}, files=sample)

    assert response.status_code == 413
    assert "audio_url" in response.json()["error"]["message"]
    assert worker.calls == []


def test_half_a_body_reaches_nobody(url: str, worker: StandIn) -> None:
    """If the sender hangs up in the middle of a body, the worker sees nothing of it and the server goes on."""
    with connect(url) as connection:
        connection.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"input": "What')

    assert httpx.get(f"{url}/v1/models").status_code == 200
    assert [call["action"] for call in worker.calls] == ["health"]


def drip(connection: socket.socket, data: bytes, stopped: threading.Event) -> None:
    """Send one byte every 50 ms."""
    for place in range(len(data)):
        if stopped.wait(0.05):
            return
        try:
            connection.sendall(data[place : place + 1])
        except OSError:
            return


def dripped(url: str, head: bytes, rest: bytes) -> bytes:
    """Send the rest byte by byte and return what the server says until it closes the connection."""
    stopped = threading.Event()
    with connect(url) as connection:
        connection.sendall(head)
        dripping = threading.Thread(target=drip, args=(connection, rest, stopped))
        dripping.start()
        answer = read_all(connection)
        stopped.set()
        dripping.join()
    return answer


def test_a_body_that_comes_byte_by_byte_is_ended() -> None:
    """A body that takes too long is ended, however steadily it arrives."""
    worker = StandIn()
    with serving(worker, Options(most_seconds_to_send=0.3)) as url:
        answer = dripped(url, HEAD + b"Content-Length: 1000\r\n\r\n", b" " * 1000)

    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "REQUEST_TIMEOUT"
    assert worker.calls == []


@pytest.mark.parametrize("head", [b"", HEAD])
def test_a_request_whose_lines_come_byte_by_byte_is_ended(head: bytes) -> None:
    """A request whose lines arrive too slowly is ended before the application sees it."""
    with serving(StandIn(), seconds_for_headers=0.3) as url:
        answer = dripped(url, head, b"X-Header: " + b"x" * 1000)

    assert answer == b""


def test_who_takes_their_time_between_requests_is_not_ended_in_the_middle_of_one() -> None:
    """The timeout for idle connections doesn't run while a request is being answered."""
    worker = StandIn(gates={1: threading.Event()})
    with (
        serving(worker, seconds_for_headers=0.2) as url,
        httpx.stream("POST", f"{url}/v1/audio/speech", json=BODY) as response,
    ):
        held = threading.Timer(0.6, worker.gates[1].set)
        held.start()
        sound = response.read()

    assert sound


def test_many_slow_senders_hold_nobody_up() -> None:
    """Fifty slow senders don't delay anybody else."""
    with (
        serving(StandIn(), Options(default_voice="anna", most_seconds_to_send=60)) as url,
        contextlib.ExitStack() as slow,
    ):
        for _ in range(50):
            slow.enter_context(connect(url)).sendall(HEAD + b"Content-Length: 1000\r\n\r\n ")
        response = httpx.post(f"{url}/v1/audio/speech", json=BODY)

    assert response.status_code == 200


def test_a_websocket_is_refused(url: str) -> None:
    """A WebSocket upgrade is refused, because the server has none."""
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "x" * 24,
    }

    assert httpx.get(f"{url}/v1/audio/speech", headers=headers).status_code in {400, 403, 404, 405, 426}


def test_what_is_no_http_is_answered_once(url: str) -> None:
    """Bytes that are not HTTP get one answer, and the server goes on."""
    with connect(url) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n")
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{url}/ping").status_code == 200


def test_hanging_up_at_any_moment_leaves_no_stream_behind(url: str, worker: StandIn) -> None:
    """Whenever a client hangs up, its job is cancelled if it began, and its stream is no longer counted."""
    worker.gates[1] = threading.Event()
    body = json.dumps(BODY).encode()
    for length in [*range(0, len(body), 9), len(body), len(body)]:
        with connect(url) as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[:length])
            if length == len(body):
                connection.recv(1)

    until(lambda: "\ntts_streams 0\n" in httpx.get(f"{url}/metrics").text)
    until(lambda: [job.status for job in worker.jobs.values()] == ["CANCELLED"] * 2)
