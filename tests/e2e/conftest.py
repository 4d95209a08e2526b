"""The real worker loop in its own processes, a real queue and a real bucket."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.ports import NoSuchObject
from local.job import Rules
from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from s3_utils import S3Store, s3_client
from tests.conftest import ROOT
from tests.servers import Server, moto

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


@dataclass
class Cloud:
    """A queue, a bucket, and workers that can be started."""

    endpoint: LocalEndpoint
    bucket: Server
    name: str
    settings: dict[str, str]
    folder: Path

    def worker(self, worker_id: str, **settings: str) -> WorkerProcess:
        """Start a worker process on the real SDK loop; return without waiting for it."""
        extra = {**self.bucket.environment(self.name), **self.settings, **settings}
        return self.endpoint.worker(
            ROOT / "handler.py", log=self.folder / f"{worker_id}.log", worker_id=worker_id, cwd=self.folder, extra=extra
        )

    def send(self, **request: object) -> Any:
        """Submit a job without waiting for it."""
        return self.endpoint.client().run({"input": request})

    def ask(self, **request: object) -> dict[str, Any]:
        """Submit a job and return its output, or {'error': text}, RunPod's form of a failure."""
        return self.wait(self.send(**request))

    def wait(self, job: Any) -> dict[str, Any]:
        """Wait for a job and return its output."""
        while job.status() not in FINAL:
            time.sleep(0.1)
        told = self.endpoint.queue.jobs[job.job_id].reply
        output = told.get("output")
        return (output if isinstance(output, dict) else {}) | ({"error": told["error"]} if "error" in told else {})

    def record(self, job_id: str) -> dict[str, Any]:
        """A job's record in the bucket; empty if there is none yet."""
        try:
            return dict(json.loads(self.store.get(keys.job_record(job_id)).body))
        except NoSuchObject:
            return {}

    @cached_property
    def store(self) -> S3Store:
        """The bucket as the workers see it."""
        return S3Store.from_settings(self.bucket.settings(self.name))


@pytest.fixture(scope="module")
def cloud(tiny_checkpoint: Path, small_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with moto() as bucket, local_endpoint(rules=Rules(redeliver_after_s=5)) as endpoint:
        s3_client(bucket.settings("any")).create_bucket(Bucket="voices-of-ours")
        settings = {
            "CHECKPOINT": str(tiny_checkpoint),
            "ASR_MODEL": str(small_whisper),
            "MODEL_CACHE_DIR": str(folder / "models"),
        }
        yield Cloud(endpoint, bucket, "voices-of-ours", settings, folder)


@pytest.fixture(scope="session")
def human_base64(human_wav: bytes) -> str:
    return b64encode(human_wav).decode()
