"""The local endpoint as the unchanged worker loop sees it: workers that start, end in the middle of a job, and are killed."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from tests.conftest import ROOT
from tests.e2e.local_endpoint.asking import HANDLER, ask, eventually, raw, start


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
