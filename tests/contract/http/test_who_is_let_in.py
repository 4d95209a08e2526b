"""Who is let in: pages of other origins, sites and hosts are refused, and callers without the key."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from http_api.options import Options
from tests.contract.http.asking import BODY, connect, read_all
from tests.http_server import serving
from tests.http_worker import StandIn

KEY = {"authorization": "Bearer right"}
CALLS = [
    ("GET", "/v1/audio/voices"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/actions/delete"),
    ("DELETE", "/v1/audio/voices/anna"),
]


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


def test_no_answer_can_be_taken_for_another_kind_of_file(url: str) -> None:
    """Every answer has `nosniff`, failures included."""
    answers: list[Any] = [httpx.get(url + path) for path in ("/ping", "/v1/models", "/nothing")]

    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert not any("server" in answer.headers for answer in answers)


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
