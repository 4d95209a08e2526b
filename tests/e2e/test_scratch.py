"""Recordings on a worker's own disk go when it is ended by force, and those of a killed worker go at the next start."""

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.worker import LocalEndpoint, WorkerProcess, local_endpoint
from tests.conftest import ROOT, SPOKEN
from tests.unit.cloning.audio.test_canonical import tone, wav

AUDIO = b64encode(wav(tone(2.0))).decode()
PATIENCE_S = 60.0


class Place:
    """A queue, a bucket that is a folder, and a folder for temporary files."""

    def __init__(self, endpoint: LocalEndpoint, folder: Path, checkpoint: Path) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._settings = {
            "DATA_DIR": str(folder / "bucket"),
            "MODEL_CACHE_DIR": str(folder / "models"),
            "CHECKPOINT": str(checkpoint),
            "TMPDIR": str(self.temporary),
            "STOP_GRACE_S": "1",
        }

    def worker(self, name: str) -> WorkerProcess:
        log = self.folder / f"{name}.log"
        return self.endpoint.worker(ROOT / "handler.py", log=log, worker_id=name, cwd=self.folder, extra=self._settings)

    def upload(self) -> None:
        """Upload a voice; it is answered once a worker has started."""
        upload = {"action": "upload", "voice": "anna", "audio": AUDIO, "consent": True, "transcript": SPOKEN}
        assert self.endpoint.client().run_sync({"input": upload}, timeout=PATIENCE_S)["status"] == "STORED"

    def begin_to_speak(self) -> None:
        """Wait until the voice is on the worker's disk; the model is imported then, which takes seconds and can't be stopped."""
        self.endpoint.client().run({"input": {"text": "Hello there.", "voice": "anna", "job_id": "j"}})
        wait_until(lambda: any(path.suffix == ".wav" for path in self.files()))

    def files(self) -> list[Path]:
        return [path for path in self.temporary.rglob("*") if path.is_file()]


def wait_until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[Place]:
    with local_endpoint() as endpoint:
        yield Place(endpoint, tmp_path, tiny_checkpoint)


def test_a_worker_that_is_ended_in_the_middle_leaves_no_recording(place: Place) -> None:
    """If the grace is too short for the model's thread, the process ends by force, and still leaves no recording."""
    with place.worker("first") as worker:
        place.upload()
        place.begin_to_speak()
        worker.terminate()
        code = worker.wait(PATIENCE_S)

    assert (code, list(place.temporary.iterdir())) == (0, [])


def test_a_killed_workers_recordings_go_when_the_next_one_starts(place: Place) -> None:
    """What a killed worker left is removed when the next one starts, which keeps its own."""
    with place.worker("first") as worker:
        place.upload()
        place.begin_to_speak()
        worker.kill()
    left = {path.parent for path in place.files()}

    with place.worker("second"):
        place.upload()

        assert left
        assert not [folder for folder in left if folder.exists()]
