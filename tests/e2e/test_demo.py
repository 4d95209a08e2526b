"""The demo: its story, and what it does if a worker doesn't answer."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from local.demo import TEXT, Demo, long_part
from local.story import Story, report_of
from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from tests.standins.fakes import ManualClock
from tests.unit.docs.test_examples import api_examples

HEALTH = {"action": "health"}
ECHO = """import json, runpod
replies = json.load(open("replies.json"))
runpod.serverless.start({"handler": lambda job: replies[job["input"]["action"]]})
"""
IDLE = "import time\ntime.sleep(600)"


class Deadly(ManualClock):
    """A clock by which the worker dies while the demo sleeps."""

    def __init__(self, worker: WorkerProcess) -> None:
        super().__init__()
        self._worker = worker

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._worker.kill()


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    with local_endpoint() as running:
        yield running


def worker(endpoint: LocalEndpoint, folder: Path, script: str) -> WorkerProcess:
    """A process that runs the script."""
    (folder / "worker.py").write_text(script, "utf-8")
    return endpoint.worker(folder / "worker.py", log=folder / "worker.log", cwd=folder)


@pytest.mark.parametrize("way", ["ask", "speak"])
def test_a_worker_that_ends_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path, way: str) -> None:
    """If the worker ends, the demo ends too, with a message that says where the worker's log is."""
    client = endpoint.client()
    with worker(endpoint, tmp_path, "raise SystemExit(3)") as dead:
        dead.wait(60)
        demo = Demo(client, dead)

        with pytest.raises(SystemExit, match=r"exit status 3.*worker\.log"):
            demo.ask(HEALTH) if way == "ask" else demo.speak(HEALTH)


def test_a_worker_that_tells_nothing_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """If a worker lives but leaves its job in the queue, the demo gives up in the end."""
    clock = ManualClock()
    with worker(endpoint, tmp_path, IDLE) as idle:
        demo = Demo(endpoint.client(), idle, clock=clock, patience_s=5.0)

        with pytest.raises(SystemExit, match=r"no news of job .* for 5 s.*worker\.log"):
            demo.ask(HEALTH)
    assert clock.monotonic() == pytest.approx(ManualClock().monotonic() + 5.0, abs=0.3)


def test_a_worker_that_ends_while_its_job_waits_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """The demo checks again and again that its worker lives, not just once."""
    with worker(endpoint, tmp_path, IDLE) as doomed:
        demo = Demo(endpoint.client(), doomed, clock=Deadly(doomed))

        with pytest.raises(SystemExit, match="exit status -9"):
            demo.ask(HEALTH)


def test_the_demo_tells_its_story_in_a_screenful(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """In a pipe the demo prints at most 40 plain lines with each step's seconds; whole requests and replies are in the report."""
    replies = {one.name: one.reply for one in api_examples()}
    (tmp_path / "replies.json").write_text(json.dumps(replies), "utf-8")
    told = io.StringIO()
    story = Story(Console(file=told))

    with worker(endpoint, tmp_path, ECHO) as real:
        result = Demo(endpoint.client(), real, story=story).run(long_part(8))
    story.ended(result, "a small checkpoint speaks", tmp_path / "speech.wav", tmp_path / "report.md")
    lines, report = told.getvalue().splitlines(), report_of(story.exchanges, "a small checkpoint speaks", 1.0)

    steps = [line.split()[0] for line in lines if " s  " in line]
    assert steps == ["health", "upload", "generate", "result", "voices"]
    assert len(lines) <= 40
    assert "\x1b" not in told.getvalue()
    assert json.dumps(TEXT) in report
    assert all(json.dumps(replies[name], indent=1) in report for name in steps)


def test_a_job_that_fails_ends_the_demo_with_its_failure(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A failed job ends the demo with the failure's code and the path of the worker's log."""
    (tmp_path / "replies.json").write_text(json.dumps({"health": {"error": "INTERNAL: a bug"}}), "utf-8")

    with worker(endpoint, tmp_path, ECHO) as real, pytest.raises(SystemExit, match=r"FAILED.*INTERNAL.*worker\.log"):
        Demo(endpoint.client(), real, story=Story(Console(file=io.StringIO()))).ask(HEALTH)
