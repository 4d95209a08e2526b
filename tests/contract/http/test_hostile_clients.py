"""Requests that are refused and connections that are closed, over real connections."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from http_api.options import Options
from tests.http_server import serving, until
from tests.http_worker import StandIn

KEY = {"authorization": "Bearer right"}
BODY = {"model": "tts-1", "input": "What is spoken here.", "voice": "anna"}
HEAD = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CALLS = [
    ("GET", "/v1/audio/voices"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/actions/delete"),
    ("DELETE", "/v1/audio/voices/anna"),
]


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """Read what the server sends until it closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(1 << 16):
            data += more
    return data


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_is_refused(url: str, worker: StandIn, origin: str) -> None:
    """A page of another origin that the owner visits may send requests (CSRF), but they have no effect."""
    answers = [httpx.request(method, url + path, headers={"origin": origin}, json=BODY) for method, path in CALLS]

    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(403, "ORIGIN_REFUSED")}
    assert not any("access-control-allow-origin" in answer.headers for answer in answers)
    assert worker.calls == []


def test_a_form_of_another_page_has_no_effect(url: str, worker: StandIn) -> None:
    """A browser sends forms and plain `fetch` requests without asking; they are refused because their type is not JSON."""
    sent = json.dumps(BODY)
    kinds = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]

    answers = [httpx.post(f"{url}/v1/audio/speech", headers={"content-type": kind}, content=sent) for kind in kinds]

    assert {answer.status_code for answer in answers} == {400}
    assert worker.calls == []


def test_the_servers_own_page_is_let_in(url: str) -> None:
    """A request whose origin is the server's own host is let in."""
    assert httpx.get(f"{url}/v1/audio/voices", headers={"origin": url}).status_code == 200


def test_another_host_is_refused(url: str, worker: StandIn) -> None:
    """A request with a foreign `Host` is refused: by DNS rebinding any name may point to this machine."""
    hosts = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "", "[::1", "localhost@evil"]

    answers = [httpx.get(f"{url}/v1/audio/voices", headers={"host": host}) for host in hosts]

    assert {answer.status_code for answer in answers} <= {400, 403}
    assert worker.calls == []


def test_the_names_of_this_machine_are_let_in(url: str) -> None:
    """The names of this machine are let in with any port, because the port may be forwarded."""
    hosts = ["localhost", "LOCALHOST:8080", "127.0.0.1:1234", "[::1]:8080"]

    answers = [httpx.get(f"{url}/ping", headers={"host": host}) for host in hosts]

    assert {answer.status_code for answer in answers} == {200}


def test_two_hosts_are_refused(url: str) -> None:
    """A request with two `Host` headers is refused, because it is unclear which one counts."""
    with connect(url) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        answer = read_all(connection)

    assert answer.split()[1] in {b"400", b"403"}


@pytest.fixture
def closed(worker: StandIn) -> Iterator[str]:
    """A server that requires a key and accepts any host."""
    with serving(worker, Options(api_key="right", hosts=None, default_voice="anna")) as address:
        yield address


OTHERS = [
    ("GET", path) for path in ("/metrics", "/docs", "/openapi.json", "/nothing", "/", "/page/x", "/ping/../v1/models")
]
NO_KEYS = [
    None,
    "",
    "Bearer",
    "Bearer wrong",
    "Basic right",
    "right",
    "Bearer right2",
    "Bearer\xa0right",
    "Bearer Right",
]


@pytest.mark.parametrize("key", NO_KEYS)
def test_nothing_is_answered_without_the_key(closed: str, worker: StandIn, key: str | None) -> None:
    """Every route needs the key, known or unknown."""
    headers = [] if key is None else [(b"authorization", key.encode("latin-1"))]

    answers = [httpx.request(method, closed + path, headers=headers, json=BODY) for method, path in [*CALLS, *OTHERS]]

    assert {(answer.status_code, answer.headers["www-authenticate"]) for answer in answers} == {(401, "Bearer")}
    assert worker.calls == []


def test_a_load_balancer_needs_no_key_for_its_ping(closed: str) -> None:
    """`/ping` needs no key; another route answers only with it."""
    assert httpx.get(f"{closed}/ping").status_code == 200
    assert httpx.get(f"{closed}/v1/models", headers=KEY).status_code == 200


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


def test_no_answer_can_be_taken_for_another_kind_of_file(url: str) -> None:
    """Every answer has `nosniff`, failures included."""
    answers: list[Any] = [httpx.get(url + path) for path in ("/ping", "/v1/models", "/nothing")]

    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert not any("server" in answer.headers for answer in answers)


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


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("kind", ["image", "audio", "script", "iframe", "document"])
def test_a_page_of_another_site_can_load_nothing(url: str, worker: StandIn, site: str, kind: str) -> None:
    """Requests of <img> and <audio> carry no origin, and another port of this machine counts as the same site: both are refused."""
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": kind}
    paths = ["/v1/audio/voices", "/v1/models", "/v1/audio/jobs/x/audio", "/v1/audio/jobs/x/stream.mp3", "/docs", "/"]

    answers = [httpx.get(url + path, headers=headers) for path in paths]

    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(403, "ORIGIN_REFUSED")}
    assert worker.calls == []


def test_a_link_leads_to_the_pages_alone() -> None:
    """A link from any site may open the page in a tab of its own, but nothing else and not in a frame."""
    worker = StandIn()
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    framed = {**link, "sec-fetch-dest": "iframe"}
    with serving(worker, Options(has_page=True)) as url:
        led = [httpx.get(url + path, headers=link).status_code for path in ("/", "/docs", "/v1/models")]
        shown = [httpx.get(url + path, headers=framed).status_code for path in ("/", "/docs")]

    assert (led, shown) == ([200, 200, 403], [403, 403])
    assert worker.calls == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_servers_own_page_and_the_address_bar_are_let_in(url: str, site: str) -> None:
    """Browsers mark requests of the server's own page and of the address bar as such; both are let in."""
    assert httpx.get(f"{url}/v1/models", headers={"sec-fetch-site": site}).status_code == 200


def test_no_answer_is_for_other_pages() -> None:
    """Every answer, failures included, says once that other origins and frames may not use it."""
    with serving(StandIn(), Options(has_page=True)) as url:
        answers = [httpx.get(url + path) for path in ("/", "/docs", "/ping", "/v1/models", "/nothing")]

    policies = {
        (answer.headers["cross-origin-resource-policy"], answer.headers["x-frame-options"]) for answer in answers
    }
    assert policies == {("same-origin", "DENY")}
