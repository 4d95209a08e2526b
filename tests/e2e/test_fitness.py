"""Workers in the real SDK loop that must not take jobs: unfit from the start, or after a failure."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.worker import LocalEndpoint, local_endpoint
from tests.conftest import ROOT, SPOKEN

# The real worker, but for one thing: the solver fails as it does on a GPU after a device-side assert.
POISONED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import handler

if __name__ == "__main__":
    import torch
    from engines.imports.f5 import import_f5
    import_f5()
    from f5_tts.model import CFM

    def sample(*_, **__):
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    CFM.sample = sample
    handler.main()
"""


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    with local_endpoint() as running:
        yield running


def test_a_worker_that_fails_a_check_ends_before_any_job(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A worker that fails a check exits with 1, logs the setting's name, and leaves the job in the queue for another worker."""
    job = endpoint.client().run({"input": {"action": "health"}})
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "MODEL_CACHE_DIR": "/proc/models"}
    with endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker:
        status = worker.wait(60)
        log = worker.log_text()

    assert (status, job.status()) == (1, "IN_QUEUE")
    assert "Fitness check failed: check_disk" in log
    assert "MODEL_CACHE_DIR" in log


def test_a_worker_of_runpods_without_a_bucket_says_so(
    endpoint: LocalEndpoint, tmp_path: Path, human_wav: bytes
) -> None:
    """A worker on RunPod without a bucket says so in its log, in its health, and to callers who would get a URL; what the Hub tests works."""
    folders = {"DATA_DIR": str(tmp_path / "bucket"), "MODEL_CACHE_DIR": str(tmp_path / "models")}
    settings = {**folders, "RUNPOD_ENDPOINT_ID": "ep1", "CHECKPOINT": str(tmp_path)}
    audio = b64encode(human_wav).decode()
    with endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker:
        upload = told(endpoint, {"action": "upload", "voice": "anna", "audio": audio, "consent": True})
        spoken = told(endpoint, {"text": "One.", "voice": "anna"})
        health = told(endpoint, {"action": "health"})
        log = worker.log_text()

    assert upload["output"]["status"] == "STORED"
    assert spoken["output"]["code"] == "STORAGE_MISCONFIGURED"
    assert (health["output"]["status"], "error" in health) == ("degraded", False)
    assert '"store.not_shared"' in log
    assert "S3_BUCKET" in log


def test_after_a_fatal_error_every_reply_asks_for_another_worker(
    endpoint: LocalEndpoint, tmp_path: Path, tiny_checkpoint: Path, human_wav: bytes
) -> None:
    """After a fatal GPU error each generate is refused as retryable, with the flag that makes RunPod stop the pod; others are answered."""
    script = tmp_path / "poisoned.py"
    script.write_text(POISONED, "utf-8")
    folders = {"DATA_DIR": str(tmp_path / "bucket"), "MODEL_CACHE_DIR": str(tmp_path / "models")}
    # The official solver is what the poison is in.
    settings = {**folders, "CHECKPOINT": str(tiny_checkpoint), "DEVICE": "cpu", "SAMPLER": "official"}
    audio = b64encode(human_wav).decode()
    with endpoint.worker(script, log=tmp_path / "log", cwd=tmp_path, extra=settings):
        upload = {"action": "upload", "voice": "anna", "audio": audio, "transcript": SPOKEN, "consent": True}
        assert told(endpoint, upload)["output"]["status"] == "STORED"
        first = told(endpoint, {"text": "One.", "voice": "anna", "job_id": "first"})
        second = told(endpoint, {"text": "Two.", "voice": "anna"})
        status = told(endpoint, {"action": "status", "job_id": "first"})

    for reply in (first, second):
        assert reply["output"]["code"] == "WORKER_UNFIT", json.dumps(reply)
        assert (reply["output"]["retryable"], "refresh_worker" in reply["output"]) == (True, False)
        assert reply["error"].startswith("WORKER_UNFIT: ")
    assert (status["output"]["status"], status["output"]["failure"]["code"]) == ("INTERRUPTED", "WORKER_UNFIT")
    assert endpoint.queue.workers["worker-1"].stop_requests == 2


def told(endpoint: LocalEndpoint, request: dict[str, Any]) -> dict[str, Any]:
    """What the worker posted for a job."""
    job = endpoint.client().run({"input": request})
    while not endpoint.queue.jobs[job.job_id].final:
        time.sleep(0.05)
    return dict(endpoint.queue.jobs[job.job_id].reply)
