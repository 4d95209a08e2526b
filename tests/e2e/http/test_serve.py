"""`make serve`: the whole service by one command, and the client in front of it."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import ROOT
from tests.e2e.http.doors import FORMATS, events, first_line, openai_client, ping, samples_of, speech, started

SENTENCE = "The weather will be sunny tomorrow."
STORY = "Mary has a thousand fish and a hundred dogs. My friend made the perfect hat last night. " * 6


@dataclass
class Served:
    """What `make serve` started: its address, its process, its bucket."""

    url: str
    process: "subprocess.Popen[str]"
    bucket: Path

    def workers(self) -> list[int]:
        """The ids of its worker processes and their children."""
        return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and self._is_ours(path)]

    def _is_ours(self, path: Path) -> bool:
        try:
            surroundings = (path / "environ").read_bytes()
        except OSError:
            return False
        return f"DATA_DIR={self.bucket}\0".encode() in surroundings and path.name != str(self.process.pid)

    def jobs(self) -> list[str]:
        return sorted(path.name for path in (self.bucket / "jobs").iterdir())

    def attempts(self, job_id: str) -> list[str]:
        record = json.loads((self.bucket / "jobs" / job_id / "job.json").read_bytes())
        return [attempt["outcome"] for attempt in record["attempts"]]


@contextmanager
def serving(bucket: Path) -> Iterator[Served]:
    told = {"DATA_DIR": str(bucket)}
    with started("-m", "local.serve", "--port", "0", environment=told, cwd=ROOT) as process:
        line = first_line(process)
        assert line.startswith("serving http://127.0.0.1:"), (line, process.stderr and process.stderr.read())
        yield Served(line.removeprefix("serving ").strip(), process, bucket)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("serve") / "bucket") as served:
        yield served


def test_there_are_voices_to_try_and_one_speaks_for_any_name(served: Served) -> None:
    """When its line appears, everything answers, and there are voices to try."""
    with openai_client(served.url) as client:
        voices = client.get("/audio/voices", cast_to=object)
        heard = samples_of(speech(client, "The weather will be sunny tomorrow.", "alloy", "mp3"), "mp3")

    assert ping(served.url) == 200
    assert isinstance(voices, dict)
    assert [one["name"] for one in voices["voices"]] == ["rms", "slt"]
    assert 0.5 < len(heard) / 24_000 < 10


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_the_same_speech(form: str, served: Served) -> None:
    """Each format is the same speech; lossless ones have the samples that the events carry."""
    said: dict[str, Any] = {"seed": 3, "nfe_step": 4}
    with openai_client(served.url) as client:
        heard = samples_of(speech(client, SENTENCE, "slt", form, **said), form)
        kinds, sound = events(client, "slt", SENTENCE, "the-same", **said)

    assert kinds == ["speech.audio.delta", "speech.audio.done"]
    assert len(heard) == pytest.approx(len(sound) / 2, abs=3600)
    if form in ("flac", "wav", "pcm"):
        assert heard.tobytes() == sound


def test_failures_are_the_packages_own_exceptions(served: Served) -> None:
    """Failures are the package's exceptions, with code and field."""
    with openai_client(served.url) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            speech(client, "Hello.", "nobody")
        with pytest.raises(openai.BadRequestError) as fast:
            client.audio.speech.create(model="tts-1", voice="slt", input="Hello.", speed=3.9)

    assert (missing.value.code, missing.value.param) == ("VOICE_NOT_FOUND", "voice")
    assert (fast.value.code, fast.value.param) == ("INVALID_REQUEST", "speed")


@contextmanager
def speaking(served: Served, folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = (
        "-m",
        "f5_worker_client",
        "speak",
        "story.txt",
        "--voice",
        "slt",
        "-o",
        "story.wav",
        "--seed",
        "7",
        "--set",
        "nfe_step=6",
    )
    (folder / "story.txt").write_text(STORY, encoding="utf-8")
    told = {"F5_URL": f"{served.url}/v1"}
    with started(*command, "--json", *options, environment=told, cwd=folder) as process:
        yield process


def test_a_command_that_is_killed_in_the_middle_and_run_again_makes_one_job(served: Served, tmp_path: Path) -> None:
    """A command that is killed and run again makes one result in one attempt, with the bucket's bytes."""
    before = served.jobs()
    with speaking(served, tmp_path) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "chunks" in line:
                break
        process.kill()
    halfway = (tmp_path / "story.wav").exists()
    with speaking(served, tmp_path) as again:
        out, err = again.communicate(timeout=300)

    assert (again.returncode, halfway) == (0, False), err
    (job_id,) = set(served.jobs()) - set(before)
    facts = json.loads(out)["parts"][0]
    assert (facts["job_id"], served.attempts(job_id)) == (job_id, ["COMPLETED"])
    assert hashlib.sha256((tmp_path / "story.wav").read_bytes()).hexdigest() == facts["sha256"]


def test_a_worker_that_dies_is_replaced_and_its_job_goes_on(served: Served, tmp_path: Path) -> None:
    """A worker that dies is replaced, and its job's caller only waits longer."""
    before = served.jobs()
    with speaking(served, tmp_path, "--job-id", "struck") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "chunks" in line:
                break
        for pid in served.workers():
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert set(served.jobs()) - set(before) == {"struck"}
    assert json.loads(out)["parts"][0]["job_id"] == "struck"
    assert served.attempts("struck")[-1] == "COMPLETED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to_and_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    """When it is told to end, no process is left, and the bucket's contents stay."""
    with serving(tmp_path / "bucket") as served:
        workers = served.workers()
        served.process.send_signal(number)
        out, err = served.process.communicate(timeout=30)

        assert (served.process.returncode, out) == (0, ""), err
        assert workers != []
        assert _gone(served)
    assert sorted(path.name for path in (tmp_path / "bucket" / "voices").iterdir()) == ["rms", "slt"]


def _gone(served: Served) -> bool:
    """Whether no process is left, or one that is just ending."""
    end = time.monotonic() + 10
    while served.workers() and time.monotonic() < end:
        time.sleep(0.1)
    return served.workers() == []


def test_a_port_that_is_taken_is_told_in_one_line(served: Served, tmp_path: Path) -> None:
    """A port that is taken is reported in one line, with what to do."""
    port = served.url.rpartition(":")[2]
    with started("-m", "local.serve", "--port", port, environment={"DATA_DIR": str(tmp_path)}, cwd=ROOT) as process:
        out, err = process.communicate(timeout=120)

    assert (process.returncode, out) == (1, "")
    assert f"port {port} can't be listened on" in err
    assert "Traceback" not in err
