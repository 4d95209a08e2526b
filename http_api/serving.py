"""Serve an application with uvicorn, inside a program that has its own event loop and handles its own signals."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import uvicorn
from fastapi import FastAPI

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BACKLOG = 1024
_LAST_WORDS_S = 3


class _Server(uvicorn.Server):
    """Tells when it answers; leaves signals to its program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, *, host: str, ports: Sequence[int]) -> AsyncIterator[str]:
    """
    Serve on these ports until the block ends; yield the URL of the first one, once it answers. Port 0 takes a free one.

    At its end open replies have a few seconds to come to theirs. Raises OSError if a port can't be taken.
    """
    with contextlib.ExitStack() as sockets:
        listening = [sockets.enter_context(_listening(host, port)) for port in ports]
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_LAST_WORDS_S
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(listening))
        answers = asyncio.create_task(server.answers.wait())
        try:
            await asyncio.wait({running, answers}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            yield url_of(host, listening[0].getsockname()[1])
        finally:
            answers.cancel()
            server.should_exit = True
            await running


def url_of(host: str, port: int) -> str:
    """The URL under which this machine reaches an address that is listened on."""
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
