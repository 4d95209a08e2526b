"""uvicorn, set up for the application: every mount serves it by this."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_SECONDS_FOR_HEADERS = 30.0


class _TimedProtocol(H11Protocol):
    """
    Ends a connection that asks for nothing for so long: an idle one, or one that sends the lines of its request too slowly. And one that
    takes nothing of its answer for `seconds_stalled`: what waits for it is memory.
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


def server(
    app: ASGIApp, host: str, port: int, *, seconds_for_headers: float = _SECONDS_FOR_HEADERS, **options: Any
) -> uvicorn.Server:
    """A server that says nothing of itself and logs no requests; `options` are more of uvicorn's own."""
    protocol = type("TimedProtocol", (_TimedProtocol,), {"seconds": seconds_for_headers})
    ours: dict[str, Any] = {"http": protocol, "ws": "none", "lifespan": "on", "log_config": None, "access_log": False}
    return uvicorn.Server(uvicorn.Config(app, host, port, server_header=False, **{**ours, **options}))
