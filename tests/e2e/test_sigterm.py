"""SIGTERM's windows in which the SDK loses jobs: the real handler, the real loop; each job completes."""

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.worker import LocalEndpoint, local_endpoint
from tests.conftest import ROOT
from tests.unit.test_audio import tone, wav

AUDIO = b64encode(wav(tone(2.0))).decode()


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """A queue that holds each question for work open for three seconds, as RunPod's does for longer."""
    with local_endpoint(poll_s=3.0) as running:
        yield running


def upload(endpoint: LocalEndpoint, voice: str) -> str:
    job = endpoint.client().run({"input": {"action": "upload", "voice": voice, "audio": AUDIO, "consent": True}})
    return str(job.job_id)


def wait_until_done(endpoint: LocalEndpoint, job_id: str) -> None:
    while not endpoint.queue.jobs[job_id].final:
        time.sleep(0.05)


@pytest.mark.parametrize("concurrency", ["1", "4"])
def test_a_job_handed_to_a_worker_after_sigterm_is_done(
    endpoint: LocalEndpoint, tmp_path: Path, concurrency: str
) -> None:
    """The worker's question was open when it was told to stop; what comes in answer is still run and posted, and it exits 0."""
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "WORKER_CONCURRENCY": concurrency}
    with endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker:
        wait_until_done(endpoint, upload(endpoint, "before"))
        time.sleep(1.5)  # the loop has asked again, and waits
        worker.terminate()
        time.sleep(0.3)
        late = upload(endpoint, "after")
        code = worker.wait(60)

    job = endpoint.queue.jobs[late]
    assert (code, job.state.value, job.deliveries, job.results) == (0, "COMPLETED", 1, 1)
