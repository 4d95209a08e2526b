"""
Who may call, and how many bytes a request may bring in how much time.

A server on the loopback must be protected from the web pages that its owner opens. Such a page may send requests (checked by
Origin), load what is here as an image or a sound (Sec-Fetch-Site; browsers send no Origin then), or point its own name to this
machine (Host); and none of these gives it the key. A request that is refused here was seen by nothing else.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_api.errors import Failed
from http_api.metrics import Metrics
from http_api.options import Options

_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")
_OPEN = "/ping"  # load balancers look here before anybody has a key
_LINKED = frozenset({"/", "/docs"})  # pages, to which any other may have a link
_SENT_WITH_ALL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Refuses requests before the application sees them, and counts all."""

    def __init__(self, app: ASGIApp, options: Options, metrics: Metrics) -> None:
        self._app, self._options, self._metrics = app, options, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, self._counting(scope, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = next(self._refusals(scope["path"], Headers(scope=scope)), None)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, _Body(receive, self._options).receive, send)

    def _refusals(self, path: str, headers: Headers) -> Iterator[Failed]:
        host, origin = ", ".join(headers.getlist("host")), headers.get("origin")
        if self._options.hosts is not None and _name(host) not in self._options.hosts:
            yield Failed(
                "HOST_REFUSED",
                f"this server doesn't answer to the host {host!r}: allow its name (HTTP_HOSTS, or --allow-host)",
                status=403,
            )
        if origin is not None and origin.partition("://")[2] != host:
            yield Failed(
                "ORIGIN_REFUSED",
                f"this server doesn't answer to pages of {origin!r}: call it from a program, or from its own page",
                status=403,
            )
        if _is_foreign(headers) and not (path in _LINKED and _is_link(headers)):
            yield Failed(
                "ORIGIN_REFUSED",
                "this server doesn't answer to pages of other sites or ports: call it from a program, or from its own page",
                status=403,
            )
        if not self._is_open(path) and not self._knows(headers.get("authorization", "")):
            yield Failed("INVALID_API_KEY", "send the server's key: Authorization: Bearer <key>", status=401)
        if _declared(headers) > self._options.most_bytes:
            yield _too_large(self._options.most_bytes)

    def _is_open(self, path: str) -> bool:
        is_page = self._options.has_page and (path == "/" or path.startswith("/page/"))
        return self._options.api_key is None or is_page or path == _OPEN

    def _knows(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        same = hmac.compare_digest(key.encode(), str(self._options.api_key).encode())
        return same and scheme.lower() == "bearer"

    def _counting(self, scope: Scope, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.add(route=route, status=str(message["status"]))
                MutableHeaders(scope=message).update(_SENT_WITH_ALL)
            await send(message)

        return counting


@dataclass
class _Body:
    """The body as it arrives: its bytes are counted, also if its length wasn't declared, and its time is limited."""

    inner: Receive
    options: Options
    now: Callable[[], float] = time.monotonic
    received: int = 0
    is_whole: bool = False
    deadline: float | None = None

    async def receive(self) -> Message:
        """The next message. Raises HTTPException, which FastAPI passes on."""
        if self.is_whole:
            return await self.inner()
        message = await self._in_time()
        self.received += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self.received > self.options.most_bytes:
            raise HTTPException(413, _too_large(self.options.most_bytes).message)
        return message

    async def _in_time(self) -> Message:
        seconds = self.options.most_seconds_to_send
        self.deadline = self.deadline or self.now() + seconds
        try:
            async with asyncio.timeout(self.deadline - self.now()):  # Python 3.11's wait_for may swallow a cancellation
                return await self.inner()
        except TimeoutError:
            raise HTTPException(408, f"the body took longer than {seconds:g} s: send it faster") from None


def _is_foreign(headers: Headers) -> bool:
    """
    Whether a page of another site, or of another port of this host, sent the request.

    Browsers send this over https and on this machine; elsewhere the policy in the answer keeps it from such a page.
    """
    return headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def _is_link(headers: Headers) -> bool:
    """Whether the answer is shown as a page of its own, not in a frame."""
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")


def _name(host: str) -> str | None:
    """The host without its port; None if it is not valid."""
    found = _HOST.fullmatch(host.lower())
    return found and found[1]


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _too_large(most_bytes: int) -> Failed:
    message = f"the body has over {most_bytes} bytes: send a recording by the action upload with audio_url or audio_key"
    return Failed("REQUEST_TOO_LARGE", message, status=413)
