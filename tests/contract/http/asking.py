"""Requests for speech over real connections, and what should come of them."""

import contextlib
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from http_api.sound.encoding import Format, encoder
from tests.http_worker import spoken

TEXT = "What is spoken here."
BODY = {"model": "tts-1", "input": TEXT, "voice": "anna"}
HEAD = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def speech(**more: Any) -> dict[str, Any]:
    return {"model": "tts-1", "input": TEXT, "voice": "anna", "response_format": "pcm", **more}


def sound_of(text: str, format_: Format = "pcm", parts: int = 3) -> bytes:
    """The sound that should arrive."""
    made = encoder(format_)
    return made.encode(np.concatenate(spoken(text, parts))) + made.finish()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]


def ask(url: str, fields: dict[str, Any], receive_buffer: int | None = None) -> socket.socket:
    """Send a request and read nothing."""
    body = json.dumps(fields).encode()
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", urlsplit(url).port))
    head = (
        "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """Read what the server sends until it closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(1 << 16):
            data += more
    return data
