"""LiveKit: its `openai.TTS` takes events from the newer models and bytes from tts-1, and never retries."""

import asyncio
import base64
import json

import httpx
import numpy as np
import pytest
from openai import APIStatusError, AsyncOpenAI

from cloning.errors import Unavailable
from http_api.sound.encoding import encoder
from tests.http_worker import StandIn, spoken

TEXT = "What is spoken here."
TIMEOUT = httpx.Timeout(30, connect=10)


async def speak(url: str, model: str, stream_format: str) -> tuple[str, bytes]:
    """Speak as its `ChunkedStream._run` does: the answer is read by its content type."""
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        create = client.audio.speech.with_streaming_response.create
        async with create(
            input=TEXT,
            model=model,
            voice="ash",
            response_format="mp3",
            speed=1.0,
            timeout=30,
            extra_body={"stream_format": stream_format},
        ) as response:
            kind = response.headers["content-type"]
            if not kind.startswith("text/event-stream"):
                return kind, b"".join([piece async for piece in response.iter_bytes()])
            return kind, await events(response.iter_lines())


async def events(lines: object) -> bytes:
    """Read only the `data: ` lines, until `[DONE]` or the end."""
    sound = b""
    async for line in lines:  # type: ignore[attr-defined]
        if line.startswith("data: ") and line != "data: [DONE]":
            event = json.loads(line.removeprefix("data: "))
            sound += base64.b64decode(event.get("delta") or event.get("audio") or "")
    return sound


@pytest.mark.parametrize(
    ("model", "stream_format", "kind"),
    [("gpt-4o-mini-tts", "sse", "text/event-stream"), ("tts-1", "audio", "audio/mpeg")],
)
def test_its_speech(url: str, model: str, stream_format: str, kind: str) -> None:
    """Events and bytes carry the same MP3."""
    made = encoder("mp3")

    assert asyncio.run(speak(url, model, stream_format)) == (
        kind,
        made.encode(np.concatenate(spoken(TEXT))) + made.finish(),
    )


def test_a_failure_is_told_with_its_status(url: str, worker: StandIn) -> None:
    """It makes an APIStatusError of its own from the status and the body."""
    worker.fails = {TEXT: (0, Unavailable("away"))}

    with pytest.raises(APIStatusError) as failure:
        asyncio.run(speak(url, "gpt-4o-mini-tts", "sse"))

    assert failure.value.status_code == 503
    assert len(worker.calls) == 1
