"""A real worker with 2 GB of memory takes every file of the corpus, and answers other calls meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from tests.bombs import BOMBS
from tests.conftest import ROOT
from tests.unit.cloning.audio.test_canonical import tone, wav

TWO_GB = 2 * 10**9
GROUPS = Path("/sys/fs/cgroup")
Job = object


@contextmanager
def memory_bounded(worker: WorkerProcess) -> Iterator[str]:
    """Limit the worker and its children to 2 GB, by a cgroup if one can be made, otherwise each by RLIMIT_AS. Return which."""
    name = f"worker-{uuid4().hex}"
    for group, limit in ((GROUPS / "memory" / name, "memory.limit_in_bytes"), (GROUPS / name, "memory.max")):
        with suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text(str(TWO_GB))
                (group / "cgroup.procs").write_text(str(worker.pid))
                yield "cgroup"
            finally:
                worker.kill()
                empty(group)
            return
    import resource

    resource.prlimit(worker.pid, resource.RLIMIT_AS, (TWO_GB, TWO_GB))
    yield "rlimit"


def empty(group: Path) -> None:
    """Remove the cgroup once its last process has ended."""
    deadline = time.monotonic() + 30
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(OSError):
        group.rmdir()


def final(endpoint: LocalEndpoint, **request: object) -> tuple[str, dict[str, object]]:
    """Wait for a job's end; return its state and reply."""
    job_id = str(endpoint.client().run({"input": request}).job_id)
    return wait(endpoint, job_id)


def wait(endpoint: LocalEndpoint, job_id: str) -> tuple[str, dict[str, object]]:
    deadline = time.monotonic() + 120
    while not (job := endpoint.queue.jobs[job_id]).final:
        assert time.monotonic() < deadline, job_id
        time.sleep(0.01)
    told: dict[str, object] = job.reply or {}
    output = told.get("output")
    return job.state.value, (output if isinstance(output, dict) else {}) | {"error": told.get("error")}


def test_a_worker_with_2_gb_survives_every_bomb(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Each upload ends in a voice or in INVALID_AUDIO, `health` is answered meanwhile, and the process stays the same."""
    uploads = tmp_path / "bucket" / "uploads"
    uploads.mkdir(parents=True)
    # An upload, a health, and free slots: a job keeps its slot a moment after its reply, and without a free one the SDK sleeps for a second.
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "WORKER_CONCURRENCY": "8"}
    ends: dict[str, tuple[str, dict[str, object]]] = {}
    waits: list[float] = []
    with (
        local_endpoint() as endpoint,
        endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker,
        memory_bounded(worker) as how,
    ):
        final(endpoint, action="health")
        for index, (name, build) in enumerate(BOMBS.items()):
            (uploads / str(index)).write_bytes(build())
            request = {"action": "upload", "voice": f"v{index}", "audio_key": f"uploads/{index}", "consent": True}
            job_id = str(endpoint.client().run({"input": request}).job_id)
            begun = time.monotonic()
            assert final(endpoint, action="health")[1]["status"] == "ok"
            waits.append(time.monotonic() - begun)
            ends[name] = wait(endpoint, job_id)
            (uploads / str(index)).unlink()
        (uploads / "good").write_bytes(wav(tone(2.0)))
        good = final(endpoint, action="upload", voice="good", audio_key="uploads/good", consent=True)
        alive = worker.returncode is None

    record_property("bounded_by", how)
    record_property("health_seconds_at_most", round(max(waits), 3))
    odd = {name: end for name, end in ends.items() if end[0] != "COMPLETED" and "INVALID_AUDIO" not in str(end[1])}
    assert alive
    assert odd == {}
    assert good[0] == "COMPLETED"


def test_uploads_that_take_long_end_with_their_calls(tmp_path: Path) -> None:
    """Four uploads that decode for seconds are cancelled: the next one is answered, and no decoding process is left."""
    bomb = BOMBS["mkv one-sample blocks beyond 60 s"]()
    uploads = tmp_path / "bucket" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "bomb").write_bytes(bomb)
    (uploads / "good").write_bytes(wav(tone(2.0)))
    settings = {"DATA_DIR": str(tmp_path / "bucket"), "WORKER_CONCURRENCY": "2"}
    with (
        local_endpoint() as endpoint,
        endpoint.worker(ROOT / "handler.py", log=tmp_path / "log", cwd=tmp_path, extra=settings) as worker,
    ):
        final(endpoint, action="upload", voice="first", audio_key="uploads/good", consent=True)
        jobs = []
        for index in range(4):
            request = {"action": "upload", "voice": f"v{index}", "audio_key": "uploads/bomb", "consent": True}
            jobs.append(str(endpoint.client().run({"input": request}).job_id))
        while not endpoint.queue.jobs[jobs[0]].deliveries:
            time.sleep(0.01)
        for job_id in jobs:
            endpoint.queue.cancel(job_id)
        health = final(endpoint, action="health")
        good = final(endpoint, action="upload", voice="good", audio_key="uploads/good", consent=True)
        alive = worker.returncode is None

    assert (alive, health[1]["status"], good[0]) == (True, "ok", "COMPLETED")
