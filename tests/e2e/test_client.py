"""The installed command against a real queue, a real worker and a real bucket."""

import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.worker import WorkerProcess
from tests.conftest import ROOT
from tests.e2e.conftest import Cloud

# A few chunks: long enough to be struck down in the middle.
STORY = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 5


@pytest.fixture(scope="module")
def worker(cloud: Cloud) -> Iterator[WorkerProcess]:
    with cloud.worker("for-the-client") as running:
        yield running


@contextmanager
def started(cloud: Cloud, folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command line in its own process, with nothing of this repository on its path but the client."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "client"),
        "F5_URL": cloud.endpoint.url,
        "RUNPOD_API_KEY": cloud.endpoint.api_key,
    }
    # A test run in the background may have told its children to ignore Ctrl-C.
    heeding = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    run = heeding + "runpy.run_module('f5_worker_client', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", run, *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told_by(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def told(cloud: Cloud, folder: Path, *arguments: str) -> tuple[int, str, str]:
    with started(cloud, folder, *arguments) as process:
        return told_by(process)


@pytest.fixture(scope="module")
def folder(cloud: Cloud, worker: WorkerProcess, human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user who has uploaded a voice and heard it once."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "me.wav").write_bytes(human_wav)
    (folder / "story.txt").write_text(STORY, encoding="utf-8")
    code, out, err = told(
        cloud, folder, "upload", "me.wav", "--voice", "nature", "--consent", "I am the speaker.", "--language", "en",
        "--transcript", "Some call me nature, others call me mother nature.",
    )  # fmt: skip
    assert (code, out) == (0, "nature\n"), err
    return folder


def generates(cloud: Cloud) -> list[str]:
    """The ids of the generates that reached the queue, in order."""
    inputs: list[Any] = [job.request["input"] for job in cloud.endpoint.queue.jobs.values()]
    return [one["job_id"] for one in inputs if one["action"] == "generate"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_and_run_again_it_is_spoken_once(how: signal.Signals, cloud: Cloud, folder: Path) -> None:
    """A command that is killed and run again makes one job with one attempt, and the bytes of an undisturbed run."""
    target = f"{how.name}.wav"
    options = ("--voice", "nature", "--seed", str(how.value), "--set", "nfe_step=4", "-o", target, "--json")
    command = ("speak", "story.txt", *options)
    before = len(generates(cloud))

    with started(cloud, folder, *command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(("a worker prepares", "speaking")):
                break
        process.send_signal(how)
        code, out, err = told_by(process)
    halfway = (folder / target).exists()
    again = told(cloud, folder, *command)
    once_more = told(cloud, folder, *command, "--quiet")

    assert (code, out) == ((-9, "") if how is signal.SIGKILL else (130, "")), err
    assert not halfway
    assert again[0] == once_more[0] == 0, again
    facts = json.loads(again[1])["parts"][0]
    assert facts["sha256"] == json.loads(once_more[1])["parts"][0]["sha256"]
    sent = generates(cloud)[before:]
    assert (
        sent == [facts["job_id"]] * 2
    )  # the first run's job, which the second one waited for, and the third's question
    assert len(cloud.record(facts["job_id"])["attempts"]) == 1
    with wave.open(str(folder / target)) as sound:
        assert sound.getframerate() == 24_000
        assert sound.getnframes() / 24_000 == pytest.approx(facts["duration"], abs=0.001)
    assert "X-Amz" not in again[1] + again[2]


def test_a_book_of_chapters_becomes_one_wav(cloud: Cloud, folder: Path) -> None:
    """A book's chapters, each a job of the real worker, become one WAV, and the chapters' times fit the sound."""
    (folder / "book.txt").write_text("Chapter 1\n\nIt rained.\n\nChapter 2\n\nIt stopped.\n", encoding="utf-8")
    options = ("--voice", "nature", "--seed", "5", "--set", "nfe_step=4", "--max-chars", "30", "-o", "book.wav")

    code, out, err = told(cloud, folder, "speak", "book.txt", *options)

    assert (code, out) == (0, "book.wav\n"), err
    chapters = json.loads((folder / "book.chapters.json").read_text(encoding="utf-8"))["chapters"]
    with wave.open(str(folder / "book.wav")) as sound:
        assert chapters[1]["end"] == pytest.approx(sound.getnframes() / 24_000, abs=0.001)
    assert [chapter["title"] for chapter in chapters] == ["Chapter 1", "Chapter 2"]


def test_every_other_command_is_answered_by_the_worker(cloud: Cloud, folder: Path) -> None:
    """The other commands of docs/client.md are answered as it shows."""
    assert told(cloud, folder, "voices")[1].split("\t")[0] == "nature"
    assert told(cloud, folder, "read", "It costs $5.", "--language", "en")[1] == "It costs five dollars.\n"
    hello = (
        "speak",
        "Hello there.",
        "--voice",
        "nature",
        "--set",
        "nfe_step=4",
        "--job-id",
        "hello",
        "-o",
        "hello.mp3",
    )
    assert told(cloud, folder, *hello)[:2] == (0, "hello.mp3\n")
    assert told(cloud, folder, "status", "hello")[1] == "COMPLETED\t1/1\n"
    assert told(cloud, folder, "result", "hello", "-o", "same.mp3")[1] == "same.mp3\n"
    assert (folder / "same.mp3").read_bytes() == (folder / "hello.mp3").read_bytes()
    assert told(cloud, folder, "cancel", "hello")[1] == "COMPLETED\n"
    assert told(cloud, folder, "delete", "--job", "hello")[1] == "hello\n"
    assert told(cloud, folder, "dictionary", "names", "--say", "Nguyen=Win")[1] == "names\n"
    assert told(cloud, folder, "read", "Nguyen.", "--dictionary", "names")[1] == "Win.\n"
    assert told(cloud, folder, "dictionaries")[1] == "names\t1\n"
    assert told(cloud, folder, "delete", "--dictionary", "names")[1] == "names\n"
    assert told(cloud, folder, "expire", "--older-than-days", "1", "--dry-run")[1].startswith("would remove\t0 jobs")
    code, _, err = told(cloud, folder, "status", "hello")
    assert (code, "JOB_NOT_FOUND" in err) == (3, True)
    assert told(cloud, folder, "health")[0] == 0


def test_a_check_hears_whether_a_recording_says_its_text(cloud: Cloud, folder: Path) -> None:
    """`check` exits with 0 if the real recogniser hears the text in the recording, and with 1 if it doesn't."""
    said, not_said = (
        "Some call me nature, others call me mother nature.",
        "Nobody ever called me anything, in any year.",
    )
    options = ("--language", "en", "--check", "fast")
    right = told(cloud, folder, "check", "me.wav", "--text", said, *options)
    wrong = told(cloud, folder, "check", "me.wav", "--text", not_said, *options)

    assert right[:2] == (0, "passed\n"), right
    assert wrong[:2] == (1, "failed\n"), wrong


@pytest.mark.parametrize("what", [ROOT, ROOT / "client"], ids=["root", "client"])
def test_installed_alone_it_brings_no_torch_within_20_seconds(what: Path, tmp_path: Path) -> None:
    """`uv tool install .` into its own environment brings the command, httpx, rich and what those need, within 20 seconds."""
    environment = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    begun = time.monotonic()

    subprocess.run(
        [ROOT / ".uv" / "bin" / "uv", "tool", "install", "--quiet", what],
        env=environment,
        check=True,
        timeout=120,
    )

    seconds = time.monotonic() - begun
    installed = {path.name.split("-")[0].lower() for path in (tmp_path / "tools").rglob("*.dist-info")}
    assert {"httpx", "rich"} < installed
    assert not {"torch", "runpod", "boto3", "pydantic", "f5_tts"} & installed
    assert len(installed) <= 15
    shown = subprocess.run([tmp_path / "bin" / "f5-worker", "--help"], capture_output=True, text=True, check=True)
    assert "speak" in shown.stdout
    assert seconds < 20
