"""
One deadline for a whole reply of the bucket, and one for all the tries of a call.

A socket's timeout starts again with every byte: a store that sends one byte every few seconds would hold a thread for ever.
Here the timeout limits the time spent waiting for a whole reply, head and body. It grows with the bytes received, by
`LEAST_BYTES_PER_S`, so that a large object may take as long as it needs. Sending a request is limited in the same way.
"""

import time
from collections.abc import Callable
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import Any, cast

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

LEAST_BYTES_PER_S = 16 * 1024
CALL_S = 60.0
"""All the tries of a call end this long after its start; a download goes on as long as bytes arrive."""
_SLOW_CALL_S = {
    "CompleteMultipartUpload": 600.0
}  # the store joins gigabytes, and keeps the connection alive with spaces
_SHORTEST_TRY_S = 1.0
_FOUND, _SEE_OTHER = 302, 303
_STEP = 256 * 1024
Monotonic = Callable[[], float]


class DeadlineSocket:
    """A connected socket whose timeout covers a whole request or reply. Everything else is the socket's own."""

    def __init__(self, sock: Any, monotonic: Monotonic = time.monotonic) -> None:
        self._sock = sock
        self._monotonic = monotonic
        self.settimeout(sock.gettimeout())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, timeout_s: float | None) -> None:
        """Start a request or a reply that may take that long; None means no limit."""
        self._timeout_s = timeout_s
        self._sock.settimeout(timeout_s)
        self.restart()

    def restart(self) -> None:
        """Start another request or reply with the same timeout."""
        self._waited_s = 0.0
        self._moved = 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything. Raises TimeoutError when the deadline has passed."""
        left = memoryview(data).cast("B")
        while left:
            step = left[:_STEP]
            left = left[self.wait_for(lambda step=step: self._sock.send(step, flags)) :]  # type: ignore[misc]

    def makefile(self, mode: str = "r", buffering: int | None = None) -> RawIOBase | BufferedIOBase:
        """A reader under the deadline; http.client asks for no other file."""
        if mode != "rb":
            raise ValueError(f"a reply can't be read with mode {mode!r}, only with 'rb'")
        reader = _Reader(self, self._sock.makefile("rb", buffering=0))
        return reader if buffering == 0 else BufferedReader(reader)

    def wait_for(self, move: Callable[[], int | None]) -> int:
        """Run one read or write within the rest of the deadline; return its number of bytes. Raises TimeoutError."""
        if self._timeout_s is not None:
            left_s = self._timeout_s + self._moved / LEAST_BYTES_PER_S - self._waited_s
            if left_s <= 0:
                raise TimeoutError("the deadline for the whole reply has passed")
            self._sock.settimeout(min(left_s, self._timeout_s))
        began = self._monotonic()
        try:
            count = move() or 0
        finally:
            self._waited_s += self._monotonic() - began
        self._moved += count
        return count


class _Reader(RawIOBase):
    """The socket's own reader, which keeps the connection open until the reply is read, under the deadline."""

    def __init__(self, sock: DeadlineSocket, raw: Any) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.wait_for(lambda: self._raw.readinto(buffer))

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def close(self) -> None:
        self._raw.close()
        super().close()


class Deadline:
    """A mixin that gives botocore's connections a `DeadlineSocket`."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock = DeadlineSocket(self.sock)

    def request(self, *arguments: Any, **options: Any) -> Any:
        if self.sock is not None:
            self.sock.restart()
        return super().request(*arguments, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        reply = super().getresponse()  # type: ignore[misc]
        if (
            reply.status == _SEE_OTHER
        ):  # urllib3 prepares to follow it even with redirects off, and stumbles over botocore's headers
            reply.status = _FOUND
        return reply


class _Connection(Deadline, AWSHTTPConnection):  # type: ignore[misc]
    """HTTP with one deadline for a reply."""


class _SecureConnection(Deadline, AWSHTTPSConnection):  # type: ignore[misc]
    """HTTPS with one deadline for a reply."""


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def limit_replies(client: Any) -> None:
    """
    Make the client's read timeout apply to whole replies.

    botocore has no public way to choose the class of its connections. The dictionary is the one that its pool managers share.
    """
    session = client._endpoint.http_session  # noqa: SLF001 - see above; tests/contract/stores/test_s3_deadline.py would notice
    session._pool_classes_by_scheme.update(http=_Pool, https=_SecurePool)  # noqa: SLF001 - see above


def limit_calls(client: Any, call_s: float = CALL_S, monotonic: Monotonic = time.monotonic) -> None:
    """Make all the tries of a call share one deadline of `call_s` seconds."""

    def begin(model: Any, context: dict[str, Any], **_: object) -> None:
        context["deadline"] = monotonic() + max(call_s, _SLOW_CALL_S.get(model.name, 0.0))

    def limit_try(request: Any, **_: object) -> None:
        if "deadline" in request.context:
            left_s = request.context["deadline"] - monotonic()
            request.context["read_timeout"] = max(_SHORTEST_TRY_S, left_s)

    def refuse_late_try(request_dict: dict[str, Any], **_: object) -> bool | None:
        deadline = request_dict["context"].get("deadline")
        return False if deadline is not None and monotonic() + _SHORTEST_TRY_S >= deadline else None

    events = cast("Any", client.meta.events)
    events.register("before-call.s3", begin)
    events.register("before-send.s3", limit_try)
    events.register_first("needs-retry.s3", refuse_late_try)
