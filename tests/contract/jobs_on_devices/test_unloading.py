"""Jobs through the handler on a worker whose weights leave their device and come back: each sounds as it does alone."""

import gc
import threading
import time
import weakref
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.machine import rss_mib
from cloning.ports import Samples
from cloning.service import Call, Service
from engines.device.gpu_thread import GpuThread
from engines.f5.engine import F5Engine
from handler import answer
from tests.contract.jobs_on_devices.jobs import generate
from tests.standins.desk import wait_until

CYCLES = 100


def nothing() -> None:
    """A turn that does nothing: it is done once those before it are."""


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> "weakref.WeakSet[F5Engine]":
    """The engines that something still refers to."""
    engines: weakref.WeakSet[F5Engine] = weakref.WeakSet()
    made = F5Engine.__init__

    def init(engine: F5Engine, *arguments: Any) -> None:
        made(engine, *arguments)
        engines.add(engine)

    monkeypatch.setattr(F5Engine, "__init__", init)
    return engines


@pytest.mark.parametrize("how", ["dropped", "parked"])
def test_low_vram_a_hundred_jobs_sound_alike(
    world: Callable[..., Service], how: str, alive: "weakref.WeakSet[F5Engine]",
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:  # fmt: skip
    """With LOW_VRAM the weights leave after each job and come back for the next: the same speech each time, never more than one model."""
    monkeypatch.setattr(F5Engine, "worth_parking", how == "parked")
    service = world(low_vram=True)
    first = generate(service, "first")
    service.gpu.run(nothing)
    assert service.engines.loaded() is None or how == "parked"
    rss = rss_mib()

    for number in range(CYCLES):
        reply = generate(service, f"job-{number}")
        assert reply["audio"]["sha256"] == first["audio"]["sha256"]
        assert len(alive) <= 1

    service.gpu.run(nothing)  # they leave beside the encoding
    held = service.engines.loaded()
    assert (held and held["loaded_on"]) == ("host memory" if how == "parked" else None)
    record_property("rss_mib_before", rss)
    record_property("rss_mib_after", rss_mib())
    print(f"{CYCLES} jobs: RSS {rss} MiB before, {rss_mib()} MiB after")  # noqa: T201 - asked for: `pytest -s` shows it


def test_a_dropped_engine_is_really_gone(world: Callable[..., Service]) -> None:
    """No reference cycle keeps a dropped engine: its memory is free before the next load, without the garbage collector."""
    service = world()
    generate(service, "first")
    engine = service.engines.get(service.engines.check(service.settings.checkpoint))
    assert isinstance(engine, F5Engine)
    watched = weakref.WeakSet([*engine._model.modules(), *engine._vocoder.modules()])
    gone = weakref.ref(engine)
    del engine
    gc.disable()
    try:
        service.gpu.run(service.engines.unload)
    finally:
        gc.enable()

    assert gone() is None
    assert len(watched) == 0


def test_unloading_asked_for_while_a_job_speaks_waits_for_it(
    world: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unloading waits for the job that is speaking, and the next job loads the engine again: the same speech both times."""
    service = world()
    expected = generate(service, "alone")["audio"]["sha256"]
    order: list[str] = []
    speaking, go_on = threading.Event(), threading.Event()
    engine = service.engines.get(service.engines.check(service.settings.checkpoint))
    real = engine.speak

    def speak(*arguments: Any, **options: Any) -> Samples:
        speaking.set()
        assert go_on.wait(60)
        wave = real(*arguments, **options)
        order.append("spoken")
        return wave

    monkeypatch.setattr(engine, "speak", speak)
    replies: dict[str, Any] = {}

    def unload() -> None:
        service.engines.unload()
        order.append("unloaded")

    gpu = cast("GpuThread", service.gpu)

    def ask(job: str) -> None:
        replies[job] = generate(service, job)

    threads = [threading.Thread(target=ask, args=("first",)), threading.Thread(target=service.gpu.run, args=(unload,))]
    threads[0].start()
    assert speaking.wait(60)
    threads[1].start()
    wait_until(lambda: bool(gpu._scheduler.waiting))
    threads.append(threading.Thread(target=ask, args=("second",)))
    threads[2].start()
    assert order == []
    go_on.set()
    for thread in threads:
        thread.join()

    assert order[:2] == ["spoken", "unloaded"]
    assert {reply["audio"]["sha256"] for reply in replies.values()} == {expected}


def test_low_vram_hears_and_speaks_with_one_model_at_a_time(
    world: Callable[..., Service], small_whisper: Path, human_wav: bytes
) -> None:
    """With LOW_VRAM the recogniser is freed before the engine is loaded."""
    service = world(low_vram=True, unload_after_s=3600.0, asr_model=str(small_whisper))
    audio = b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "fred", "audio": audio, "consent": True}, Call("u"))

    reply = generate(service, "j", voice="fred")

    assert reply["status"] == "COMPLETED"
    assert service.transcribers.loaded() is None
    assert service.engines.loaded() is not None


def test_idle_weights_leave_and_the_next_job_brings_them_back(world: Callable[..., Service]) -> None:
    """The real timer unloads idle weights, and the next job loads them again with the same speech."""
    service = world(unload_after_s=0.05)
    first = generate(service, "first")
    while service.engines.loaded() is not None:
        time.sleep(0.01)

    assert generate(service, "second")["audio"]["sha256"] == first["audio"]["sha256"]
