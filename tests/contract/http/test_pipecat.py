"""Pipecat: its `OpenAITTSService`, which knows thirteen voices and expects 24 kHz."""

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
    """Speak as its `run_tts` does: raw samples, a second at a time."""
    fields: dict[str, Any] = {"input": TEXT, "model": "gpt-4o-mini-tts", "voice": voice, "response_format": "pcm"}
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.audio.speech.with_streaming_response.create(**fields) as response,
    ):
        assert response.status_code == 200
        return b"".join([piece async for piece in response.iter_bytes(48_000)])


@pytest.mark.parametrize("voice", VALID_VOICES)
def test_each_voice_that_it_lets_through_speaks(url: str, worker: StandIn, voice: str) -> None:
    """Each of its voices speaks, by its alias or as the default voice, in 16 bits at 24 kHz."""
    sound = asyncio.run(speak(url, voice))

    assert sound == np.concatenate(spoken(TEXT)).tobytes()
    assert worker.calls[0]["voice"] == ("bert" if voice == "onyx" else "anna")


def test_these_are_the_names_that_the_deployment_answers_to() -> None:
    """The deployment's aliases are exactly Pipecat's voices."""
    assert OPENAI_VOICES == VALID_VOICES
