"""The real openai package, unchanged."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator
from typing import Literal

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai._models import BaseModel

from cloning.errors import Conflict, LicenseRefused, SpeechMismatch, Unavailable
from http_api.options import Options
from http_api.sound.encoding import encoder, samples_of
from tests.http_server import serving
from tests.http_worker import StandIn, encoded, spoken

TEXT = "What is spoken here."
FORMATS: tuple[Literal["mp3", "opus", "aac", "flac", "wav", "pcm"], ...] = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("format_", FORMATS)
def test_speech_in_each_format(client: OpenAI, format_: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]) -> None:
    """`audio.speech.create` returns the whole file, in each format."""
    speech = client.audio.speech.create(model="tts-1", input=TEXT, voice="anna", response_format=format_)

    made = encoder(format_)
    assert speech.content == made.encode(np.concatenate(spoken(TEXT))) + made.finish()


def test_speech_is_an_mp3_unless_asked_otherwise(client: OpenAI) -> None:
    """Without a format the speech is an MP3, as from OpenAI."""
    speech = client.audio.speech.create(model="gpt-4o-mini-tts", input=TEXT, voice="alloy")

    assert speech.response.headers["content-type"] == "audio/mpeg"
    assert len(np.concatenate(list(samples_of(speech.content)))) > 24_000


def test_speech_while_it_is_made(worker: StandIn, client: OpenAI) -> None:
    """With `with_streaming_response` the first bytes arrive while the second part is still held back."""
    worker.gates[1] = threading.Event()
    create = client.audio.speech.with_streaming_response.create
    with create(model="tts-1", input=TEXT, voice="anna", response_format="pcm") as response:
        pieces = response.iter_bytes(19_200)
        first = next(pieces)
        worker.gates[1].set()
        rest = b"".join(pieces)

    assert first + rest == np.concatenate(spoken(TEXT)).tobytes()


def test_speech_as_events(client: OpenAI) -> None:
    """With `stream_format="sse"` the sound arrives in events, and the last one has the usage."""
    create = client.audio.speech.with_streaming_response.create
    with create(model="tts-1", input=TEXT, voice="anna", response_format="pcm", stream_format="sse") as response:
        events = [json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line]

    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sound == np.concatenate(spoken(TEXT)).tobytes()
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"].keys() == {"input_tokens", "output_tokens", "total_tokens"}


def test_a_voice_by_its_id(worker: StandIn, client: OpenAI) -> None:
    """A voice may be given as `{"id": ...}`, OpenAI's form for custom voices."""
    client.audio.speech.create(model="tts-1", input=TEXT, voice={"id": "bert"})

    assert worker.calls[0]["voice"] == "bert"


def test_own_fields_by_extra_body(worker: StandIn, client: OpenAI) -> None:
    """`extra_body` carries a generate's own fields by name."""
    extra = {"seed": 5, "profile": "fast", "job_id": "mine", "language": "en"}
    speech = client.audio.speech.create(model="tts-1", input=TEXT, voice="anna", extra_body=extra)

    assert worker.calls[0].items() >= extra.items()
    assert (speech.response.headers["x-request-id"], speech.response.headers["x-seed"]) == ("mine", "5")


@pytest.mark.parametrize(
    ("fields", "kind", "code", "param"),
    [
        ({"voice": "nobody"}, openai.NotFoundError, "VOICE_NOT_FOUND", "voice"),
        ({"speed": 4.0}, openai.BadRequestError, "INVALID_REQUEST", "speed"),
        ({"response_format": "mp4"}, openai.BadRequestError, "INVALID_REQUEST", "response_format"),
        ({"input": ""}, openai.BadRequestError, "INVALID_TEXT", "input"),
        ({"model": "no checkpoint!"}, openai.BadRequestError, "INVALID_REQUEST", "model"),
    ],
)
def test_a_bad_request_is_its_own_exception(
    client: OpenAI, fields: dict[str, object], kind: type[openai.APIStatusError], code: str, param: str
) -> None:
    """A bad request raises the package's exception for it, with the code and the caller's name of the field."""
    with pytest.raises(kind) as failure:
        client.audio.speech.create(**{"model": "tts-1", "input": TEXT, "voice": "anna", **fields})  # type: ignore[arg-type]

    assert (failure.value.code, failure.value.param) == (code, param)
    assert failure.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("error", "kind", "tries"),
    [
        (LicenseRefused("not for sale"), openai.PermissionDeniedError, 1),
        (Conflict("another job"), openai.ConflictError, 1),
        (SpeechMismatch("other words"), openai.UnprocessableEntityError, 1),
    ],
)
def test_a_failure_is_its_own_exception(
    url: str, worker: StandIn, error: object, kind: type[Exception], tries: int
) -> None:
    """A failure that no retry can mend is sent once, although the package retries every 409."""
    worker.fails = {TEXT: (0, error)}  # type: ignore[dict-item]
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2) as client, pytest.raises(kind) as failure:
        client.audio.speech.create(model="tts-1", input=TEXT, voice="anna")

    assert len(worker.calls) == tries
    assert failure.value.request_id in worker.jobs  # type: ignore[attr-defined]


def test_what_may_work_later_is_repeated(url: str, worker: StandIn) -> None:
    """A failure that may pass is retried by the package itself, and the second try speaks."""
    worker.fails = {TEXT: (0, Unavailable("away for a moment"))}
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2) as client:
        speech = client.audio.speech.create(model="tts-1", input=TEXT, voice="anna", response_format="pcm")

    assert speech.content == np.concatenate(spoken(TEXT)).tobytes()


def test_a_wrong_key_is_an_authentication_error(worker: StandIn) -> None:
    """A wrong key raises the package's exception for it; the right one speaks."""
    with serving(worker, Options(api_key="right", default_voice="anna")) as url:
        with (
            OpenAI(base_url=f"{url}/v1", api_key="wrong") as client,
            pytest.raises(openai.AuthenticationError) as failure,
        ):
            client.models.list()
        with OpenAI(base_url=f"{url}/v1", api_key="right") as client:
            speech = client.audio.speech.create(model="tts-1", input=TEXT, voice="anna")

    assert failure.value.code == "INVALID_API_KEY"
    assert speech.content


def test_models(client: OpenAI) -> None:
    """Models are listed, one is found by its name, and an unknown one is not found."""
    names = [model.id for model in client.models.list()]

    assert names == ["f5", "F5TTS_v1_Base", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert client.models.retrieve("f5").owned_by == "f5-tts-worker"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


def test_voices(worker: StandIn, client: OpenAI) -> None:
    """A voice is created with a sentence of consent, then deleted, then no longer found."""
    sample = ("me.wav", io.BytesIO(encoded(np.concatenate(spoken("me")), "wav")))
    voice = client.audio.voices.create(name="carl", audio_sample=sample, consent="Carl agreed to this in writing.")
    known = list(worker.voices)
    deleted = client.audio.voices.delete("carl")

    assert (voice.id, voice.name, voice.object, voice.type) == ("carl", "carl", "audio.voice", "audio_sample")
    assert isinstance(voice, BaseModel)
    assert "carl" in known
    assert (deleted.id, deleted.deleted) == ("carl", True)
    with pytest.raises(openai.NotFoundError):
        client.audio.voices.delete("carl")


def test_the_async_client(url: str) -> None:
    """The async client gets the same sound."""

    async def speak() -> bytes:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            create = client.audio.speech.with_streaming_response.create
            async with create(model="tts-1", input=TEXT, voice="anna", response_format="pcm") as response:
                return b"".join([piece async for piece in response.iter_bytes()])

    assert asyncio.run(speak()) == np.concatenate(spoken(TEXT)).tobytes()
