"""A bucket with a voice, workers that share it, and what troubles them: a store whose calls fail and engines that can't be loaded."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloning.clock import Timings, no_timings
from cloning.ports import Progress
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service
from tests.standins.fakes import Always, EchoTranscriber, ManualClock, ToneEngine

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 8
SPEAK = {"text": TEXT, "voice": "anna", "seed": 3, "job_id": "j"}
Trouble = Callable[[str, str], None]


class TroubledStore(FolderStore):
    """A folder that calls `trouble` before each call, with the call's name and key; it may raise."""

    trouble: Trouble = staticmethod(lambda *_: None)

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        self.trouble("create", key)
        return super().create(key, body, content_type=content_type)

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        self.trouble("replace", key)
        return super().replace(key, body, etag=etag, content_type=content_type)

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        self.trouble("put", key)
        return super().put(key, body, content_type=content_type)

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        self.trouble("download", key)
        return super().download(key, path, sha256=sha256, progress=progress)


class Unloadable(Always[ToneEngine]):
    """Engines that can't be loaded."""

    def __init__(self, engine: ToneEngine, fail: Callable[[], None]) -> None:
        super().__init__(engine)
        self._fail = fail

    def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> ToneEngine:
        self._fail()
        return super().get(name, device=device, part=part)


class World:
    """A bucket with a voice, and workers that share it."""

    def __init__(self, folder: Path, human_wav: bytes) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.store = TroubledStore(folder / "bucket")
        self.engine = ToneEngine()
        self.call = Call("j")
        upload = {"action": "upload", "voice": "anna", "audio": b64encode(human_wav).decode(), "consent": True}
        assert answer(self.worker("w0"), upload | {"transcript": SPOKEN}, Call("u"))["status"] == "STORED"

    def worker(self, name: str) -> Service:
        scratch = self.folder / name
        scratch.mkdir()
        settings = Settings(data_dir=self.folder / "bucket")
        return make_service(settings, self.store, self.clock, self.engine, EchoTranscriber(), scratch, worker=name)

    def ask(self, service: Service) -> dict[str, Any]:
        return answer(service, SPEAK, self.call)

    def status(self, service: Service) -> dict[str, Any]:
        return answer(service, {"action": "status", "job_id": "j"}, Call("s"))


def nothing(operation: str, key: str) -> None:
    pass


def failing(operations: list[str], prefix: str, error: Callable[[], BaseException]) -> Trouble:
    def trouble(operation: str, key: str) -> None:
        if operation in operations and key.startswith(prefix):
            raise error()

    return trouble
