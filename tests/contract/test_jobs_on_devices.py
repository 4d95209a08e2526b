"""Jobs through the handler on a worker whose weights leave their device and come back: each sounds as it does alone."""

import asyncio
import gc
import io
import threading
import time
import weakref
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import soundfile
import torch

from benchmarks.machine import rss_mib
from cloning.clock import SystemClock
from cloning.ports import Samples, Utterance
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.device.gpu_thread import GpuThread
from engines.f5.engine import F5Engine
from engines.f5.fast import FastPath
from handler import answer, make_handler
from model_cache.cache import CheckpointCache
from model_cache.catalog import Checkpoint
from model_cache.local_checkpoint import LocalCheckpoint
from tests.conftest import SPOKEN, examples
from tests.desk import wait_until
from worker.assembly import build
from worker.shutdown import Stopping

TEXT = "The quick brown fox."
CYCLES = 100


@pytest.fixture
def world(tiny_checkpoint: Path, tmp_path: Path, human_wav: bytes) -> Iterator[Callable[..., Service]]:
    """Services on the real engine, with the voice anna; they share their caches."""

    def make(**settings: Any) -> Service:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        made = Settings(
            data_dir=tmp_path / "bucket",
            model_cache_dir=tmp_path / "models",
            checkpoint=str(tiny_checkpoint),
            device="cpu",
            **settings,
        )
        service = build(made, SystemClock(), scratch)
        upload(service, "anna", human_wav, SPOKEN)
        return service

    yield make
    gc.collect()


def upload(service: Service, voice: str, wav: bytes, transcript: str) -> None:
    audio = b64encode(wav).decode()
    raw = {
        "action": "upload",
        "voice": voice,
        "audio": audio,
        "consent": True,
        "transcript": transcript,
        "replace": True,
    }
    assert answer(service, raw, Call(f"upload-{voice}"))["status"] == "STORED"


def generate(service: Service, job: str, **fields: Any) -> dict[str, Any]:
    return answer(service, {"text": TEXT, "voice": "anna", "seed": 7, "nfe_step": 2, **fields}, Call(job))


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


@pytest.mark.parametrize("batch", [{}, {"batch_chunks": 8, "sampler": "fast"}], ids=["as the engine likes", "eight"])
def test_sixteen_jobs_at_once_equal_sixteen_one_by_one(
    world: Callable[..., Service], human_wav: bytes, batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen jobs with their own texts and voices, at the same time on one worker, have the samples that each has alone."""
    service = world(worker_concurrency=16, **batch)
    sizes: list[int] = []
    speak = FastPath.speak

    def counted(path: FastPath, utterances: Sequence[Utterance], *arguments: Any, **options: Any) -> Any:
        sizes.append(len(utterances))
        return speak(path, utterances, *arguments, **options)

    monkeypatch.setattr(FastPath, "speak", counted)
    for number, voice in enumerate(("bert", "carl", "dora")):
        samples, rate = soundfile.read(io.BytesIO(human_wav))
        buffer = io.BytesIO()
        soundfile.write(buffer, samples[: int((4.6 - number / 2) * rate)], rate, format="WAV")
        upload(service, voice, buffer.getvalue(), SPOKEN[: 44 - 4 * number])
    chinese = (examples() / "basic" / "basic_ref_zh.wav").read_bytes()
    upload(service, "emma", chinese, "对，这就是我，万人敬仰的太乙真人。")
    voices = ("anna", "bert", "carl", "dora", "emma")
    inputs = [
        {
            "text": f"Job {n} says. " + "It has more to say. " * (n % 4 * 4),
            "voice": voices[n % 5],
            "seed": n,
            "nfe_step": 2,
        }
        for n in range(16)
    ]
    handler = make_handler(service, lambda *_: None, Stopping(3600))

    async def all_at_once() -> list[dict[str, Any]]:
        return await asyncio.gather(*(handler({"id": f"together-{n}", "input": raw}) for n, raw in enumerate(inputs)))

    together = asyncio.run(all_at_once())
    assert max(sizes) == 1 if not batch else max(sizes) > 2
    official = world(sampler="official")
    alone = [answer(official, raw, Call(f"alone-{n}")) for n, raw in enumerate(inputs)]

    assert [reply.get("code") for reply in together] == [None] * 16
    assert [reply["audio"]["sha256"] for reply in together] == [reply["audio"]["sha256"] for reply in alone]
    assert len({reply["audio"]["sha256"] for reply in alone}) == 16


def test_a_checkpoint_is_looked_at_once_per_load(
    world: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is looked up once, ahead, in a thread of its own; the load takes that result, and a loaded engine needs no look-up."""
    looked: list[str] = []
    local = CheckpointCache.local

    def counted(cache: CheckpointCache, checkpoint: Checkpoint) -> LocalCheckpoint:
        looked.append(threading.current_thread().name)
        return local(cache, checkpoint)

    monkeypatch.setattr(CheckpointCache, "local", counted)
    service = world()
    replies = [generate(service, job) for job in ("first", "second")]

    assert [reply["status"] for reply in replies] == ["COMPLETED"] * 2
    assert looked == ["early"]


def test_an_exception_inside_the_solver_changes_no_later_job(
    world: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that dies inside the solver leaves its text in f5-tts's cache; the next job of the same length speaks its own text."""
    service = world()
    expected = generate(service, "before")["audio"]["sha256"]
    engine = service.engines.get(service.engines.check(service.settings.checkpoint))
    assert isinstance(engine, F5Engine)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle of the solver")

    with monkeypatch.context() as patch:
        patch.setattr(engine._model.transformer.transformer_blocks[1].ff, "forward", fail)
        failed = generate(service, "failing", text=TEXT[::-1])

    assert failed["code"] == "INTERNAL"
    assert generate(service, "after")["audio"]["sha256"] == expected


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "GPU_OUT_OF_MEMORY"),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "WORKER_UNFIT"),
        (RuntimeError("Expected all tensors to be on the same device, but found at least two devices"), "DEVICE_MISMATCH"),
    ],
    ids=["memory", "fatal", "mismatch"],
)  # fmt: skip
def test_what_torch_raises_mid_solve_reaches_the_caller_as_what_it_is(
    world: Callable[..., Service], failure: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure of torch keeps its own code and interrupts the job; afterwards the worker speaks again, unless it is unfit."""
    service = world()
    plain = generate(service, "plain")
    from f5_tts.model.modules import FeedForward

    def fail(*_: object, **__: object) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(FeedForward, "forward", fail)
        reply = generate(service, "j")
    record = service.jobs.get("j")
    later = generate(service, "j")

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == (code, True, True)
    assert record.is_interrupted(service.clock.now())
    assert later.get("code") == ("WORKER_UNFIT" if code == "WORKER_UNFIT" else None)
    if code != "WORKER_UNFIT":
        assert later["audio"]["sha256"] == plain["audio"]["sha256"]


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
