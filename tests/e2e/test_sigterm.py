"""SIGTERM: the moments in which the SDK loses jobs, and the grace, with the real handler and loop. Each job completes."""

import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.clock import SystemClock
from cloning.jobs.claim import Claim
from cloning.jobs.store import JobStore
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import parse
from local.worker import LocalEndpoint, local_endpoint
from storage.folder_store import FolderStore
from tests.conftest import ROOT, SPOKEN
from tests.e2e.conftest import Cloud
from tests.unit.cloning.audio.test_canonical import tone, wav

LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 9
PATIENCE_S = SLACK_S = 30.0  # for a machine that is busy with other tests
AUDIO = b64encode(wav(tone(2.0))).decode()


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """A queue that keeps each poll open for a minute; RunPod's does so for longer."""
    with local_endpoint(poll_s=60.0) as running:
        yield running


def test_a_job_handed_to_a_busy_worker_after_sigterm_is_done(
    endpoint: LocalEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one of four slots waits for another worker's job, a late job runs beside it, and both are answered."""
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "WORKER_CONCURRENCY": "4", "STOP_GRACE_S": "30"}
    request = {"text": "Hello.", "voice": "before", "job_id": "held"}
    with endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker:
        wait_until_done(endpoint, upload(endpoint, "before"))
        held = held_by_another(tmp_path / "bucket", request)
        waiting = str(endpoint.client().run({"input": request}).job_id)
        while not endpoint.queue.jobs[waiting].deliveries:
            time.sleep(0.05)
        wait_for_a_question(endpoint, monkeypatch)
        worker.terminate()
        time.sleep(0.3)
        late = upload(endpoint, "after")
        wait_until_done(endpoint, late)
        held.complete(
            {"audio": {"key": keys.result("held", "0" * 64, "wav"), "sha256": "0" * 64, "format": "wav", "bytes": 1}}
        )
        code = worker.wait(60)

    ends = [
        (job.state.value, job.deliveries, job.results) for job in map(endpoint.queue.jobs.get, (late, waiting)) if job
    ]
    assert (code, ends) == (0, [("COMPLETED", 1, 1)] * 2)


def held_by_another(bucket: Path, request: dict[str, str]) -> Claim:
    """Claim the job as another worker that takes its time."""
    jobs = JobStore(FolderStore(bucket), SystemClock(), worker="other", new_id=lambda: "1", lease_s=3600)
    parsed = parse(request, Limits(1000, 1000))
    assert isinstance(parsed, Generate)
    claim = jobs.claim("held", parsed.digest(), 1, delivery="d")
    assert isinstance(claim, Claim)
    claim.start(1)
    return claim


def test_an_idle_worker_leaves_within_its_grace(tmp_path: Path) -> None:
    """An idle worker exits within its grace, although its polls for jobs and cancellations would stay open for a minute."""
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "STOP_GRACE_S": "2"}
    with (
        local_endpoint(poll_s=60.0) as endpoint,
        endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker,
    ):
        wait_until_done(endpoint, upload(endpoint, "before"))
        worker.terminate()
        code = worker.wait(2 + SLACK_S)

    assert code == 0
    assert "Traceback" not in worker.log_text()


def upload(endpoint: LocalEndpoint, voice: str) -> str:
    job = endpoint.client().run({"input": {"action": "upload", "voice": voice, "audio": AUDIO, "consent": True}})
    return str(job.job_id)


def wait_for_a_question(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until the worker's poll is open: the server looks into the queue as long as it is."""
    looked = threading.Event()
    take = endpoint.queue.take

    def watched(*arguments: Any) -> list[dict[str, object]]:
        looked.set()
        return take(*arguments)

    monkeypatch.setattr(endpoint.queue, "take", watched)
    assert looked.wait(PATIENCE_S)


def wait_until_done(endpoint: LocalEndpoint, job_id: str) -> None:
    while not endpoint.queue.jobs[job_id].final:
        time.sleep(0.05)


@pytest.mark.parametrize("concurrency", ["1", "4"])
def test_a_job_handed_to_a_worker_after_sigterm_is_done(
    endpoint: LocalEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: str
) -> None:
    """A job that the open poll brings after SIGTERM is still run and posted, and the worker exits with 0."""
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "WORKER_CONCURRENCY": concurrency}
    with endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker:
        wait_until_done(endpoint, upload(endpoint, "before"))
        wait_for_a_question(endpoint, monkeypatch)
        worker.terminate()
        time.sleep(0.3)
        late = upload(endpoint, "after")
        code = worker.wait(60)

    job = endpoint.queue.jobs[late]
    assert (code, job.state.value, job.deliveries, job.results) == (0, "COMPLETED", 1, 1)


def test_a_long_job_is_handed_back_and_gone_on_with(cloud: Cloud, human_base64: str) -> None:
    """Nothing is posted, the process ends within its grace, and the next worker makes only the missing chunks."""
    request = {"text": LONG, "voice": "nature", "seed": 3, "nfe_step": 16, "job_id": "handed-back"}
    with cloud.worker("first", STOP_GRACE_S="2") as first:
        cloud.ask(action="upload", voice="nature", audio=human_base64, consent=True, transcript=SPOKEN)
        job = cloud.send(action="generate", **request)
        while cloud.record("handed-back").get("progress", {}).get("done", 0) < 1:
            time.sleep(0.05)
        first.terminate()
        code = first.wait(2 + SLACK_S)
    handed_back = cloud.record("handed-back")
    posted = cloud.endpoint.queue.jobs[job.job_id].results
    with cloud.worker("second"):
        reply = cloud.wait(job)

    attempts = cloud.record("handed-back")["attempts"]
    made, reused = ([one["effort"][name] for one in attempts] for name in ("chunks_made", "chunks_reused"))
    assert (code, posted, handed_back["status"], handed_back["lease"]["seconds"]) == (0, 0, "IN_PROGRESS", 0)
    assert [one["outcome"] for one in attempts] == ["INTERRUPTED", "COMPLETED"]
    assert len(reply["manifest"]["chunks"]) == 6
    assert (made[0] >= 1, made[0] + made[1], reused) == (True, 6, [0, made[0]])
