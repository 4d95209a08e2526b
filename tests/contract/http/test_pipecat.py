"""Pipecat: `OpenAITTSService`, which knows thirteen voices and 24 kHz."""

import asyncio
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from http_api.options import OPENAI_VOICES
from tests.http_worker import StandIn, spoken

TEXT = "What is spoken here."
VALID_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip


async def speak(url: str, voice: str) -> bytes:
    """As its `run_tts`: raw samples, in pieces of a second."""
    fields: dict[str, Any] = {"input": TEXT, "model": "gpt-4o-mini-tts", "voice": voice, "response_format": "pcm"}
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.audio.speech.with_streaming_response.create(**fields) as response,
    ):
        assert response.status_code == 200
        return b"".join([piece async for piece in response.iter_bytes(48_000)])


@pytest.mark.parametrize("voice", VALID_VOICES)
def test_each_voice_that_it_lets_through_speaks(url: str, worker: StandIn, voice: str) -> None:
    """By an alias, else as the default voice; at 24 kHz, 16 bits."""
    sound = asyncio.run(speak(url, voice))

    assert sound == np.concatenate(spoken(TEXT)).tobytes()
    assert worker.calls[0]["voice"] == ("bert" if voice == "onyx" else "anna")


def test_these_are_the_names_that_the_deployment_answers_to() -> None:
    """All of them, and no others."""
    assert OPENAI_VOICES == VALID_VOICES
