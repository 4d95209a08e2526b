"""The unchanged `runpod.Endpoint` client and the unchanged worker loop meet at the local endpoint."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import requests

from local.job import JobState, Rules
from local.server import Limits
from local.worker import LocalEndpoint, WorkerProcess, local_endpoint

ROOT = Path(__file__).parents[2]
FIXED = {"n": 1, "text": "grüße"}

# One script, several handlers: HANDLER picks a plain or a generator one, CONCURRENCY the jobs at a time.
HANDLER = """
import asyncio, os, pathlib, time
import runpod

met = asyncio.Event()
meeting, failed = set(), set()

async def handler(job):
    do, id = job["input"]["do"], job["id"]
    if do == "echo":
        return job["input"]
    if do == "raise":
        raise ValueError("broken on purpose")
    if do == "fail once":
        if id in failed:
            return {"attempt": 2}
        failed.add(id)
        return {"error": "not yet", "hint": "retry"}
    if do == "bytes":
        return {"audio": b"can't be JSON"}
    if do == "nan":
        return {"loudness": float("nan")}
    if do == "large":
        return {"audio": "x" * job["input"]["bytes"]}
    if do == "meet":
        meeting.add(id)
        if len(meeting) == job["input"]["parties"]:
            met.set()
        await met.wait()
        return {"met": len(meeting)}
    if do == "refresh":
        return {"refresh_worker": True, "done": True}
    if do == "wait":
        return await wait(job)

async def wait(job):
    pathlib.Path("started-" + job["id"]).touch()
    runpod.serverless.progress_update(job, {"chunks": "1/2"})
    try:
        while not pathlib.Path("release").exists():
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        pathlib.Path("cancelled-" + job["id"]).touch()
        raise
    return {"chunks": "2/2", "worker": os.environ["RUNPOD_POD_ID"]}

def parts(job):
    for n in range(job["input"]["parts"]):
        yield {"n": n}

if __name__ == "__main__":
    concurrency = int(os.environ.get("CONCURRENCY", "1"))
    chosen = parts if os.environ.get("HANDLER") == "parts" else handler
    scale = lambda current: concurrency
    runpod.serverless.start({"handler": chosen, "concurrency_modifier": scale, "return_aggregate_stream": True})
"""


T = TypeVar("T")


def eventually(ask: Callable[[], T | None], *, seconds: float = 60.0) -> T:
    """Wait for the first answer that isn't empty; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.02)
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the shared worker runs."""
    folder = tmp_path_factory.mktemp("worker")
    (folder / "handler.py").write_text(HANDLER, "utf-8")
    return folder


@pytest.fixture(scope="module")
def endpoint(folder: Path) -> Iterator[LocalEndpoint]:
    """An endpoint with small limits and one worker that holds four jobs at a time."""
    limits = Limits(run=20_000, runsync=40_000)
    with local_endpoint(poll_s=1.0, limits=limits) as endpoint, start(endpoint, folder, CONCURRENCY="4"):
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint: LocalEndpoint) -> Any:
    """RunPod's own client of the shared endpoint."""
    return endpoint.client()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[LocalEndpoint]:
    """An endpoint without a worker; its handler script is in tmp_path."""
    (tmp_path / "handler.py").write_text(HANDLER, "utf-8")
    with local_endpoint(poll_s=0.5, rules=Rules(redeliver_after_s=2.5)) as endpoint:
        yield endpoint


def start(endpoint: LocalEndpoint, folder: Path, worker_id: str = "worker-1", **extra: str) -> WorkerProcess:
    return endpoint.worker(
        folder / "handler.py", log=folder / f"{worker_id}.log", worker_id=worker_id, cwd=folder, extra=extra
    )


def raw(
    endpoint: LocalEndpoint,
    method: str,
    path: str,
    *,
    key: bytes | None = None,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> requests.Response:
    """Send a request as any HTTP client would, with the endpoint's key unless another is given."""
    url = f"{endpoint.url}/{endpoint.endpoint_id}/{path}"
    sent: dict[str, Any] = {
        "Authorization": f"Bearer {endpoint.api_key}" if key is None else key,
        "Connection": "close",
    }
    return requests.request(method, url, headers=sent | (headers or {}), timeout=30, **options)


def ask(do: str, **fields: object) -> dict[str, object]:
    return {"input": {"do": do, **fields}}


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


def test_a_generators_parts_arrive_in_order(alone: LocalEndpoint, tmp_path: Path) -> None:
    """The client's stream() yields each part in order, and the aggregate is the output."""
    with start(alone, tmp_path, HANDLER="parts"):
        job = alone.client().run({"input": {"parts": 3}})

        parts = list(job.stream())

        status = raw(alone, "GET", f"status/{job.job_id}").json()
    assert parts == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert (status["status"], status["output"]) == ("COMPLETED", parts)


def test_sigterm_lets_the_running_job_end_and_leaves_the_waiting_one(alone: LocalEndpoint, tmp_path: Path) -> None:
    """At SIGTERM a worker finishes and posts its running job and exits with 0; the next job stays in the queue."""
    client = alone.client()
    with start(alone, tmp_path) as worker:
        running = client.run(ask("wait"))
        eventually((tmp_path / f"started-{running.job_id}").exists)
        cancelled, waiting = client.run(ask("echo")), client.run(ask("echo"))
        cancelled.cancel()

        worker.terminate()
        (tmp_path / "release").touch()
        status = worker.wait(60)

    assert status == 0
    assert running.status() == "COMPLETED"
    assert (cancelled.status(), waiting.status()) == ("CANCELLED", "IN_QUEUE")
    assert alone.queue.jobs[cancelled.job_id].deliveries == 0
    assert client.purge_queue() == {"removed": 1, "status": "completed"}


def test_a_killed_workers_job_is_delivered_to_the_next_worker(alone: LocalEndpoint, tmp_path: Path) -> None:
    """SIGKILL ends the ping process too: the silence is noticed, and the job is delivered again, with one result."""
    job = alone.client().run(ask("wait"))
    with start(alone, tmp_path, "first") as first:
        eventually((tmp_path / f"started-{job.job_id}").exists)
        first.kill()
        assert first.returncode == -signal.SIGKILL

    (tmp_path / "release").touch()
    with start(alone, tmp_path, "second"):
        eventually(lambda: job.status() == "COMPLETED")

    assert job.output()["worker"] == "second"
    assert (alone.queue.jobs[job.job_id].deliveries, alone.queue.jobs[job.job_id].results) == (2, 1)


def test_a_request_for_work_ends_with_its_worker(tmp_path: Path) -> None:
    """A job-take whose connection is closed takes no job."""
    with local_endpoint(poll_s=30.0) as endpoint:
        address = urlsplit(endpoint.url)
        with socket.create_connection((str(address.hostname), int(address.port or 0))) as connection:
            head = f"Host: {address.netloc}\r\nAuthorization: {endpoint.api_key}\r\n\r\n"
            connection.sendall(f"GET /v2/local/job-take/dead HTTP/1.1\r\n{head}".encode())
            eventually(lambda: "dead" in endpoint.queue.workers)

        job_id = raw(endpoint, "POST", "run", json={"input": 1}).json()["id"]
        taken = raw(endpoint, "GET", "job-take/alive").json()

        assert taken == {"input": 1, "id": job_id}
        assert endpoint.queue.jobs[job_id].worker == "alive"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "run", b"not json", 400),
        ("POST", "run", b"[1]", 400),
        ("POST", "run", b"{}", 400),
        ("POST", "run", b'{"input": NaN}', 400),
        ("POST", "run?ttl=soon", b'{"input": 1}', 400),
        ("POST", "run", b'{"input": "' + b"x" * 10 * 2**20 + b'"}', 400),
        ("POST", "runsync?wait=1000", b'{"input": "' + b"x" * 10 * 2**20 + b'"}', 200),
        ("POST", "runsync?wait=1000", b'{"input": "' + b"x" * 20 * 2**20 + b'"}', 400),
        ("GET", "status/unknown", b"", 404),
        ("GET", "stream/unknown", b"", 404),
        ("POST", "cancel/unknown", b"", 404),
        ("POST", "retry/unknown", b"", 404),
        ("POST", "job-done/w/unknown", b'{"output": 1}', 404),
        ("GET", "job-take-batch/w?batch_size=0", b"", 400),
        ("GET", "job-take-batch/w?batch_size=\u0663", b"", 400),
        ("GET", "run", b"", 405),
    ],
)
def test_a_bad_request_gets_its_status(alone: LocalEndpoint, method: str, path: str, body: bytes, status: int) -> None:
    """A malformed or unknown request is answered as RunPod answers it, and the server goes on."""
    assert raw(alone, method, path, data=body).status_code == status
    assert raw(alone, "GET", "health").status_code == 200


def test_a_runsync_that_nobody_takes_answers_when_its_wait_is_over(alone: LocalEndpoint) -> None:
    """If no worker takes a /runsync, the reply has the job's id and state, and the client may poll."""
    reply = raw(alone, "POST", "runsync?wait=1000", json={"input": 1}).json()

    assert reply == {"id": reply["id"], "status": "IN_QUEUE"}
    assert alone.queue.jobs[reply["id"]].state is JobState.IN_QUEUE


@pytest.mark.parametrize(
    ("key", "status"),
    [("{key}", 200), ("Bearer {key}", 200), ("Bearer other", 401), ("local", 401), ("", 401), ("Bearer \xff", 401)],
)
def test_the_key_opens_the_endpoint_in_both_spellings(alone: LocalEndpoint, key: str, status: int) -> None:
    """Clients send a bearer token, workers the bare key; anything else is refused."""
    sent = key.format(key=alone.api_key).encode("latin-1")

    assert raw(alone, "GET", "health", key=sent).status_code == status


def test_each_start_has_a_key_of_its_own() -> None:
    """Each start makes a new key, which a web page can't guess."""
    with local_endpoint() as one, local_endpoint() as other:
        assert one.api_key != other.api_key
        assert len(one.api_key) >= 32


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("localhost:8000", 200), ("evil.test", 421), ("", 421)]
)
def test_another_host_is_refused(alone: LocalEndpoint, host: str, status: int) -> None:
    """A request for another host's name is refused, even with the key: a page's name may have been pointed at this machine."""
    assert raw(alone, "GET", "health", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "run?ttl=" + "9" * 400, b'{"input": {}}'),
        ("POST", "run?ttl=" + "9" * 5000, b'{"input": {}}'),
        ("GET", "job-take-batch/w?batch_size=" + "9" * 5000, b""),
        ("POST", "run", b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("POST", "run", b'{"input": {}, "policy": []}'),
        ("POST", "run", b'{"input": {}, "policy": [1]}'),
        ("POST", "run", b'{"input": {}, "policy": {"ttl": 1e308}}'),
        ("POST", "run", b'{"input": {}, "policy": {"executionTimeout": ' + b"9" * 400 + b"}}"),
        ("POST", "runsync?wait=0", b'{"input": {}}'),
        ("POST", "run", b"\xff\xfe"),
    ],
)
def test_odd_input_is_answered_and_not_an_error_of_the_server(
    alone: LocalEndpoint, method: str, path: str, body: bytes
) -> None:
    """Odd input is accepted or refused as the caller's mistake, never HTTP 500."""
    assert raw(alone, method, path, data=body).status_code in (200, 400)


def test_another_endpoints_name_is_not_found(alone: LocalEndpoint) -> None:
    """One server serves one endpoint; another name is not found."""
    alone.endpoint_id = "other"

    assert raw(alone, "GET", "health").status_code == 404


def test_what_the_command_line_says_is_enough_for_a_worker_and_a_client(tmp_path: Path) -> None:
    """`python -m local` prints variables that are all that a worker and a client in fresh processes need."""
    (tmp_path / "handler.py").write_text(HANDLER, "utf-8")
    code = (
        "import os, runpod; runpod.api_key = os.environ['RUNPOD_AI_API_KEY']; "
        "print(runpod.Endpoint('local').run_sync({'do': 'echo'}, timeout=120))"
    )
    command = [sys.executable, "-m", "local", "--port", "0", "--poll-s", "0.5"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        try:
            environment = {**os.environ, **_exports(server)}
            with WorkerProcess(tmp_path / "handler.py", environment=environment, log=tmp_path / "log", cwd=tmp_path):
                output = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True, timeout=180)
            server.terminate()
            status = server.wait(60)
        finally:
            server.kill()

    assert output == "{'do': 'echo'}\n"
    assert status == 0


def _exports(server: "subprocess.Popen[str]") -> dict[str, str]:
    """The variables that the server prints."""
    exports: dict[str, str] = {}
    assert server.stderr is not None
    for line in server.stderr:
        if match := re.fullmatch(r"  export (\w+)=(.*)\n", line):
            exports[match[1]] = match[2].strip("'")
        if "RUNPOD_ENDPOINT_BASE_URL" in exports:
            break
    return exports
