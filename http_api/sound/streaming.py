"""
The response that sends audio while it is made.

The status line is sent with the first bytes, so an early failure is a normal error response. A later failure can only end the
connection without the proper end of the body (or be sent as an event). A slow reader delays only its own stream: the next part is
fetched once the last one has been sent. A client that hangs up is noticed at once, even while no part arrives, and the source is
closed.
"""

import asyncio
import base64
import json
import logging
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import av
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from http_api.door import Door
from http_api.errors import Failed
from http_api.port import Unfetched
from http_api.sound.encoding import MEDIA, RATE, Format, Samples, encoder, samples_of, silence
from http_api.sound.parts import Item

_log = logging.getLogger(__name__)
_TOKENS_PER_SECOND = 20  # as OpenAI counts sound


@dataclass
class Sound:
    """Encodes what comes from `source`; `samples` counts the samples that were encoded."""

    source: AsyncGenerator[Samples]
    format_: Format
    samples: int = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the bytes, never an empty piece; encoding runs in threads. Raises Failed."""
        made = encoder(self.format_)
        async with aclosing(self.source):
            async for samples in self.source:
                self.samples += len(samples)
                if piece := await run_in_threadpool(made.encode, samples):
                    yield piece
        if piece := await run_in_threadpool(made.finish):
            yield piece


async def heard(door: Door, items: AsyncGenerator[Item]) -> AsyncGenerator[Samples]:
    """Yield the samples of parts. Raises Failed."""
    async with aclosing(items):
        async for item in items:
            try:
                async for samples in iterate_in_threadpool(samples_of(await fetched(door, item))):
                    yield samples
            except av.FFmpegError as error:
                raise Failed("INTERNAL", f"the sound can't be decoded: {error}") from error


async def quiet(seconds: float) -> AsyncGenerator[Samples]:
    """Yield nothing."""
    yield silence(seconds)


async def fetched(door: Door, item: Item) -> bytes:
    """Fetch what a reply names. Raises Failed."""
    try:
        return await door.worker.fetch(item)
    except Unfetched as error:
        raise Failed("UNAVAILABLE", f"the sound can't be read: {error}; try again", retryable=True) from error


class SoundResponse(Response):
    """
    The audio as bytes or, with `characters` (how many will be spoken), as OpenAI's events `speech.audio.delta`, `.done` and `.error`.

    Over HTTP/1.0, where a broken connection looks like the end of the body, the bytes are sent once all are made, with their length.

    Raises Failed before the first byte.
    """

    def __init__(self, door: Door, sound: Sound, headers: Mapping[str, str], characters: int | None = None) -> None:
        super().__init__()
        self.door, self.sound, self.characters = door, sound, characters
        self.begun = door.now()
        self.is_whole = False
        kind = MEDIA[sound.format_] if characters is None else "text/event-stream"
        self.headers_sent = {**headers, "content-type": kind, "cache-control": "no-store"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.is_whole = scope["http_version"] == "1.0" and self.characters is None
        self.door.metrics.streams.add(1)
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self.door.metrics.gone.add()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            self.door.metrics.streams.add(-1)
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        async with aclosing(self.sound.pieces()) as pieces:
            first = await self._first(pieces)
            if self.is_whole:
                self.headers_sent["content-length"] = str(len(first))
            headers = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in self.headers_sent.items()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                await self._write(send, first)
                async for piece in pieces:
                    await self._write(send, piece)
            except Failed as error:
                await self._break_off(send, error)
                return
        await self._finish(send)

    async def _first(self, pieces: AsyncGenerator[bytes]) -> bytes:
        try:
            first = b"".join([piece async for piece in pieces]) if self.is_whole else await anext(pieces, b"")
        except Failed as error:
            self.door.metrics.failures.add(code=error.code)
            error.job_id = self.headers_sent.get("x-request-id")
            raise
        self.door.metrics.first.observe(self.door.now() - self.begun)
        return first

    async def _write(self, send: Send, piece: bytes) -> None:
        """Send bytes; wait while the client reads nothing. The server ends the connection of a client that never reads."""
        if self.characters is not None:
            piece = _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _break_off(self, send: Send, error: Failed) -> None:
        """End the connection without the last chunk of the body, so that the client knows that the audio is incomplete."""
        self.door.metrics.failures.add(code=error.code)
        _log.warning("stream.broken_off", extra={"job": self.headers_sent.get("x-request-id"), "code": error.code})
        if self.characters is not None:
            body = _event({"type": "speech.audio.error", **error.body})
            await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _finish(self, send: Send) -> None:
        seconds = self.sound.samples / RATE
        job = self.headers_sent.get("x-request-id")
        _log.info("stream.sent", extra={"job": job, "seconds": seconds, "format": self.sound.format_})
        self.door.metrics.audio.add(seconds)
        self.door.metrics.latency.observe(self.door.now() - self.begun)
        last = b""
        if self.characters is not None:
            spoken = math.ceil(seconds * _TOKENS_PER_SECOND)
            usage = {"input_tokens": self.characters, "output_tokens": spoken, "total_tokens": self.characters + spoken}
            last = _event({"type": "speech.audio.done", "usage": usage})
        await send({"type": "http.response.body", "body": last, "more_body": False})


async def _gone(receive: Receive) -> None:
    """Return when the client has hung up. Unread parts of the request's body may arrive first."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(fields: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()
