"""The demo beside a worker that will not answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo import Demo
from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from tests.fakes import ManualClock

HEALTH = {"action": "health"}
IDLE = "import time\ntime.sleep(600)"


class Deadly(ManualClock):
    """While somebody sleeps the worker dies."""

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
    """A process that takes no job."""
    (folder / "worker.py").write_text(script, "utf-8")
    return endpoint.worker(folder / "worker.py", log=folder / "worker.log", cwd=folder)


@pytest.mark.parametrize("way", ["ask", "follow"])
def test_a_worker_that_ends_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path, way: str) -> None:
    """Instead of asking for ever after a job that stays in the queue: the message says where the worker's log is."""
    client = endpoint.client()
    with worker(endpoint, tmp_path, "raise SystemExit(3)") as dead:
        dead.wait(60)
        demo = Demo(client, dead)

        with pytest.raises(SystemExit, match=r"exit status 3.*worker\.log"):
            demo.ask("health", HEALTH) if way == "ask" else demo.follow(client.run({"input": HEALTH}))


def test_a_worker_that_tells_nothing_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """It lives, and its job stays in the queue: patience has an end."""
    clock = ManualClock()
    with worker(endpoint, tmp_path, IDLE) as idle:
        demo = Demo(endpoint.client(), idle, clock=clock, patience_s=5.0)

        with pytest.raises(SystemExit, match=r"no news of job .* for 5 s.*worker\.log"):
            demo.ask("health", HEALTH)
    assert clock.monotonic() == pytest.approx(ManualClock().monotonic() + 5.0, abs=0.3)


def test_a_worker_that_ends_while_its_job_waits_ends_the_demo(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """It is looked at each time, not once."""
    with worker(endpoint, tmp_path, IDLE) as doomed:
        demo = Demo(endpoint.client(), doomed, clock=Deadly(doomed))

        with pytest.raises(SystemExit, match="exit status -9"):
            demo.ask("health", HEALTH)
