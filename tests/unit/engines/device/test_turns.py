"""Jobs beside each other on one GPU: whose chunk comes when, and what is done outside of the GPU's thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloning.clock import Timings, no_timings
from cloning.errors import CheckpointUnusable, GpuOutOfMemory, ServiceError
from cloning.ports import Clock, Engine, F5Parameters, Reference, Utterance, Value, keep_going
from cloning.ports.gpu import GpuTask, Span
from cloning.service import Call, Service
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from storage.folder_store import FolderStore
from tests.standins.fakes import Always, EchoTranscriber, ManualClock, OnDemand, ToneEngine
from tests.unit.cloning.asking import TEXT, act, service_upload

PATIENCE_S = 60
WIDE = Bounds(chunks=1, seconds=22.0)


@pytest.fixture
def turns(service: Service) -> GpuThread:
    return GpuThread(service.clock, WIDE)


@pytest.fixture
def threaded(service: Service, human_wav: bytes, turns: GpuThread) -> Service:
    """The service with a real thread for its GPU, and the voice anna."""
    service_upload(service, human_wav, transcript="Some call me nature.")
    return replace(service, gpu=turns)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as one:
        yield one


def wait_until(is_true: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(PATIENCE_S * 1000):
        if is_true():
            return
        waited.wait(0.001)
    pytest.fail("it never came")


def test_a_short_job_sent_behind_a_long_one_ends_first(
    threaded: Service, turns: GpuThread, engine: ToneEngine, pool: ThreadPoolExecutor
) -> None:
    """Its chunk goes between the long one's, which go on afterwards; the speech of both is what each is alone."""
    alone = {
        text: act(threaded, Call(f"alone-{len(text)}"), text=text, voice="anna", seed=1)
        for text in (TEXT, "A short one.")
    }
    engine.history.clear()
    answered = threading.Event()

    def behind(text: str) -> None:
        if text in TEXT and not answered.is_set():  # the long one's chunk ends when the short job waits for its turn
            wait_until(lambda: answered.is_set() or len({queued.job for queued in turns._scheduler.waiting}) == 2)

    engine.before_speaking = behind
    long_one = pool.submit(act, threaded, Call("long"), text=TEXT, voice="anna", seed=1)
    wait_until(lambda: bool(turns._scheduler.waiting))
    short = act(threaded, Call("short"), text="A short one.", voice="anna", seed=1)
    is_long_done = threaded.jobs.get("long").status.is_final
    answered.set()

    spoken = [text for text, _, _ in engine.history] if long_one.result(PATIENCE_S) else []
    assert not is_long_done
    assert spoken.index("A short one.") <= 2
    assert short["audio"]["sha256"] == alone["A short one."]["audio"]["sha256"]
    assert long_one.result()["audio"]["sha256"] == alone[TEXT]["audio"]["sha256"]


def test_between_chunks_the_bucket_is_not_asked_from_the_gpus_thread(
    threaded: Service, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress, chunks and leases are written elsewhere; the GPU's own thread writes once, that the job has begun."""
    writers: list[tuple[str, str]] = []
    replace_, put = store.replace, store.put

    def replacing(key: str, body: bytes, **named: Any) -> str:
        writers.append((threading.current_thread().name, key))
        return replace_(key, body, **named)

    def putting(key: str, body: bytes, **named: Any) -> str:
        writers.append((threading.current_thread().name, key))
        return put(key, body, **named)

    monkeypatch.setattr(store, "replace", replacing)
    monkeypatch.setattr(store, "put", putting)
    act(threaded, Call("j"), text=TEXT, voice="anna")

    assert len(writers) > 10
    assert [key for thread, key in writers if thread.startswith("gpu")] == ["jobs/j/job.json"]


def test_weights_stay_between_the_chunks_of_a_job(threaded: Service, engine: ToneEngine) -> None:
    """With LOW_VRAM they leave after the job, and not after each task of its work."""
    events: list[str] = []
    engine.before_speaking = lambda _: events.append("chunk")
    gpu = GpuThread(threaded.clock, WIDE, unload=lambda: events.append("unload"), unload_after_s=0)

    reply = act(replace(threaded, gpu=gpu), Call("j"), text=TEXT, voice="anna")
    gpu.run(lambda: None)  # behind what followed the job

    assert events[: len(reply["manifest"]["chunks"]) + 1] == ["chunk"] * len(reply["manifest"]["chunks"]) + ["unload"]


class Watched(GpuThread):
    """Calls `look` whenever an asker looks for its turn, in that one's thread."""

    def __init__(self, clock: Clock, look: Callable[[], None]) -> None:
        super().__init__(clock, WIDE)
        self._look = look

    def run_tasks(
        self,
        tasks: Sequence[GpuTask[Value]],
        *,
        check: Callable[[], None] = keep_going,
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spans: list[Span] | None = None,
    ) -> list[Value]:
        def looked() -> None:
            self._look()
            check()

        return super().run_tasks(tasks, check=looked, deliver=deliver, spans=spans)


def test_two_jobs_with_two_checkpoints_load_each_once(threaded: Service, pool: ThreadPoolExecutor) -> None:
    """The second's load waits while the first is busy with its progress, between its load and its first chunk."""
    loads: list[str] = []
    looks: list[int] = []
    second: list[Future[dict[str, Any]]] = []

    def load(name: str, _: str | None) -> Engine:
        loads.append(name)
        return ToneEngine()

    engines = OnDemand(load)
    service = replace(
        threaded, engines=engines, gpu=Watched(threaded.clock, lambda: looks.append(threading.get_ident()))
    )

    def progress(_: dict[str, Any]) -> None:
        if not second:
            mine = threading.get_ident()
            second.append(pool.submit(act, service, Call("b"), text=TEXT, voice="anna", checkpoint="other"))
            wait_until(lambda: len([who for who in looks if who != mine]) > 1 or len(loads) > 1)

    act(service, Call("a", progress), text=TEXT, voice="anna", checkpoint="one")
    second[0].result(PATIENCE_S)

    assert loads == ["one", "other"]


def test_a_job_whose_first_engine_can_not_be_used_is_not_in_its_own_way(threaded: Service, engine: ToneEngine) -> None:
    """It lets go of the first's weights before it asks for the second's: for the time of a switch it would wait in vain here."""
    looks: list[int] = []

    def load(name: str, _: str | None) -> Engine:
        if name != "XTTS_v2":
            raise CheckpointUnusable("no such file")
        return engine

    engines = OnDemand(load)

    def look() -> None:
        looks.append(1)
        assert len(looks) < 20

    service = replace(threaded, engines=engines, gpu=Watched(threaded.clock, look))
    reply = act(service, Call("j"), text="A short one.", voice="anna", fallback=["xtts"], language="en")

    assert reply["engine_fallback"]


def test_one_speech_is_of_one_checkpoint(threaded: Service) -> None:
    """Its engine came back from other files: the job is handed back, and its next delivery speaks with the new ones alone."""
    loads: list[ToneEngine] = []

    def load(_: str, __: str | None) -> Engine:
        loads.append(ToneEngine(unload if not loads else lambda _: None))
        loads[-1].facts = replace(loads[-1].facts, checkpoint_sha256=str(len(loads)) * 64)
        return loads[-1]

    def unload(_: str) -> None:
        object.__setattr__(engines, "_held", None)

    engines = OnDemand(load)
    service = replace(threaded, engines=engines)

    with pytest.raises(ServiceError, match="replaced while the job was spoken") as caught:
        act(service, Call("j"), text=TEXT, voice="anna")
    again = act(service, Call("j"), text=TEXT, voice="anna")

    assert caught.value.retryable
    assert (again["manifest"]["chunks_reused"], again["manifest"]["checkpoint_sha256"]) == (0, "2" * 64)


def test_queue_and_inference_are_told_apart(threaded: Service, clock: ManualClock, engine: ToneEngine) -> None:
    """The seconds of this job's own turns are `infer`; waiting for others is `queue`."""
    engine.before_speaking = lambda _: clock.advance(3.0)

    reply = act(threaded, Call("j"), text=TEXT, voice="anna")

    assert reply["timings"]["infer"] == 3.0 * len(reply["manifest"]["chunks"])
    assert reply["timings"]["queue"] == 0.0


def test_telling_the_bucket_is_not_waiting_for_the_gpu(threaded: Service, clock: ManualClock) -> None:
    """A job that is alone never waits: its progress takes its time, beside its next chunk (`infer`) or besides (`keep`)."""
    told: list[int] = []

    def progress(_: dict[str, Any]) -> None:
        told.append(1)
        clock.advance(0.5)

    timings = act(threaded, Call("j", progress), text=TEXT, voice="anna")["timings"]

    assert len(told) > 1
    assert timings["queue"] == 0.0
    assert timings["infer"] + timings["keep"] == 0.5 * (len(told) - 1)  # the first is told before the first chunk


def test_a_turn_that_failed_for_all_is_the_jobs_own(threaded: Service, clock: ManualClock) -> None:
    """The model worked for it, though in vain: `infer`, once for all of its chunks, and not `queue`."""
    turns = GpuThread(clock, Bounds(chunks=3, seconds=66.0))
    spans: list[Span] = []

    def together(_: Sequence[Utterance]) -> list[float]:
        clock.advance(8.0)
        raise GpuOutOfMemory("too much")

    one = Utterance(Reference(Path("nowhere.wav"), "words", "0" * 64, 5.0), "text", 0, F5Parameters())
    tasks = [GpuTask("here", 5.0, lambda: clock.advance(2.0), one, together, one.steps, batch_size=3) for _ in range(3)]
    turns.run_tasks(tasks, spans=spans)

    assert sorted(end - begin for begin, end in spans) == [2.0, 2.0, 2.0, 8.0]


def test_the_checkpoints_files_come_while_the_voice_is_heard(service: Service, human_wav: bytes) -> None:
    """They are asked for before the words are known, and before the engine is."""
    events: list[str] = []

    class Watched(Always[ToneEngine]):
        def prefetch(self, name: str) -> AbstractContextManager[None]:
            events.append(f"prepare {name}")
            return nullcontext()

        def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> ToneEngine:
            events.append("get")
            return super().get(name, device=device)

    class Hearing(Always[EchoTranscriber]):
        def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> EchoTranscriber:
            events.append("hear")
            return super().get(name, device=device)

    service_upload(service, human_wav)
    watched = replace(service, engines=Watched(ToneEngine()), transcribers=Hearing(EchoTranscriber()))
    act(watched, Call("j"), text="Hello there.", voice="anna")

    assert events[:3] == [f"prepare {service.settings.checkpoint}", "hear", "get"]
