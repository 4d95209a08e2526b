"""
Real S3 servers on the loopback, and a proxy that spoils what they say.

`moto` has conditional writes, multipart uploads and ranges as AWS has them, but believes every signature. `rclone` checks
signatures strictly and ignores conditional writes. A server that can't start fails the test; nothing is skipped.
"""

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal

from cloning.settings import Settings

START_TIMEOUT_S = 60.0
DRIP_S = 0.02
ACCESS_KEY = "loopback-key-id"
SECRET_KEY = "loopback-secret-key"
_OF_ONE_HOP = ("connection", "transfer-encoding", "expect")

Reply = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Server:
    """A running S3 server and the only credentials that it knows."""

    endpoint_url: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def environment(self, bucket: str, **more: str) -> dict[str, str]:
        """The variables that point the worker at a bucket of this server."""
        return {
            "S3_BUCKET": bucket,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            **more,
        }

    def settings(self, bucket: str, **more: str) -> Settings:
        """The same as `Settings`, without touching the environment."""
        values: dict[str, Any] = {name.lower(): value for name, value in self.environment(bucket, **more).items()}
        return Settings(**values)


@contextmanager
def moto() -> Iterator[Server]:
    """Start an empty moto server in its own process."""
    port = free_port()
    with _process([sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        yield Server(f"http://127.0.0.1:{port}")


@contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """Run `rclone serve s3` on a folder, whose subfolders are the buckets."""
    port = free_port()
    program = Path(sys.executable).with_name("rclone")
    command = [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with _process([*command, "--config", "", str(folder)], port):
        yield Server(f"http://127.0.0.1:{port}")


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    """Run the program: it is ready when the port answers, and surely ended after the block."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_", "MOTO_"))}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
    try:
        _wait_for(process, port)
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it answered")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not answer on port {port} within {START_TIMEOUT_S} s")


@dataclass(frozen=True)
class Request:
    """What a client asks, as a fault sees it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """
    What a client gets instead of the true reply: another status, another length, or the first `keep` bytes of the body.

    Or nothing at all: with `cut` the connection is reset, "before" the server hears of the request or "after" it was done. Or, by
    `drip`, a head or a body that is sent byte by byte without end. With a status, `content` (by default S3's XML for `code`) and
    `headers` are the reply.
    """

    status: int = 0
    code: str = ""
    content: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    drip: Literal["", "head", "body"] = ""
    length: int | None = None
    keep: int = 0
    cut: Literal["", "before", "after"] = ""


@dataclass
class Faults:
    """The proxy's orders (a fault or None for each request; by default all pass) and the requests that it has seen."""

    endpoint_url: str
    choose: Callable[[Request], Fault | None] = lambda _: None
    witness: Callable[[Request, bytes, int], None] = lambda *_: None  # told body and status of what the server answered
    rewrite: Callable[[str], str] = lambda path: path  # what the server hears of path and query
    deaf_to: tuple[str, ...] = ()  # headers that the server never hears
    hidden: tuple[str, ...] = ()  # headers that the client never hears
    seen: list[Request] = field(default_factory=list)
    sent: list[tuple[Request, int]] = field(default_factory=list)  # and how many bytes of a body the client got
    closing: Event = field(default_factory=Event)  # the test is over: nothing drips on
    left: Event = field(default_factory=Event)  # a client hung up on a reply that dripped

    def cut_once(self, keep: int, *, part: str = "", length: int | None = None) -> None:
        """Cut the first reply to a GET (of the range that starts with `part`) after `keep` bytes; its length may say so."""
        left = [Fault(keep=keep, length=length)]
        self.choose = lambda request: (
            left.pop()
            if left and request.method == "GET" and request.headers.get("Range", "").startswith(part)
            else None
        )

    def always(self, fault: Fault, *, method: str) -> None:
        """Let every request by this method meet the fault."""
        self.choose = lambda request: fault if request.method == method else None

    def first(self, count: int, fault: Fault, *, method: str) -> None:
        """Let the first `count` requests by this method meet the fault, and later ones pass."""
        left = [fault] * count
        self.choose = lambda request: left.pop() if left and request.method == method else None


@contextmanager
def spoiling(server: Server) -> Iterator[tuple[Server, Faults]]:
    """Run a proxy in front of a server. Signatures are of the proxy's host name, so the server must not check them (moto)."""
    faults = Faults("")
    listener = _Listener(("127.0.0.1", 0), _handler(server, faults))
    faults.endpoint_url = f"http://127.0.0.1:{listener.server_port}"
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Server(faults.endpoint_url, server.access_key, server.secret_key), faults
    finally:
        faults.closing.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Don't log a client that died in the middle."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: Server, faults: Faults) -> type[BaseHTTPRequestHandler]:
    class Spoiler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # boto3 waits for a `100 Continue`, which 1.0 has not

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers))
            faults.seen.append(request)
            fault = faults.choose(request)
            if fault and (fault.cut or fault.drip):
                self._break(request, body, fault)
                return
            status, headers, content = _refusal(fault) if fault and fault.status else self._ask(request, body)
            headers |= {"Content-Length": str(fault.length)} if fault and fault.length is not None else {}
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")  # one request a connection: no state survives a fault
            self.end_headers()
            self.close_connection = True
            if self.command != "HEAD":
                told = content[: fault.keep] if fault and not fault.status else content
                self.wfile.write(told)
                faults.sent.append((request, len(told)))

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def _break(self, request: Request, body: bytes, fault: Fault) -> None:
            self.close_connection = True
            if fault.drip:
                _drip(self.connection, fault, faults)
                return
            if fault.cut == "after":
                self._ask(request, body)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
            self.rfile.close()
            self.connection.close()

        def _ask(self, request: Request, body: bytes) -> Reply:
            passed = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in (*_OF_ONE_HOP, *faults.deaf_to)
            }
            with closing(HTTPConnection(server.endpoint_url.removeprefix("http://"))) as upstream:
                upstream.request(self.command, faults.rewrite(self.path), body or None, passed)
                reply = upstream.getresponse()
                headers = {
                    name: value
                    for name, value in reply.getheaders()
                    if name.lower() not in (*_OF_ONE_HOP, *faults.hidden)
                }
                faults.witness(request, body, reply.status)
                return reply.status, headers, reply.read()

        def log_message(self, *_: object) -> None:
            """Write nothing to stderr."""

    return Spoiler


def _drip(connection: socket.socket, fault: Fault, faults: Faults) -> None:
    """Send a byte now and then, until the client hangs up or the test is over."""
    head = b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Type: text/plain\r\n'
    end = b"X-Filler: " if fault.drip == "head" else b"Content-Length: 1000000\r\n\r\n"
    with suppress(OSError):
        connection.sendall(head + end)
        while not faults.closing.wait(DRIP_S):
            connection.sendall(b"x")
    if not faults.closing.is_set():
        faults.left.set()


def _refusal(fault: Fault) -> Reply:
    told = f"<Error><Code>{fault.code}</Code><Message>injected</Message></Error>".encode()
    content = told if fault.content is None else fault.content
    return fault.status, {"Content-Length": str(len(content)), **dict(fault.headers)}, content
