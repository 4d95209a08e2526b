"""
The whole worker: the real SDK loop and client, a real S3 server over HTTP, the real F5-TTS on a small checkpoint, a real Whisper.

The checkpoint's weights are random: these tests prove plumbing, not sound.
"""

import base64
import hashlib
import io
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from local.worker import WorkerProcess
from tests.conftest import SPOKEN
from tests.e2e.conftest import Cloud

LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 9
# A pause parts chunks, and short ones cost least.
FIVE_CHUNKS = "[pause:100ms]".join(["The quick brown fox jumps over the lazy dog."] * 5)
QUICK: dict[str, Any] = {"nfe_step": 4, "seed": 5}


@pytest.fixture(scope="module")
def worker(cloud: Cloud) -> Iterator[WorkerProcess]:
    with cloud.worker("first") as running:
        yield running


@pytest.fixture(scope="module")
def nature(cloud: Cloud, worker: WorkerProcess, human_base64: str) -> str:
    """A voice uploaded under an older client's field names, with the consent that the deployment requires."""
    reply = cloud.ask(endpoint="upload", voice_name="nature.wav", voice_file=human_base64, consent=True)
    assert reply["status"] == "STORED", reply
    return "nature"


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - a presigned URL of the loopback
        return bytes(response.read())


def libraries_of(pid: int) -> str:
    """The shared libraries that a process has loaded."""
    return Path(f"/proc/{pid}/maps").read_text()


def test_a_worker_without_a_generate_loads_no_model_code(cloud: Cloud, worker: WorkerProcess, nature: str) -> None:
    """upload, status, result, voices and health are answered without torch."""
    cloud.ask(action="status", job_id="nobody")
    cloud.ask(action="result", job_id="nobody")
    cloud.ask(action="voices")
    cloud.ask(action="health")

    assert "libtorch" not in libraries_of(worker.pid)


def test_parts_are_told_while_the_job_runs_and_joined_are_the_result(
    cloud: Cloud, worker: WorkerProcess, nature: str
) -> None:
    """Parts are reported by RunPod's status and by the worker's, each with a URL of its own, and joined they are the result."""
    request = {"action": "generate", "text": LONG, "voice": nature, **QUICK, "parts": True, "job_id": "early"}
    job = cloud.send(**request)
    told: list[Any] = []
    while job.status() in ("IN_QUEUE", "IN_PROGRESS"):
        told.append(cloud.endpoint.queue.jobs[job.job_id].reply.get("output") or {})
        time.sleep(0.05)

    reply = cloud.wait(job)
    items = cloud.ask(action="status", job_id="early", parts_after=-1)["parts"]["items"]
    joined = [soundfile.read(io.BytesIO(fetched(item["url"])), dtype="int16")[0] for item in items]
    whole = soundfile.read(io.BytesIO(fetched(reply["audio_url"])), dtype="int16")[0]
    assert any(0 < update.get("parts", {}).get("ready", 0) < len(items) for update in told)
    assert [sample for part in joined for sample in part] == list(whole)


def test_a_voice_speaks_from_upload_to_result(cloud: Cloud, worker: WorkerProcess, nature: str) -> None:
    """Older clients' fields work all the way, and the audio behind the URL is as the reply says."""
    reply = cloud.ask(text="Hello there, how are you today?", local_voice="nature.wav", speed=1.0, **QUICK)

    audio = fetched(reply["audio_url"])
    info = soundfile.info(io.BytesIO(audio))
    assert (reply["status"], info.samplerate, info.channels, info.subtype) == ("COMPLETED", 24_000, 1, "PCM_16")
    assert info.duration == pytest.approx(reply["duration"], abs=0.001)
    assert hashlib.sha256(audio).hexdigest() == reply["audio"]["sha256"]
    assert "random weights" in reply["manifest"]["checkpoint_note"]
    assert cloud.ask(endpoint="status", job_id=reply["job_id"])["status"] == "COMPLETED"
    assert fetched(cloud.ask(endpoint="result", job_id=reply["job_id"])["audio_url"]) == audio
    assert "libtorch" in libraries_of(worker.pid)


def test_the_transcript_is_heard_once_and_kept(cloud: Cloud, worker: WorkerProcess, nature: str) -> None:
    """A real Whisper hears the stored audio once, at WER 0; the next generate spends nothing on it."""
    cloud.ask(text="Hello there.", voice=nature, **QUICK)
    again = cloud.ask(text="Hello once more.", voice=nature, **QUICK)

    voices = cloud.ask(endpoint="list_voices")["voices"]
    told = next(one for one in voices if one["voice"] == nature)
    assert re.findall(r"\w+", told["transcript"].lower()) == re.findall(r"\w+", SPOKEN.lower())
    assert told["transcript_by"] == "whisper-base"
    assert again["timings"]["transcript"] == 0


def test_status_is_answered_while_a_long_generate_runs(
    cloud: Cloud, worker: WorkerProcess, nature: str, record_property: Callable[[str, object], None]
) -> None:
    """A status on the same worker is answered while the generate is still in progress."""
    job = cloud.send(text=LONG * 6, voice=nature, job_id="long", nfe_step=16)
    while (
        cloud.endpoint.client().run_sync({"input": {"action": "status", "job_id": "long"}}).get("status")
        != "IN_PROGRESS"
    ):
        time.sleep(0.2)

    begun = time.monotonic()
    told = cloud.endpoint.client().run_sync({"input": {"action": "status", "job_id": "long"}})
    record_property("status_seconds", round(time.monotonic() - begun, 3))

    assert job.status() == "IN_PROGRESS"
    assert told["status"] == "IN_PROGRESS"
    cloud.ask(action="cancel", job_id="long")
    assert "JOB_CANCELLED" in cloud.wait(job)["error"]
    assert cloud.ask(action="status", job_id="long")["status"] == "CANCELLED"


def test_one_seed_is_one_speech_in_two_processes(cloud: Cloud, worker: WorkerProcess, nature: str) -> None:
    """One seed gives identical bytes in two processes, over five chunks; another seed gives others."""
    first = cloud.ask(text=FIVE_CHUNKS, voice=nature, job_id="seed-5", **QUICK)
    other = cloud.ask(text=FIVE_CHUNKS, voice=nature, job_id="seed-6", nfe_step=4, seed=6)
    worker.kill()
    with cloud.worker("second"):
        second = cloud.ask(text=FIVE_CHUNKS, voice=nature, job_id="seed-5-again", **QUICK)

        assert len(first["manifest"]["chunks"]) >= 5
        assert (first["manifest"]["worker"], second["manifest"]["worker"]) == ("first", "second")
        assert second["audio"]["sha256"] == first["audio"]["sha256"] != other["audio"]["sha256"]


def test_a_new_worker_answers_for_a_killed_one(cloud: Cloud, human_base64: str) -> None:
    """All state is in the bucket: a new worker answers status, result and the same job again without a model."""
    speak: dict[str, Any] = {"text": "I will outlive my worker.", "voice": "outlived", "job_id": "outlives", **QUICK}
    with cloud.worker("third") as third:
        cloud.ask(action="upload", voice="outlived", audio=human_base64, consent=True, transcript=SPOKEN)
        reply = cloud.ask(**speak)
        third.kill()
    with cloud.worker("fourth") as fourth:
        status = cloud.ask(action="status", job_id="outlives")
        result = cloud.ask(action="result", job_id="outlives")
        again = cloud.ask(**speak)

        assert "libtorch" not in libraries_of(fourth.pid)
    assert (status["status"], status["attempt"]) == ("COMPLETED", 1)
    assert result["audio"]["sha256"] == again["audio"]["sha256"] == reply["audio"]["sha256"]
    assert hashlib.sha256(fetched(result["audio_url"])).hexdigest() == reply["audio"]["sha256"]


def test_bad_input_costs_nothing_and_leaks_nothing(cloud: Cloud, human_base64: str) -> None:
    """Bad requests have their codes, no traceback and no path; nothing is stored, and no model code is loaded."""
    upload = {"action": "upload", "voice": "bad", "consent": True}
    bad: list[tuple[dict[str, Any], str]] = [
        ({"action": "sing"}, "UNKNOWN_ACTION"),
        ({"text": "Hi.", "voice": "nature", "speeed": 1}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "nfe_step": True}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "nfe_step": 65}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "speed": 0}, "INVALID_REQUEST"),
        ({"text": "...", "voice": "nature"}, "INVALID_TEXT"),
        ({"text": "a" * 20_001, "voice": "nature"}, "INVALID_TEXT"),
        ({"text": "Hi.", "voice": "nobody"}, "VOICE_NOT_FOUND"),
        ({"text": "Hi.", "voice": "../nature"}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "checkpoint": "no-such"}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "timing_format": "srt"}, "INVALID_REQUEST"),
        ({"text": "Hi.", "voice": "nature", "draws": 2}, "INVALID_REQUEST"),
        ({"text": "Hi.", "turns": [{"voice": "nature", "text": "Hi."}]}, "INVALID_REQUEST"),
        ({"text": "Hi. [pause:11s] Ho.", "voice": "nature"}, "INVALID_TEXT"),
        ({"text": "Hi.", "voice": "nature", "dictionary": "nobody"}, "DICTIONARY_NOT_FOUND"),
        ({"action": "check", "text": "Hi."}, "INVALID_REQUEST"),
        (upload | {"audio": base64.b64encode(b"not a sound").decode()}, "INVALID_AUDIO"),
        (upload | {"audio": ""}, "INVALID_AUDIO"),
        (upload | {"audio": "$$$"}, "INVALID_AUDIO"),
        (upload | {"audio_key": "voices/none.mp3"}, "INVALID_REQUEST"),
        (upload | {"audio_key": "../secret"}, "INVALID_REQUEST"),
        (upload | {"audio": human_base64, "consent": False}, "CONSENT_REQUIRED"),
        *((upload | {"audio_url": url}, "DOWNLOAD_REFUSED") for url in FORBIDDEN),
        ({"action": "status", "job_id": "nobody"}, "JOB_NOT_FOUND"),
        ({"action": "delete", "voice": "nobody"}, "VOICE_NOT_FOUND"),
    ]
    with cloud.worker(
        "fifth", WORKER_CONCURRENCY="64"
    ) as fifth:  # the SDK looks for jobs once a second while it is full
        cloud.ask(action="health")
        jobs = [(cloud.send(**request), code) for request, code in bad]
        replies = [(cloud.wait(job), code) for job, code in jobs]
        voices = [one["voice"] for one in cloud.ask(action="voices")["voices"]]

        assert "libtorch" not in libraries_of(fifth.pid)
    assert [reply["code"] for reply, _ in replies] == [code for _, code in replies]
    for reply, code in replies:
        assert reply["error"].startswith(f"{code}: ")
        assert not re.search(r"Traceback|File \"|/work|/tmp|/home|127\.0\.0\.1:\d", json.dumps(reply))
    assert "bad" not in voices


FORBIDDEN = [
    "http://127.0.0.1/a.wav",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "http://localhost:1/a",
    "http://[::1]/a",
]


def test_the_log_holds_no_text_audio_url_or_key(cloud: Cloud, human_base64: str) -> None:
    """At INFO no line of any worker of this file, ours or the SDK's, has a text, audio, a URL or a key."""
    logs = "".join(log.read_text() for log in cloud.folder.glob("*.log"))

    assert "job.spoken" in logs
    for secret in (
        "quick brown fox",
        human_base64[:60],
        SPOKEN[5:30],
        "X-Amz-Signature",
        cloud.bucket.secret_key,
        cloud.bucket.access_key,
    ):
        assert secret.lower() not in logs.lower()
