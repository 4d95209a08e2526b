"""The deadline of requests on real connections: over TLS, on reused connections, through botocore's own pools."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloning.errors import StorageUnavailable
from s3_utils import S3Store, s3_client
from storage.s3_deadline import Deadline
from tests.servers import DRIP_S, Server

BODY = bytes(range(256)) * 8000
ETAG = '"5d2f5e1e"'


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
    )
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Tls:
    """A store of one object behind TLS; with `drips` its bodies are sent byte by byte."""

    def __init__(self, folder: Path) -> None:
        self.drips = False
        self.closing = Event()
        self.connections: set[Any] = set()
        self.written: list[bytes] = []
        self.certificate = certificate(folder)
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.listener.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        tls = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                tls.written.append(self.rfile.read(int(self.headers["Content-Length"])))
                self._head(0)

            def do_GET(self) -> None:
                self._head(len(BODY))
                if not tls.drips:
                    self.wfile.write(BODY)
                while tls.drips and not tls.closing.wait(DRIP_S):
                    self.wfile.write(b"x")

            def _head(self, length: int) -> None:
                tls.connections.add(self.client_address)
                self.send_response(200)
                self.send_header("ETag", ETAG)
                self.send_header("Content-Length", str(length))
                self.end_headers()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                """Write nothing to stderr."""

        return Handler


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tls]:
    served = Tls(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(served.certificate))
    thread = Thread(target=served.listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        served.listener.shutdown()
        served.listener.server_close()
        thread.join()


def store_at(tls: Tls, reply_s: float) -> S3Store:
    server = Server(f"https://127.0.0.1:{tls.listener.server_port}")
    return S3Store("b", s3_client(server.settings("b"), attempts=1, reply_s=reply_s), sleep=lambda _: None)


def test_objects_go_and_come_by_tls(tls: Tls, tmp_path: Path) -> None:
    """Objects arrive unchanged over one reused TLS connection."""
    store = store_at(tls, 30)

    store.put("x", BODY, content_type="text/plain")
    first, second = store.get("x").body, store.get("x").body
    store.download("x", tmp_path / "x")

    assert tls.written == [BODY]
    assert first == second == (tmp_path / "x").read_bytes() == BODY
    assert len(tls.connections) == 1


def test_a_body_that_drips_by_tls_ends_at_the_deadline(tls: Tls) -> None:
    """A TLS socket's own timeout starts again with each byte; the deadline still ends the body."""
    tls.drips = True

    with pytest.raises(StorageUnavailable):
        store_at(tls, 1).get("x")


def test_every_connection_of_a_client_has_the_deadline(server: Server, bucket: str) -> None:
    """Botocore doesn't publish how it opens connections; this test notices a release that changes it."""
    client: Any = s3_client(server.settings(bucket))
    client.list_objects_v2(Bucket=bucket)

    pools = client._endpoint.http_session._manager.pools
    connections = [pools[key].pool.get() for key in pools.keys()]  # noqa: SIM118 - no dictionary

    assert connections
    assert all(isinstance(connection, Deadline) for connection in connections)
