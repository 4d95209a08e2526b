"""What causes each row of docs/failures.md: for real where a machine lets it happen, else with the error that it would raise."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from cloning import keys
from cloning.errors import (
    CheckpointUnusable,
    DeviceUnavailable,
    GpuOutOfMemory,
    HubUnavailable,
    StorageMisconfigured,
    StorageUnavailable,
    WorkerUnfit,
)
from cloning.ports import NoSuchObject
from cloning.service import Service
from docs.failures import FAULTS
from model_cache.copies.disk_errors import trouble_explained
from tests.faults.troubled_world import Unloadable, World, failing, nothing

BY_NAME = {fault.name: fault for fault in FAULTS}


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


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Limit the process, for real, to that much."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)
