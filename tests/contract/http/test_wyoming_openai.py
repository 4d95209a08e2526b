"""wyoming_openai: the openai package, WAV while it is made, and probes that must not take this server for another."""

import asyncio
import io
import wave

import httpx
import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.http_worker import RATE, spoken

TEXTS = ("The first sentence.", "The second one.", "And a third.")


async def speak(client: AsyncOpenAI, text: str) -> bytes:
    create = client.audio.speech.with_streaming_response.create
    async with create(model="tts-1", voice="anna", input=text, response_format="wav", speed=1.0) as response:
        return b"".join([piece async for piece in response.iter_bytes(2048)])


def test_three_sentences_at_once_are_wavs_whose_headers_it_reads(url: str) -> None:
    """It reads the header from the first 2,048 bytes by Python's `wave`, and takes the rest for samples."""

    async def speak_all() -> list[bytes]:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            return await asyncio.gather(*(speak(client, text) for text in TEXTS))

    for text, sound in zip(TEXTS, asyncio.run(speak_all()), strict=True):
        with wave.open(io.BytesIO(sound[:2048])) as header:
            assert (header.getframerate(), header.getnchannels(), header.getsampwidth()) == (RATE, 1, 2)
        assert sound[44:] == np.concatenate(spoken(text)).tobytes()


@pytest.mark.parametrize("probe", ["/v1/readyz", "/health", "/v1/test", "/v1/audio/../../health", "/readyz"])
def test_it_takes_this_server_for_no_other(url: str, probe: str) -> None:
    """Its probes carry no key and follow redirects: they must find neither LocalAI (`readyz`), speaches (`health`) nor Kokoro (`test`)."""
    response = httpx.get(f"{url}{probe}", follow_redirects=True)

    assert response.status_code == 404
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}
