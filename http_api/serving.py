"""uvicorn, configured for the application: every mount serves it with this, inside a program with its own event loop and signals."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_SECONDS_FOR_HEADERS = 30.0
_BACKLOG = 1024
_LAST_WORDS_S = 3
_BROKEN_OFF = "ASGI callable returned without completing response."


class _TimedProtocol(H11Protocol):
    """
    Ends a connection that sends no complete request line and headers in time, because it is idle or too slow.

    Also ends one that reads nothing of its answer for `seconds_stalled`: the unread answer takes memory.
    """

    seconds = _SECONDS_FOR_HEADERS
    seconds_stalled = 600.0
    timer: asyncio.TimerHandle | None = None
    stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()
        self._unwatch_reader()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unwatch_reader()

    def _watch_reader(self, waiting: int) -> None:
        self._unwatch_reader()
        self.stall = self.loop.call_later(self.seconds_stalled, self._end_if_stalled, waiting)

    def _unwatch_reader(self) -> None:
        if self.stall is not None:
            self.stall.cancel()

    def _end_if_stalled(self, waiting: int) -> None:
        now_waiting = self.transport.get_write_buffer_size()
        if now_waiting < waiting:
            self._watch_reader(now_waiting)
        else:
            self.transport.abort()

    def _watch(self) -> None:
        self._unwatch()
        self.timer = self.loop.call_later(self.seconds, self._end_if_idle)

    def _unwatch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _end_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class Server(uvicorn.Server):
    """A server that reports when it is ready, and leaves signals to its program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(
    app: ASGIApp, host: str, port: int, *, seconds_for_headers: float = _SECONDS_FOR_HEADERS, **options: Any
) -> Server:
    """Make a server that prints nothing at its start and logs no requests; `options` are further options of uvicorn."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    protocol = type("TimedProtocol", (_TimedProtocol,), {"seconds": seconds_for_headers})
    ours: dict[str, Any] = {"http": protocol, "ws": "none", "lifespan": "on", "log_config": None, "access_log": False}
    return Server(uvicorn.Config(app, host, port, server_header=False, **{**ours, **options}))


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's says something new: of a stream that breaks off `stream.broken_off` already names the job and the reason."""
    return record.msg != _BROKEN_OFF


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, host: str, ports: Sequence[int]) -> AsyncIterator[str]:
    """
    Serve on these ports until the block ends; yield the URL of the first one, once it answers. Port 0 takes a free one.

    At the end of the block, open responses get a few seconds to finish. Raises OSError if a port can't be taken.
    """
    with contextlib.ExitStack() as sockets:
        listening = [sockets.enter_context(_listening(host, port)) for port in ports]
        running_server = server(app, host, 0, timeout_graceful_shutdown=_LAST_WORDS_S)
        running = asyncio.create_task(running_server.serve(listening))
        answers = asyncio.create_task(running_server.answers.wait())
        try:
            await asyncio.wait({running, answers}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            yield url_of(host, listening[0].getsockname()[1])
        finally:
            answers.cancel()
            running_server.should_exit = True
            await running


def url_of(host: str, port: int) -> str:
    """The URL at which this machine reaches an address that a server listens on."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is compared, not bound
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
