"""Audio from a URL: public addresses only, redirects checked, size and time limited; with real HTTP on the loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest

from cloning.errors import DownloadRefused, Interrupted
from worker.audio_urls import fetch_url

SLOW = {
    "/bytes": b"HTTP/1.0 200 OK\r\n\r\n",
    "/length": b"HTTP/1.0 200 OK\r\nContent-Length: 20000000\r\n\r\n",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "/status": b"",
    "/header": b"HTTP/1.0 200 OK\r\nX-Slow: ",
}
SECRET = "the words of the page"
# What answers in a recording's stead: its type, its body; how the refusal names it.
PAGES = {
    "/page": ("text/html; charset=utf-8", f"<!DOCTYPE html><html><body>{SECRET}</body></html>".encode()),
    "/page-as-audio": ("audio/wav", f"\n  <html lang='en'><title>{SECRET}</title>".encode()),
    "/page-in-latin-1": ("text/html", b"<html><title>" + bytes(range(0xA0, 0xFF)) * 8),
    "/json": ("application/json", b'{"error": "%s"}' % SECRET.encode()),
    "/xml": ("application/xml", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
    "/text": ("text/plain", SECRET.encode()),
    "/odd-type": ("<script>/alert(1)", SECRET.encode()),
    "/empty": ("audio/wav", b""),
    "/audio-as-page": ("text/html", b"RIFF" + bytes(range(256)) * 4),
}
NAMED = {
    "/page": "a web page (HTML) (sent as text/html)", "/page-as-audio": "a web page (HTML) (sent as audio/wav)",
    "/page-in-latin-1": "a web page (HTML)", "/json": "JSON (sent as application/json)", "/xml": "XML", "/text": "text (sent as text/plain)",
    "/odd-type": "leads to text, not", "/empty": "an empty body",
}  # fmt: skip
AUDIO = b"RIFF" + bytes(range(256)) * 400


class Site(BaseHTTPRequestHandler):
    """
    Answers by path: /audio; /to?<url> redirects; /drip and the paths of SLOW hardly end; /loop redirects to itself; others are 404.

    `left` says how clients ended slow answers: True if they hung up, False if they read to the end.
    """

    left: "Queue[bool]" = Queue()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path in ("/to", "/loop"):
            self.send_response(302)
            self.send_header("Location", query or self.path)
            self.end_headers()
        elif path == "/audio":
            self.send_response(200)
            self.send_header("Content-Length", str(len(AUDIO)))
            self.end_headers()
            self.wfile.write(AUDIO)
        elif path in PAGES:
            content_type, body = PAGES[path]
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(AUDIO) * 2))
            self.end_headers()
            self.wfile.write(AUDIO)
        elif path in SLOW:
            self._bytes(SLOW[path])
        elif path == "/drip":
            self.send_response(200)
            self.end_headers()
            self._drip()
        else:
            self.send_error(404)

    def _drip(self) -> None:
        try:
            for _ in range(200):
                self.wfile.write(b"x" * 300_000)
                time.sleep(0.05)
        except OSError:
            pass  # the client has had enough: what the test is about

    def _bytes(self, head: bytes) -> None:
        """One byte now and then, so that no read times out; it ends by itself after 20 s."""
        try:
            self.wfile.write(head)
            for _ in range(400):
                self.wfile.write(b"1\r\nx\r\n" if b"chunked" in head else b"x")
                time.sleep(0.05)
        except OSError:
            self.left.put(True)  # the client has had enough
        else:
            self.left.put(False)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://public.test:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def public_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """public.test counts as a public name (it leads to the loopback); every other name is checked for real."""
    from runpod.serverless.utils import rp_ssrf

    checked = rp_ssrf.resolve_and_validate
    monkeypatch.setattr(
        rp_ssrf,
        "resolve_and_validate",
        lambda host, port: ["127.0.0.1"] if host == "public.test" else checked(host, port),
    )


def fetch(url: str, *, max_bytes: int = 1_000_000, timeout_s: float = 10.0) -> bytes:
    return fetch_url(url, max_bytes=max_bytes, timeout_s=timeout_s)


def refused(url: str, *, max_bytes: int = 1_000_000, timeout_s: float = 10.0) -> str:
    with pytest.raises(DownloadRefused) as caught:
        fetch(url, max_bytes=max_bytes, timeout_s=timeout_s)
    return caught.value.message


@pytest.mark.usefixtures("public_test")
def test_a_public_url_brings_its_bytes(site: str) -> None:
    """A public URL brings its bytes, also over a redirect to another public address."""
    assert fetch(f"{site}/audio") == AUDIO
    assert fetch(f"{site}/to?{site}/audio") == AUDIO


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.wav", "http://localhost/a.wav", "http://[::1]/a.wav", "http://0.0.0.0/", "http://10.0.0.1/", "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd", "ftp://example.org/a.wav", "gopher://127.0.0.1/", "data:audio/wav;base64,AAAA", "http://", "not a url",
    ],
)  # fmt: skip
def test_inner_addresses_and_other_schemes_are_refused(url: str) -> None:
    """Metadata services, the loopback in any spelling and files are refused before a connection is opened."""
    assert "audio_url" in refused(url)


@pytest.mark.usefixtures("public_test")
@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/audio", "http://169.254.169.254/", "file:///etc/passwd"])
def test_a_redirect_to_an_inner_address_is_refused(site: str, target: str) -> None:
    """Each hop is checked again, and the message doesn't say where it led."""
    inner = target.format(port=site.rpartition(":")[2])

    message = refused(f"{site}/to?{inner}")

    assert "not allowed" in message
    assert "169.254" not in message


@pytest.mark.usefixtures("public_test")
def test_a_redirect_without_end_is_refused(site: str) -> None:
    """A URL may redirect five times at most."""
    assert "redirects too often" in refused(f"{site}/loop")


@pytest.mark.usefixtures("public_test")
def test_a_large_body_is_refused_by_its_header_and_by_its_bytes(site: str) -> None:
    """A body that is too large is refused by its header, or by its bytes if the header is wrong or missing."""
    assert "more than 0.05 MB" in refused(f"{site}/audio", max_bytes=50_000)
    assert "more than 0.5 MB" in refused(f"{site}/drip", max_bytes=500_000)


@pytest.mark.usefixtures("public_test")
def test_a_slow_answer_is_refused(site: str) -> None:
    """The time limit is for the whole download, not for the next bytes."""
    assert "took longer than 0.3 s" in refused(f"{site}/drip", max_bytes=10**9, timeout_s=0.3)


@pytest.mark.usefixtures("public_test")
@pytest.mark.parametrize("path", SLOW)
def test_a_server_that_drips_is_left(site: str, path: str) -> None:
    """If a server sends byte by byte, in the body, the chunk lengths or the head, the connection is cut in time and no thread stays."""
    assert "took longer than 0.3 s" in refused(f"{site}{path}", max_bytes=10**9, timeout_s=0.3)

    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(60)
    assert Site.left.get(timeout=60)
    assert "download" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.usefixtures("public_test")
@pytest.mark.parametrize("path", ["/drip", *SLOW])
def test_a_stop_ends_the_download(site: str, path: str) -> None:
    """A stop raises Interrupted long before the time limit, and no thread stays."""
    stopped = threading.Event()
    stopping = threading.Timer(0.3, stopped.set)
    stopping.start()

    with pytest.raises(Interrupted):
        fetch_url(f"{site}{path}", max_bytes=10**9, timeout_s=600, stopped=stopped)

    stopping.join()
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(60)
    assert "download" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.usefixtures("public_test")
@pytest.mark.parametrize("path", NAMED)
def test_a_page_behind_the_url_is_named_and_not_shown(site: str, path: str) -> None:
    """A web page or an API's error that comes with HTTP 200 is named as what it is, without its content."""
    message = refused(f"{site}{path}")

    assert NAMED[path] in message
    assert SECRET not in message
    assert "script" not in message


@pytest.mark.usefixtures("public_test")
def test_a_recording_of_a_wrong_type_is_taken(site: str) -> None:
    """The content decides, not the type that the server declares."""
    assert fetch(f"{site}/audio-as-page").startswith(b"RIFF")


@pytest.mark.usefixtures("public_test")
def test_a_download_that_breaks_off_is_refused(site: str) -> None:
    """A download that breaks off is refused: half a file is no recording."""
    assert "broke off" in refused(f"{site}/cut")


@pytest.mark.usefixtures("public_test")
@pytest.mark.parametrize("path", ["/bytes", "/status"])
def test_a_stopped_job_waits_for_no_download(site: str, path: str) -> None:
    """When a job is stopped, its connection is cut and no thread stays."""
    stopped = threading.Event()
    threading.Timer(0.1, stopped.set).start()

    with pytest.raises(Interrupted):
        fetch_url(f"{site}{path}", max_bytes=10**9, timeout_s=60, stopped=stopped)

    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(60)
    assert Site.left.get(timeout=60)


@pytest.mark.usefixtures("public_test")
def test_a_job_that_is_not_stopped_has_its_download(site: str) -> None:
    """An unset stop event doesn't disturb the download."""
    assert fetch_url(f"{site}/audio", max_bytes=10**6, timeout_s=10, stopped=threading.Event()) == AUDIO


@pytest.mark.usefixtures("public_test")
def test_an_http_error_is_told(site: str) -> None:
    """An HTTP error is reported to the caller, whose link it is."""
    assert "HTTP 404" in refused(f"{site}/nothing")


@pytest.mark.usefixtures("public_test")
def test_a_host_that_does_not_answer_is_refused() -> None:
    """Connection errors name their kind and nothing of our network."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert "can't be fetched" in refused(f"http://public.test:{port}/a")


def test_a_host_without_an_address_is_refused_in_the_words_of_an_inner_one() -> None:
    """A host without an address is refused in the same words as an inner one, so that nobody can find out which inner names exist."""
    message = refused("http://nobody.invalid/a.wav")

    assert "can't be resolved" in message
    assert message == refused("http://10.0.0.1/a.wav")
