"""`f5-worker serve` in front of a real queue and a real worker, with the real `openai` package as the client."""

import signal
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.conftest import SPOKEN
from tests.e2e.conftest import Cloud
from tests.e2e.http.doors import FORMATS, RATE, events, first_line, openai_client, samples_of, speech, started
from tests.http_server import until

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 3
# A pause parts chunks, and short ones cost least.
THREE_CHUNKS = "[pause:100ms]".join(["The quick brown fox jumps over the lazy dog."] * 3)
KEY = "bridge-key"


def environment(cloud: Cloud) -> dict[str, str]:
    return {"F5_URL": cloud.endpoint.url, "RUNPOD_API_KEY": cloud.endpoint.api_key, "API_KEY": KEY}


@pytest.fixture(scope="module")
def queue(cloud: Cloud, human_base64: str) -> Iterator[Cloud]:
    """A queue with a worker and a voice."""
    with cloud.worker("behind-the-bridge", WORKER_CONCURRENCY="4"):
        cloud.ask(action="upload", voice="nature", audio=human_base64, consent=True, transcript=SPOKEN)
        yield cloud


@pytest.fixture(scope="module")
def bridge(queue: Cloud) -> Iterator[str]:
    arguments = ("-m", "f5_worker_client", "serve", "--port", "0", "--voice-alias", "alloy=nature")
    with started(*arguments, environment=environment(queue)) as process:
        line = first_line(process)
        assert line.startswith("serving http://127.0.0.1:"), line
        yield line.removeprefix("serving ").strip()


@pytest.fixture
def client(bridge: str) -> Iterator[openai.OpenAI]:
    with openai_client(bridge, KEY) as client:
        yield client


def result_pcm(queue: Cloud, job_id: str) -> bytes:
    told = queue.ask(action="result", job_id=job_id)
    return samples_of(queue.store.get(told["audio"]["key"]).body, told["audio"]["format"]).tobytes()


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_the_whole_speech(form: str, queue: Cloud, client: openai.OpenAI) -> None:
    """Each format is made from presigned parts; lossless ones have the result's samples."""
    data = speech(client, THREE_CHUNKS, "alloy", form, job_id=f"bridged-{form}", nfe_step=4, seed=5)

    whole = result_pcm(queue, f"bridged-{form}")
    heard = samples_of(data, form)
    assert len(heard) / RATE == pytest.approx(len(whole) / 2 / RATE, abs=0.15)
    if form in ("flac", "wav", "pcm"):
        assert heard.tobytes() == whole


def test_events_carry_the_same_sound(queue: Cloud, client: openai.OpenAI) -> None:
    """`stream_format: sse`, which LiveKit asks for, brings the same sound."""
    kinds, sound = events(client, "alloy", THREE_CHUNKS, "bridged-events", nfe_step=4, seed=5)

    assert kinds == ["speech.audio.delta", "speech.audio.done"]
    assert sound == result_pcm(queue, "bridged-events")


def test_failures_are_the_packages_own_exceptions(bridge: str, client: openai.OpenAI) -> None:
    """The worker's failures come through the queue as the package's exceptions; a wrong key is refused by the bridge itself."""
    with pytest.raises(openai.NotFoundError) as missing:
        speech(client, "Hello.", "nobody")
    with openai_client(bridge, "another-key") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()

    assert (missing.value.code, missing.value.param) == ("VOICE_NOT_FOUND", "voice")
    assert "tts-1" in [one.id for one in client.models.list()]


def test_whoever_hangs_up_ends_the_job(queue: Cloud, client: openai.OpenAI) -> None:
    """A client that hangs up ends its job in the queue and in the bucket, and the worker is free for the next one."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nature", input=TEXT * 9, response_format="pcm",
        extra_body={"nfe_step": 32},
    ) as response:  # fmt: skip
        next(response.iter_bytes(1024))
        left = response.headers["x-request-id"]

    until(lambda: queue.record(left).get("status") == "CANCELLED", seconds=60)
    assert speech(client, "Next.", "nature", "pcm", nfe_step=4)


def test_a_job_that_waits_for_a_worker_is_seen_and_cancelled_at_once(bridge: str) -> None:
    """`status` and `cancel` of a waiting job don't wait behind the speech before it."""
    with httpx.Client(base_url=f"{bridge}/v1/audio", headers={"Authorization": f"Bearer {KEY}"}, timeout=5) as jobs:
        for number in range(12):
            fields = {"text": TEXT * 9, "voice": "nature", "job_id": f"waits-{number}", "nfe_step": 32}
            jobs.post("jobs", json=fields).raise_for_status()
        seen = jobs.get("jobs/waits-11").json()["status"]
        cancelled = jobs.delete("jobs/waits-11").json()["status"]
        after = jobs.get("jobs/waits-11").json()["status"]
        jobs.timeout = httpx.Timeout(60)
        for number in range(11):
            jobs.delete(f"jobs/waits-{10 - number}")

    assert (seen, cancelled, after) == ("IN_QUEUE", "CANCELLED", "CANCELLED")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(number: signal.Signals, queue: Cloud) -> None:
    """At SIGTERM it exits with 0, having written one line to stdout."""
    with started("-m", "f5_worker_client", "serve", "--port", "0", environment=environment(queue)) as process:
        first_line(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, ""), err
    assert "Traceback" not in err


def test_installed_without_the_extra_it_says_what_is_missing(queue: Cloud) -> None:
    """An environment in which fastapi can't be imported."""
    code = "import sys, runpy; sys.modules['fastapi'] = None; runpy.run_module('f5_worker_client', run_name='__main__', alter_sys=True)"
    with started("-c", code, "serve", "--port", "0", environment=environment(queue)) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (2, "")
    assert "pip install '.[serve]'" in err
    assert "Traceback" not in err
