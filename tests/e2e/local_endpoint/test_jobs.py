"""Jobs on a worker that holds four at a time: the unchanged `runpod.Endpoint` client and the unchanged worker loop meet at the local endpoint."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.worker import LocalEndpoint
from tests.e2e.local_endpoint.asking import ask, eventually, raw

FIXED = {"n": 1, "text": "grüße"}


def test_run_status_and_output(endpoint: LocalEndpoint, client: Any) -> None:
    """A job submitted by /run has its output, unchanged, in /status."""
    job = client.run(ask("echo", **FIXED))

    eventually(lambda: job.status() == "COMPLETED")

    assert job.output() == {"do": "echo", **FIXED}
    status = raw(endpoint, "GET", f"status/{job.job_id}").json()
    assert status.pop("delayTime") >= 0
    assert status.pop("executionTime") >= 0
    assert status == {
        "id": job.job_id,
        "status": "COMPLETED",
        "workerId": "worker-1",
        "output": {"do": "echo", **FIXED},
    }


def test_runsync_answers_with_the_output(client: Any) -> None:
    """The client's run_sync returns the handler's output itself."""
    assert client.run_sync(ask("echo", **FIXED)) == {"do": "echo", **FIXED}


def test_four_jobs_are_in_flight_at_once(endpoint: LocalEndpoint, client: Any) -> None:
    """One worker holds four jobs at a time: the handler waits until all four have arrived, each delivered once."""
    jobs = [client.run(ask("meet", parties=4)) for _ in range(4)]

    eventually(lambda: all(job.status() == "COMPLETED" for job in jobs))

    assert [endpoint.queue.jobs[job.job_id].deliveries for job in jobs] == [1, 1, 1, 1]


def test_progress_is_seen_in_status_before_the_result(endpoint: LocalEndpoint, client: Any, folder: Path) -> None:
    """progress_update's value is the status's output while the job runs."""
    job = client.run(ask("wait"))
    seen = eventually(lambda: (raw(endpoint, "POST", f"status/{job.job_id}").json()).get("output"))
    state = job.status()

    (folder / "release").touch()
    eventually(lambda: job.status() == "COMPLETED")
    (folder / "release").unlink()

    assert (state, seen) == ("IN_PROGRESS", {"chunks": "1/2"})
    assert job.output() == {"chunks": "2/2", "worker": "worker-1"}


def test_cancelling_a_running_job_reaches_its_handler(endpoint: LocalEndpoint, client: Any, folder: Path) -> None:
    """A cancel becomes CancelledError in an async handler, and nothing is posted for the job."""
    job = client.run(ask("wait"))
    eventually((folder / f"started-{job.job_id}").exists)

    reply = job.cancel()

    assert reply == {"id": job.job_id, "status": "CANCELLED"}
    eventually((folder / f"cancelled-{job.job_id}").exists)
    assert job.status() == "CANCELLED"
    assert endpoint.queue.jobs[job.job_id].results == 0


def test_a_raised_exception_fails_the_job_with_the_sdks_report(endpoint: LocalEndpoint, client: Any) -> None:
    """If the handler raises, the job fails with type, message and traceback in a JSON string, as the SDK sends it."""
    job = client.run(ask("raise"))

    eventually(lambda: job.status() == "FAILED")

    error = json.loads(raw(endpoint, "GET", f"status/{job.job_id}").json()["error"])
    assert error["error_message"] == "broken on purpose"
    assert error["worker_id"] == "worker-1"


def test_a_failed_job_can_be_retried_under_its_id(endpoint: LocalEndpoint, client: Any) -> None:
    """/retry delivers the same id again, and the second attempt's output replaces the failure."""
    job = client.run(ask("fail once"))
    failed = eventually(lambda: _finished(endpoint, job.job_id))

    retried = raw(endpoint, "POST", f"retry/{job.job_id}").json()
    again = eventually(lambda: _finished(endpoint, job.job_id))

    assert (failed["status"], failed["error"], failed["output"]) == ("FAILED", "not yet", {"hint": "retry"})
    assert retried == {"id": job.job_id, "status": "IN_QUEUE"}
    assert (again["status"], again["output"], again["retries"]) == ("COMPLETED", {"attempt": 2}, 1)
    assert "error" not in again
    assert raw(endpoint, "POST", f"retry/{job.job_id}").status_code == 400


def _finished(endpoint: LocalEndpoint, job_id: str) -> dict[str, Any] | None:
    status: dict[str, Any] = raw(endpoint, "GET", f"status/{job_id}").json()
    return status if status["status"] in {"COMPLETED", "FAILED"} else None


@pytest.mark.parametrize(
    ("request_", "sdk_says"),
    [
        (ask("bytes"), "Object of type bytes is not JSON serializable"),
        (ask("nan"), "400, message='Bad Request'"),
        (ask("large", bytes=20_001), "400, message='Bad Request'"),
    ],
)
def test_a_result_that_cannot_travel_is_lost(
    endpoint: LocalEndpoint, client: Any, folder: Path, request_: dict[str, object], sdk_says: str
) -> None:
    """A result that can't be sent is logged by the SDK, which goes on; the client sees a job that never ends, as on RunPod."""
    job = client.run(request_)
    log = folder / "worker-1.log"

    eventually(lambda: re.search(rf"{job.job_id} \| Finished\.", log.read_text("utf-8")))

    lines = [line for line in log.read_text("utf-8").splitlines() if job.job_id in line]
    assert any(sdk_says in line for line in lines)
    assert job.status() == "IN_PROGRESS"
    assert endpoint.queue.jobs[job.job_id].results == 0


def test_runsync_carries_results_twice_as_large(client: Any) -> None:
    """A result that is too large for /run passes through /runsync."""
    output = client.run_sync(ask("large", bytes=30_000))

    assert len(output["audio"]) == 30_000


def test_a_refresh_is_asked_for_and_the_job_still_succeeds(endpoint: LocalEndpoint, client: Any) -> None:
    """`refresh_worker` in a reply reaches the queue as stopPod, the job succeeds, and the SDK's worker itself goes on."""
    output = client.run_sync(ask("refresh"))

    assert output == {"done": True}
    assert endpoint.queue.workers["worker-1"].stop_requests == 1
    assert client.run_sync(ask("echo")) == {"do": "echo"}


def test_health_counts_the_worker_that_pings(endpoint: LocalEndpoint, client: Any) -> None:
    """The client's health() reads the answer in RunPod's form."""
    eventually(lambda: endpoint.queue.workers["worker-1"].pings)

    health = client.health()

    assert set(health["jobs"]) == {"completed", "failed", "inProgress", "inQueue", "retried"}
    assert health["workers"]["idle"] + health["workers"]["running"] == 1
