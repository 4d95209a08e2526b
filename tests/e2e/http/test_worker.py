"""SERVE=http: a real worker process with its own port, and the real `openai` package as the client."""

import hashlib
import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from local.worker import WorkerProcess
from tests.conftest import SPOKEN
from tests.e2e.conftest import Cloud
from tests.e2e.http.doors import (
    FORMATS,
    RATE,
    events,
    free_port,
    openai_client,
    ping,
    samples_of,
    speech,
    wait_for_ping,
)
from tests.http_server import until

LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 5
# A pause parts chunks, and short ones cost least.
FOUR_CHUNKS = "[pause:100ms]".join(["The quick brown fox jumps over the lazy dog."] * 4)
QUICK: dict[str, Any] = {"nfe_step": 4, "seed": 5}
MANY_CHUNKS = "\n\n".join(["The quick brown fox jumps over the lazy dog."] * 10)
KEY = "door-key"


class Door:
    """A worker process of the cloud with an HTTP server; it starts at once."""

    def __init__(self, cloud: Cloud, name: str, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        told = {"SERVE": "http", "PORT": str(port), "API_KEY": KEY, "DEFAULT_VOICE": "nature", **settings}
        self.process: WorkerProcess = cloud.worker(name, **told)


@pytest.fixture(scope="module")
def door(cloud: Cloud, human_base64: str) -> Iterator[Door]:
    door = Door(cloud, "http-1", WORKER_CONCURRENCY="4")
    with door.process:
        wait_for_ping(door.url)
        told = {"voice": "nature", "audio": human_base64, "consent": True, "transcript": SPOKEN}
        act(door.url, "upload", **told)
        yield door


@pytest.fixture
def client(door: Door) -> Iterator[openai.OpenAI]:
    with openai_client(door.url, KEY) as client:
        yield client


def act(url: str, action: str, **fields: Any) -> dict[str, Any]:
    """Call an action and return its reply."""
    return asked(f"{url}/v1/actions/{action}", fields)


def asked(url: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    body = None if fields is None else json.dumps(fields).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=300) as response:  # noqa: S310
        return dict(json.loads(response.read()))


def result_pcm(cloud: Cloud, url: str, job_id: str) -> bytes:
    """A finished job's samples, as the bucket has them."""
    told = act(url, "result", job_id=job_id)
    body = cloud.store.get(told["audio"]["key"]).body
    assert hashlib.sha256(body).hexdigest() == told["audio"]["sha256"]
    return samples_of(body, told["audio"]["format"]).tobytes()


def test_it_says_that_it_starts_and_that_it_is_ready(cloud: Cloud) -> None:
    """/ping gives 204 until the model is loaded, then 200, on the health port too; at SIGTERM the process exits with 0."""
    health = free_port()
    door = Door(cloud, "http-0", PRELOAD="1", PORT_HEALTH=str(health))
    with door.process:
        seen = wait_for_ping(f"http://127.0.0.1:{health}")
        loaded = [json.loads(line)["event"] for line in door.process.log_text().splitlines() if line.startswith("{")]
        ping_before_the_end = ping(door.url)
        door.process.terminate()

        assert seen[-2:] == [204, 200]
        assert ping_before_the_end == 200
        assert loaded.index("engine.loaded") < loaded.index("worker.ready")
        assert door.process.wait(30) == 0


def test_an_unfit_worker_says_so(cloud: Cloud) -> None:
    """It makes the queue worker's fitness checks: here a GPU is required and there is none."""
    door = Door(cloud, "http-unfit", DEVICE="cuda")
    with door.process:
        seen = wait_for_ping(door.url, 503)

        assert 200 not in seen
        assert "no NVIDIA driver" in door.process.log_text()


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_the_whole_speech(form: str, cloud: Cloud, door: Door, client: openai.OpenAI) -> None:
    """Each format is the whole speech; lossless ones have the result's samples."""
    data = speech(client, FOUR_CHUNKS, "alloy", form, job_id=f"form-{form}", **QUICK)

    whole = result_pcm(cloud, door.url, f"form-{form}")
    heard = samples_of(data, form)
    assert len(heard) / RATE == pytest.approx(len(whole) / 2 / RATE, abs=0.15)
    if form in ("flac", "wav", "pcm"):
        assert heard.tobytes() == whole


def test_sound_comes_before_the_rest_is_made(door: Door, client: openai.OpenAI) -> None:
    """The first bytes arrive while the job is still in progress."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nature", input=LONG, response_format="pcm", extra_body={"job_id": "early", "nfe_step": 8}
    ) as response:
        pieces = response.iter_bytes(4096)
        first = next(pieces)
        state = act(door.url, "status", job_id="early")["status"]
        rest = b"".join(pieces)

    assert (state, response.headers["x-request-id"]) == ("IN_PROGRESS", "early")
    assert len(first + rest) % 2 == 0


def test_events_carry_the_same_sound(cloud: Cloud, door: Door, client: openai.OpenAI) -> None:
    """`stream_format: sse`, which LiveKit asks for, brings the same sound."""
    kinds, sound = events(client, "nature", "Hello there.", "events", **QUICK)

    assert kinds == ["speech.audio.delta", "speech.audio.done"]
    assert sound == result_pcm(cloud, door.url, "events")


def test_failures_are_the_packages_own_exceptions(door: Door, client: openai.OpenAI) -> None:
    """Failures are the package's exceptions, with code and field, and no job is made of them."""
    with pytest.raises(openai.NotFoundError) as missing:
        speech(client, "Hello.", "nobody")
    with pytest.raises(openai.BadRequestError) as fast:
        client.audio.speech.create(model="tts-1", voice="nature", input="Hello.", speed=3.9)
    with openai_client(door.url, "another-key") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()

    assert (missing.value.code, missing.value.param) == ("VOICE_NOT_FOUND", "voice")
    assert (fast.value.code, fast.value.param) == ("INVALID_REQUEST", "speed")


def test_a_job_is_done_once_whoever_asks(cloud: Cloud, door: Door, client: openai.OpenAI) -> None:
    """The same job asked for twice over HTTP and once through the queue has one attempt and the same bytes."""
    one, other = (speech(client, "Only once.", "nature", "pcm", job_id="once", **QUICK) for _ in range(2))
    with cloud.worker("queue-1"):
        queued = cloud.ask(action="result", job_id="once")

    assert one == other == result_pcm(cloud, door.url, "once")
    assert queued["audio"]["sha256"] == act(door.url, "result", job_id="once")["audio"]["sha256"]
    assert len(cloud.record("once")["attempts"]) == 1


def resident_mb(pid: int) -> float:
    """The memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def read_slowly(client: openai.OpenAI, job_id: str, go_on: threading.Event) -> bytes:
    """A stream of which only the beginning is read until the test allows the rest."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nature", input=LONG, response_format="pcm", extra_body={"job_id": job_id, "nfe_step": 2}
    ) as response:
        pieces = response.iter_bytes(1024)
        begin = next(pieces)
        assert go_on.wait(300)
        return begin + b"".join(pieces)


def test_64_streams_at_the_same_time_are_64_speeches(cloud: Cloud, door: Door, client: openai.OpenAI) -> None:
    """64 streams lose and mix no byte, a slow reader delays nobody, and memory doesn't grow with what was sent."""

    def one(number: int) -> bytes:
        text = f"Stream number {number}."
        return speech(client, text, "nature", "pcm", job_id=f"stream-{number}", nfe_step=2, seed=number)

    go_on = threading.Event()
    with ThreadPoolExecutor(64) as pool:
        slow = pool.submit(read_slowly, client, "stream-slow", go_on)
        heard = list(pool.map(one, range(63)))
        is_held = not slow.done()
        again, held_mb = list(pool.map(one, range(63))), resident_mb(door.process.pid)
        once_more, grown_mb = list(pool.map(one, range(63))), resident_mb(door.process.pid) - held_mb
        go_on.set()
        heard.append(slow.result())

    assert is_held
    assert again == once_more == heard[:63]
    assert grown_mb < 50
    stored = [result_pcm(cloud, door.url, f"stream-{number}") for number in [*range(63), "slow"]]
    assert [hashlib.sha256(data).hexdigest() for data in heard] == [hashlib.sha256(data).hexdigest() for data in stored]
    assert len(set(stored)) == 64


def test_whoever_hangs_up_frees_the_turn(cloud: Cloud, door: Door, client: openai.OpenAI) -> None:
    """A client that hangs up cancels its job, and its attempt ends."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nature", input=LONG * 4, response_format="pcm",
        extra_body={"nfe_step": 32},
    ) as response:  # fmt: skip
        next(response.iter_bytes(1024))
        hung_up = response.headers["x-request-id"]

    until(lambda: act(door.url, "status", job_id=hung_up)["status"] == "CANCELLED", seconds=60)
    state = act(door.url, "status", job_id=hung_up)
    assert state["progress"]["done"] < state["progress"]["total"]


def test_a_stopping_worker_hands_its_job_to_another(cloud: Cloud, door: Door) -> None:
    """A stopping worker answers 503 and exits with 0 within its grace; another one finishes the job with an undisturbed run's bytes."""
    stopped = Door(cloud, "http-2", STOP_GRACE_S="3")
    fields = {"text": MANY_CHUNKS, "voice": "nature", "job_id": "handed", "nfe_step": 16, "seed": 5}
    with stopped.process:
        wait_for_ping(stopped.url)
        asked(f"{stopped.url}/v1/audio/jobs", fields)
        until(lambda: act(stopped.url, "status", job_id="handed")["progress"]["done"] > 0, seconds=120)
        stopped.process.terminate()
        seen = wait_for_ping(stopped.url, 503)
        code = stopped.process.wait(30)
    handed = cloud.record("handed")["attempts"]

    asked(f"{door.url}/v1/audio/jobs", fields)
    asked(f"{door.url}/v1/audio/jobs", {**fields, "job_id": "unstruck"})
    finished = [result_of(door.url, job_id) for job_id in ("handed", "unstruck")]

    assert (code, [attempt["outcome"] for attempt in handed]) == (0, ["INTERRUPTED"])
    assert 200 in seen or seen == [503]
    assert finished[0]["audio"]["sha256"] == finished[1]["audio"]["sha256"]
    assert cloud.record("handed")["attempts"][-1]["effort"]["chunks_reused"] > 0


def result_of(url: str, job_id: str) -> dict[str, Any]:
    """A job's result, once it has one."""
    until(lambda: "result" in asked(f"{url}/v1/audio/jobs/{job_id}"), seconds=300)
    return dict(asked(f"{url}/v1/audio/jobs/{job_id}")["result"])


def test_a_port_that_is_taken_ends_it_with_one_line(cloud: Cloud, door: Door, tmp_path: Path) -> None:
    """A port that is taken ends the worker with one line that says what to do."""
    port = door.url.rpartition(":")[2]
    with cloud.worker("http-3", SERVE="http", PORT=port) as second:
        assert second.wait(60) == 1

        assert f"PORT {port} can't be listened on" in second.log_text()
        assert ping(door.url) == 200
