"""Each row of docs/failures.md is caused for real: the reply, the job's state, and how its next delivery ends."""

import errno
import os
import resource
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloning import keys
from cloning.clock import Timings, no_timings
from cloning.errors import (
    CheckpointUnusable,
    DeviceUnavailable,
    GpuOutOfMemory,
    HubUnavailable,
    StorageMisconfigured,
    StorageUnavailable,
    WorkerUnfit,
)
from cloning.ports import NoSuchObject, Progress
from cloning.service import Call, Service
from cloning.settings import Settings
from docs.failures import FAULTS, Fault
from handler import answer
from model_cache.copies.disk_errors import trouble_explained
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service
from tests.fakes import Always, EchoTranscriber, ManualClock, ToneEngine

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 8
SPEAK = {"text": TEXT, "voice": "anna", "seed": 3, "job_id": "j"}
BY_NAME = {fault.name: fault for fault in FAULTS}
Trouble = Callable[[str, str], None]


class Killed(BaseException):
    """The process is dead and takes no further step."""


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


@pytest.fixture
def world(tmp_path: Path, human_wav: bytes) -> World:
    return World(tmp_path, human_wav)


Inject = Callable[[World, Service, pytest.MonkeyPatch], AbstractContextManager[Service]]
INJECTIONS: dict[str, Inject] = {}


def injects(name: str) -> Callable[[Callable[..., Iterator[Service]]], Callable[..., Iterator[Service]]]:
    """Register what causes a row: a generator that yields the service to ask and repairs what it broke."""

    def register(inject: Callable[..., Iterator[Service]]) -> Callable[..., Iterator[Service]]:
        INJECTIONS[name] = contextmanager(inject)
        return inject

    return register


def speaking_raises(error: Callable[[], BaseException]) -> Inject:
    @contextmanager
    def inject(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
        def fail(_: str) -> None:
            raise error()

        world.engine.before_speaking = fail
        yield service
        world.engine.before_speaking = lambda _: None

    return inject


def loading_raises(error: Callable[[], BaseException]) -> Inject:
    @contextmanager
    def inject(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
        def fail() -> None:
            raise error()

        yield replace(service, engines=Unloadable(world.engine, fail))

    return inject


INJECTIONS |= {
    "process_gone": speaking_raises(lambda: BrokenProcessPool("a child process terminated abruptly")),
    "connection_lost": speaking_raises(lambda: ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")),
    "gpu_memory": speaking_raises(lambda: GpuOutOfMemory("the memory of cuda did not suffice", device="cuda")),
    "gpu_fatal": speaking_raises(lambda: WorkerUnfit("cuda failed", device="cuda", kind="CUDA error: unspecified")),
    "gpu_gone": loading_raises(lambda: DeviceUnavailable("no GPU")),
    "hub_away": loading_raises(lambda: HubUnavailable("the hub does not answer")),
    "checkpoint": loading_raises(lambda: CheckpointUnusable("of an unknown layout")),
    "exit": speaking_raises(lambda: SystemExit(3)),
    "bug": speaking_raises(ZeroDivisionError),
}


@injects("no_memory")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Allocate an array, for real, for which no machine has memory."""

    def too_much(_: str) -> None:
        np.empty(1 << 60, np.uint8)

    world.engine.before_speaking = too_much
    yield service
    world.engine.before_speaking = lambda _: None


@injects("tmpdir_full")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Limit file sizes, for real, to 100 kB, less than the voice needs."""
    with limited(resource.RLIMIT_FSIZE, 100_000):
        yield service


@injects("cache_full")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    def fail() -> None:
        with trouble_explained():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    yield replace(service, engines=Unloadable(world.engine, fail))


@injects("disk_failing")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    world.store.trouble = failing(["download"], "voices/", lambda: OSError(errno.EIO, os.strerror(errno.EIO)))
    yield service
    world.store.trouble = nothing


@injects("no_descriptors")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Take every file descriptor below the limit, for real, from the first chunk on."""
    with ExitStack() as limits:

        def exhaust(_: str) -> None:
            world.engine.before_speaking = lambda _: None
            with open(os.devnull) as lowest_free:  # noqa: PTH123 - only its number matters
                number = lowest_free.fileno()
            limits.enter_context(limited(resource.RLIMIT_NOFILE, number))

        world.engine.before_speaking = exhaust
        yield service


@injects("no_thread")
def _(world: World, service: Service, patch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Refuse every new thread from the first chunk on; a chunk would be stored in one."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    world.engine.before_speaking = lambda _: patch.setattr(threading.Thread, "start", refuse)
    yield service
    patch.undo()
    world.engine.before_speaking = lambda _: None


@injects("refused_at_the_end")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    world.store.trouble = failing(["create", "put"], "results/", lambda: StorageMisconfigured("the store refuses us"))
    yield service
    world.store.trouble = nothing


@injects("away_at_the_end")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Fail every store call from when the result is due until the lease has ended."""
    away = threading.Event()

    def trouble(operation: str, key: str) -> None:
        if key.startswith("results/"):
            away.set()
        if away.is_set():
            raise StorageUnavailable("the bucket does not answer")

    world.store.trouble = trouble
    yield service
    world.store.trouble = nothing


@injects("job_damaged")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Damage the job's record from the second chunk on, until somebody restores it."""
    key = keys.job_record("j")
    kept: list[bytes] = []

    def damage(_: str) -> None:
        kept.append(world.store.get(key).body)
        world.store.put(key, b"[]", content_type="application/json")
        world.engine.before_speaking = lambda _: None

    world.engine.before_speaking = lambda _: setattr(world.engine, "before_speaking", damage)
    yield service
    world.store.put(key, kept[0], content_type="application/json")


@injects("voice_damaged")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Damage the voice's record, which is read again because its audio seems to have moved."""
    key = keys.voice_record("anna")
    kept = world.store.get(key).body

    def trouble(operation: str, asked: str) -> None:
        if operation == "download" and asked.startswith("voices/"):
            world.store.trouble = nothing
            world.store.put(key, b"[]", content_type="application/json")
            raise NoSuchObject(asked)

    world.store.trouble = trouble
    yield service
    world.store.put(key, kept, content_type="application/json")


@injects("away_in_the_middle")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Fail every write from the second chunk to the third."""
    chunks: list[str] = []

    def at_chunk(text: str) -> None:
        chunks.append(text)
        away = failing(["create", "replace", "put"], "", lambda: StorageUnavailable("the bucket does not answer"))
        world.store.trouble = away if len(chunks) == 2 else nothing

    world.engine.before_speaking = at_chunk
    yield service
    assert len(chunks) > 2


@injects("sigterm")
@injects("cancelled")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Stop the call, as SIGTERM and a cancel do; tests/e2e/test_sigterm.py shows that nothing is posted."""
    world.engine.before_speaking = lambda _: world.call.stopped.set()
    yield service
    world.engine.before_speaking = lambda _: None
    world.call.stopped.clear()


@injects("bug_again")
def _(world: World, service: Service, patch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Let each of the job's earlier attempts meet a bug."""
    with INJECTIONS["bug"](world, service, patch) as broken:
        for _ in range(BY_NAME["bug_again"].incidents):
            assert world.ask(broken)["retryable"]
        yield broken


@injects("voice")
def _(world: World, service: Service, _: pytest.MonkeyPatch) -> Iterator[Service]:
    """Remove the voice's audio before the claimed job fetches it."""
    world.store.trouble = failing(["download"], "voices/", lambda: NoSuchObject("voices/anna"))
    yield service
    world.store.trouble = nothing


def nothing(operation: str, key: str) -> None:
    pass


def failing(operations: list[str], prefix: str, error: Callable[[], BaseException]) -> Trouble:
    def trouble(operation: str, key: str) -> None:
        if operation in operations and key.startswith(prefix):
            raise error()

    return trouble


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Limit the process, for real, to that much."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, human_wav: bytes) -> str:
    """The digest of undisturbed speech."""
    world = World(tmp_path_factory.mktemp("calm"), human_wav)
    return str(world.ask(world.worker("w1"))["audio"]["sha256"])


def test_each_row_is_made_to_happen() -> None:
    """Every failure of the page is caused by a test; a worker's death has one of its own."""
    assert INJECTIONS.keys() == BY_NAME.keys() - {"killed"}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name != "killed"], ids=lambda fault: fault.name)
def test_a_trouble_is_told_and_the_job_kept_or_ended_as_the_page_says(
    fault: Fault, world: World, calm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reply and record are as the page says; a job that is kept ends with the same speech when delivered again."""
    told = fault.told()

    with INJECTIONS[fault.name](world, world.worker("w1"), monkeypatch) as service:
        reply = world.ask(service)
    world.clock.advance(61)  # where the lease could not be given back
    other = world.worker("w2")
    status = world.status(other)
    again = world.ask(other)

    if told is None:
        assert (reply["status"], reply["audio"]["sha256"], status["status"]) == ("COMPLETED", calm, "COMPLETED")
        return
    flags = (reply["code"], reply["retryable"], "refresh_worker" in reply)
    assert flags == (told.code, told.retryable, told.refresh_worker)
    if told.retryable:
        assert status["status"] == "INTERRUPTED"
        assert (again.get("status"), again.get("audio", {}).get("sha256")) == ("COMPLETED", calm)
    else:
        assert (status["status"], status["failure"]["code"]) == ("FAILED", told.code)
        assert again["code"] == "JOB_FAILED"


def test_a_killed_workers_job_is_kept(world: World, calm: str) -> None:
    """A killed worker takes no further step, and its lease ends. (At every store call: tests/faults/test_store_calls.py.)"""

    def die(operation: str, key: str) -> None:
        raise Killed

    world.engine.before_speaking = lambda _: setattr(world.store, "trouble", die)
    with suppress(Killed):
        world.ask(world.worker("w1"))
    world.store.trouble, world.engine.before_speaking = nothing, lambda _: None
    world.clock.advance(61)
    other = world.worker("w2")

    status, again = world.status(other), world.ask(other)

    assert (status["status"], again["audio"]["sha256"]) == ("INTERRUPTED", calm)


@pytest.mark.parametrize("name", ["tmpdir_full", "no_memory", "refused_at_the_end", "bug", "gpu_memory"])
def test_the_record_says_what_the_caller_was_told(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status of a job that was given back has the reason that its caller got."""
    with INJECTIONS[name](world, world.worker("w1"), monkeypatch) as service:
        reply = world.ask(service)
    status = world.status(world.worker("w2"))

    told = {field: reply[field] for field in ("code", "message", "retryable", "details")}
    assert (status["status"], status["failure"]) == ("INTERRUPTED", told)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 100 kB: the one that SMALL names, or a tmpfs if this user may mount one."""
    if there := os.environ.get("SMALL"):
        yield Path(there)
        return
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no small disk: this user may not mount one, and SMALL names none")
    yield small
    subprocess.run(["umount", str(small)], check=True)


def test_a_disk_of_a_hundred_kilobytes_fails_no_job(world: World, calm: str, small_disk: Path) -> None:
    """If the voices' folder is on a full disk, nothing half-made stays there, and a worker with room speaks."""
    service = world.worker("w1")
    service.voices._files._folder = small_disk

    reply = world.ask(service)
    again = world.ask(world.worker("w2"))

    assert (reply["code"], reply["details"]["os_code"]) == ("DISK_FULL", "ENOSPC")
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert again["audio"]["sha256"] == calm
