"""What a device's failure does to a job: the reply, the record, the breaker, and the jobs after it."""

import gc
import logging
import weakref
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cloning.errors import DeviceUnavailable, Interrupted, ServiceError
from cloning.generate.speaker import Speaker
from cloning.planning.f5 import Chunk
from cloning.ports import Engine, F5Parameters, Parameters, Reference, Samples, Transcriber, Utterance, keep_going
from cloning.service import Call, Service
from engines.device.errors import translated
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from handler import answer
from storage.folder_store import FolderStore
from tests.conftest import make_service, with_settings
from tests.fakes import EchoTranscriber, ManualClock, OnDemand, ToneEngine

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
ASTRAY = "Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!"
FATAL = "CUDA error: device-side assert triggered"
TEXT = "One sentence to be said here. " * 12  # several chunks


class FailingEngine(ToneEngine):
    """Raises the next of `failures` in each call (None: it succeeds), as torch would; then speaks."""

    def __init__(self, failures: list[Exception | None], device: str) -> None:
        super().__init__()
        self.failures = failures
        self.facts = replace(self.facts, device=device)
        self.calls: list[bool] = []

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        self.calls.append(frugal)
        with translated(self.facts.device):
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
        return super().speak(reference, text, seed=seed, parameters=parameters, before_step=before_step)


REFERENCE = Reference(Path("nowhere.wav"), "words", "0" * 64, 5.0)
CHUNK = Chunk(0, "Hello there.", 1, 1.0, None, 2.0)


class Gathering(FailingEngine):
    """Solves several at once, as the fast path does; `failures` meet calls for one and for several."""

    def __init__(self, failures: list[Exception | None], device: str) -> None:
        super().__init__(failures, device)
        self.facts = replace(self.facts, sampler="fast")
        self.batches: list[int] = []

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        self.batches.append(len(utterances))
        with translated(self.facts.device):
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
        return [
            ToneEngine.speak(self, one.reference, one.text, seed=one.seed, parameters=one.parameters)
            for one in utterances
        ]


class World:
    """A service on a stand-in for a GPU; `loads` are the devices that engines were loaded for."""

    kind: type[FailingEngine] = FailingEngine

    def __init__(self, service: Service) -> None:
        self.loads: list[str | None] = []
        self.engines: list[FailingEngine] = []
        self.failures: list[Exception | None] = []
        self.load_failures: list[Exception] = []
        self.recogniser_unloads = 0
        self.service = replace(
            with_settings(service, device="cuda"), engines=OnDemand(self._load, lambda engine: dict(vars(engine.facts)))
        )
        object.__setattr__(service.transcribers, "unload", self._unload)

    def _load(self, _: str, device: str | None) -> Engine:
        self.loads.append(device)
        if self.load_failures:
            raise self.load_failures.pop(0)
        failures: list[Exception | None] = [] if device == "cpu" else self.failures
        self.engines.append(self.kind(failures, device or "cuda (a card)"))
        return self.engines[-1]

    def _unload(self, *, forget: bool = False) -> None:
        self.recogniser_unloads += forget

    def generate(self, job: str = "j", **fields: Any) -> dict[str, Any]:
        return answer(self.service, {"text": TEXT, "voice": "anna", **fields}, Call(job))


@pytest.fixture
def world(service: Service, human_wav: bytes) -> World:
    audio = b64encode(human_wav).decode()
    upload = {
        "action": "upload",
        "voice": "anna",
        "audio": audio,
        "consent": True,
        "transcript": "Some call me nature.",
    }
    assert answer(service, upload, Call("u"))["status"] == "STORED"
    return World(service)


def oom() -> Exception:
    return torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)


def fatal() -> Exception:
    return torch.AcceleratorError(FATAL)


def astray() -> Exception:
    return RuntimeError(ASTRAY)


def test_memory_is_made_and_the_chunk_made_again(world: World) -> None:
    """If memory is short, caches and the recogniser are dropped and the chunk is made again as before: the same speech, not reported."""
    plain = world.generate("plain")
    world.failures.append(oom())
    helped = world.generate("helped")

    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert (helped["manifest"]["chunks_frugal"], world.recogniser_unloads) == (0, 1)


@pytest.mark.parametrize("failure", [oom, astray])
def test_what_fails_together_is_made_one_by_one(world: World, failure: Callable[[], Exception]) -> None:
    """If a batch fails for memory or a misplaced model, its chunks are made one by one, with the same samples."""
    plain = world.generate("plain")
    world.kind = Gathering
    world.service.engines.unload(forget=True)
    world.service = replace(
        with_settings(world.service, batch_chunks=3),
        gpu=GpuThread(world.service.clock, Bounds(chunks=3, seconds=66.0), breaker=world.service.breaker),
    )
    world.failures += [failure(), failure()]

    helped = world.generate("helped")

    engine = world.engines[1]
    assert isinstance(engine, Gathering)
    assert engine.batches[0] > 1
    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert (len(engine.calls) >= engine.batches[0], helped["manifest"]["chunks_frugal"]) == (failure is oom, 0)


@pytest.mark.parametrize(("setting", "expected"), [(None, 1), (4, 4), (1, 1)], ids=str)
def test_the_setting_says_how_many_go_together(world: World, setting: int | None, expected: int) -> None:
    """The setting decides how many chunks go together; unset, each goes alone."""
    world.kind = Gathering
    service = with_settings(world.service, batch_chunks=setting)

    task = Speaker(service, service.settings.checkpoint, None).task(REFERENCE, CHUNK, F5Parameters())

    assert (task.batch_size, task.utterance is None) == (expected, expected == 1)


def test_a_speaker_holds_no_model(world: World) -> None:
    """Nothing of a job keeps the weights between two chunks, since they may be unloaded for another job or loaded again."""
    speaker = Speaker(world.service, "one", None, language="en")
    engine = weakref.ref(world.engines.pop())

    world.service.engines.unload(forget=True)
    gc.collect()

    assert engine() is None
    assert speaker.alphabet.knows("a")


def test_a_batch_is_of_one_checkpoints_files(world: World) -> None:
    """A batch uses one version of a checkpoint: if its files were replaced, the newer engine doesn't speak for the older speaker."""
    world.kind = Gathering
    older = Speaker(world.service, "one", None)
    world.service.engines.unload(forget=True)
    newer = Speaker(world.service, "one", None)
    world.engines[1].facts = newer.facts = replace(newer.facts, checkpoint_sha256="1" * 64)
    tasks = [one.task(REFERENCE, CHUNK, F5Parameters()) for one in (newer, older)]

    with pytest.raises(Interrupted, match="replaced"):
        GpuThread(world.service.clock, Bounds(chunks=2, seconds=44.0)).run_tasks(tasks)

    assert len(world.engines[1].history) == 1


def test_a_fatal_failure_of_a_batch_makes_the_worker_unfit(world: World) -> None:
    """A fatal failure in a batch opens the breaker, whoever's turn it was, and nothing is tried again."""
    world.kind = Gathering
    world.service = replace(
        with_settings(world.service, batch_chunks=3),
        gpu=GpuThread(world.service.clock, Bounds(chunks=3, seconds=66.0), breaker=world.service.breaker),
    )
    world.failures += [fatal()]

    first, second = world.generate("first"), world.generate("second")

    assert [reply["code"] for reply in (first, second)] == ["WORKER_UNFIT"] * 2
    assert world.engines[0].calls == []
    assert world.service.breaker.failure is not None


def test_then_it_is_made_frugally_and_the_manifest_says_so(world: World) -> None:
    """If that fails, the chunk is made frugally; its samples differ by rounding, so the manifest says so."""
    world.failures += [oom(), oom()]

    reply = world.generate()

    assert reply["status"] == "COMPLETED"
    assert reply["manifest"]["chunks_frugal"] == 1
    assert world.engines[0].calls[:4] == [False, False, True, False]


def test_an_engine_that_can_not_be_frugal_is_not_asked_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without a frugal mode isn't asked for it, and no chunk is counted as frugal."""
    monkeypatch.setattr(FailingEngine, "can_be_frugal", False)
    world.failures += [oom(), None]
    helped = world.generate("helped")
    world.failures += [oom(), oom()]

    reply = world.generate("j")

    assert (helped["status"], helped["manifest"]["chunks_frugal"]) == ("COMPLETED", 0)
    assert reply["code"] == "GPU_OUT_OF_MEMORY"
    assert not any(world.engines[0].calls)
    assert world.failures == []


def test_then_it_is_a_retryable_failure_that_replaces_the_worker(world: World) -> None:
    """If that fails too, the failure is retryable and replaces the worker; the record gives its lease back, and the next delivery completes."""
    world.failures += [oom(), oom(), oom()]

    reply = world.generate()
    record = world.service.jobs.get("j")
    again = world.generate()

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("GPU_OUT_OF_MEMORY", True, True)
    assert record.is_interrupted(world.service.clock.now())
    assert (record.failure and record.failure.code) == "GPU_OUT_OF_MEMORY"
    assert (again["status"], again["manifest"]["attempt"]) == ("COMPLETED", 2)


def test_memory_that_is_short_while_loading_is_made_too(world: World) -> None:
    """If memory is short while loading, the recogniser is unloaded and the load is tried again."""
    with pytest.raises(ServiceError) as failure, translated("cuda"):
        raise oom()
    world.load_failures.append(failure.value)

    assert world.generate()["status"] == "COMPLETED"
    assert (world.loads, world.recogniser_unloads) == ([None, None], 1)


def test_a_fatal_error_makes_the_worker_unfit(world: World) -> None:
    """After a fatal error every reply is WORKER_UNFIT and asks for another worker, the GPU isn't used any more, and health says why."""
    world.failures.append(fatal())

    first = world.generate("first")
    second = world.generate("second")
    health = answer(world.service, {"action": "health"}, Call("h"))

    for reply in (first, second):
        assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("WORKER_UNFIT", True, True)
        assert "device-side assert" in reply["message"]
    assert len(world.engines[0].calls) == 1
    assert (health["status"], health["unfit"]["code"]) == ("degraded", "WORKER_UNFIT")


def test_another_worker_takes_over_what_an_unfit_one_held(world: World, clock: ManualClock, tmp_path: Path) -> None:
    """An unfit worker gives its job's lease back at once; a job that it refused has no record at all."""
    world.failures.append(fatal())
    world.generate("first")
    refused = world.generate("refused")
    store = world.service.store
    assert isinstance(store, FolderStore)
    other = make_service(world.service.settings, store, clock, ToneEngine(), EchoTranscriber(), tmp_path, worker="w2")

    reply = answer(other, {"text": TEXT, "voice": "anna"}, Call("first"))

    assert (reply["status"], reply["manifest"]["attempt"], reply["manifest"]["worker"]) == ("COMPLETED", 2, "w2")
    assert (refused["code"], other.jobs.find("refused")) == ("WORKER_UNFIT", None)


def test_an_unfit_worker_still_answers_from_the_bucket(world: World) -> None:
    """An unfit worker still answers what needs no GPU: a finished job, its status, its result."""
    done = world.generate("done")
    world.failures.append(fatal())
    world.generate("first")

    assert world.generate("done")["audio"]["sha256"] == done["audio"]["sha256"]
    assert answer(world.service, {"action": "status", "job_id": "done"}, Call("s"))["status"] == "COMPLETED"


def test_an_unfit_worker_hears_nothing_either(world: World, human_wav: bytes, transcriber: EchoTranscriber) -> None:
    """An unfit worker doesn't transcribe: an upload that asks for it is stored, and refused as retryable."""
    world.failures.append(fatal())
    world.generate("first")
    audio = b64encode(human_wav).decode()
    upload = {"action": "upload", "voice": "bert", "audio": audio, "consent": True, "transcribe_now": True}

    reply = answer(world.service, upload, Call("u2"))

    assert (reply["code"], transcriber.calls) == ("WORKER_UNFIT", 0)


def test_a_model_astray_is_loaded_again_and_speaks(world: World) -> None:
    """A misplaced model is loaded again, and the speech is the same as ever. (Seed 003.)"""
    plain = world.generate("plain")
    world.failures.append(astray())

    helped = world.generate("helped")

    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert world.loads == [None, None]


def test_a_model_that_stays_astray_is_a_clear_failure(world: World) -> None:
    """A model that stays misplaced is a clear failure, not silently another device, which the caller didn't allow."""
    world.failures += [astray(), astray()]

    reply = world.generate()

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("DEVICE_MISMATCH", True, True)
    assert world.loads == [None, None]


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([oom, oom, oom], "GPU_OUT_OF_MEMORY"),
        ([astray, astray], "DEVICE_MISMATCH"),
    ],
)
def test_the_cpu_speaks_only_where_the_caller_allows_it(
    world: World, failures: list[Callable[[], Exception]], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The CPU speaks only if the caller allows it; then all chunks are its own, and reply, record, manifest and log say so and why."""
    world.failures += [make() for make in failures]

    with caplog.at_level(logging.INFO):
        reply = world.generate(device_fallback=True)

    manifest = reply["manifest"]
    record = world.service.jobs.get("j").result
    assert record is not None
    (spoken,) = [vars(entry) for entry in caplog.records if entry.message == "job.spoken"]
    told = {name: value for name, value in manifest.items() if name.startswith("device_")}
    for place in (reply, record, spoken):
        assert {name: place.get(name) for name in told} == told
    assert {entry.__dict__["job"] for entry in caplog.records if entry.message == "device.failed"} == {"j"}
    assert (manifest["device_requested"], manifest["device_used"], manifest["device"]) == ("cuda", "cpu", "cpu")
    assert manifest["device_fallback"] is True
    assert manifest["device_fallback_reason"].startswith(f"{code}: ")
    assert world.loads[-1] == "cpu"
    assert len(world.engines[-1].history) == len(manifest["chunks"])


def test_a_missing_gpu_falls_back_only_where_the_caller_allows_it(world: World) -> None:
    """If DEVICE names a GPU that isn't there, the CPU speaks only if the caller allows it."""
    world.load_failures += [DeviceUnavailable("DEVICE is 'cuda' and this worker has no usable GPU") for _ in range(2)]

    refused = world.generate("refused")
    allowed = world.generate("allowed", device_fallback=True)

    assert (refused["code"], refused["retryable"]) == ("DEVICE_UNAVAILABLE", True)
    assert allowed["manifest"]["device_fallback_reason"].startswith("DEVICE_UNAVAILABLE: ")


def test_after_a_fallback_the_next_job_is_the_gpus_again(world: World) -> None:
    """After a fallback to the CPU the next job uses the GPU again."""
    world.failures += [astray(), astray()]
    world.generate("first", device_fallback=True)

    manifest = world.generate("second", device_fallback=True)["manifest"]

    assert (manifest["device_used"], manifest["device_fallback"], manifest["device_fallback_reason"]) == (
        "cuda",
        False,
        None,
    )


def test_a_fatal_error_is_never_spoken_over(world: World) -> None:
    """After a fatal error not even the CPU speaks, because the process can't be trusted."""
    world.failures.append(fatal())

    assert world.generate(device_fallback=True)["code"] == "WORKER_UNFIT"
    assert world.loads == [None]


def test_frugal_chunks_are_not_kept_for_another_attempt(world: World) -> None:
    """Frugal chunks aren't used by another attempt, whose samples would differ; the others are."""
    world.failures += [None, oom(), oom(), None, oom(), oom(), oom()]  # the second chunk is frugal, the third fails

    first = world.generate("j")
    again = world.generate("j")

    assert first["code"] == "GPU_OUT_OF_MEMORY"
    assert (again["status"], again["manifest"]["chunks_reused"]) == ("COMPLETED", 1)


def test_hearing_gets_over_a_device_once(world: World, human_wav: bytes, transcriber: EchoTranscriber) -> None:
    """A recogniser's failure is remedied once: the engine is unloaded, then the recording is heard."""
    world.generate("warm")
    heard = transcriber.transcribe
    failures = [oom()]

    def transcribe(*arguments: Any, **options: Any) -> Any:
        with translated("cuda"):
            if failures:
                raise failures.pop()
        return heard(*arguments, **options)

    object.__setattr__(transcriber, "transcribe", transcribe)
    audio = b64encode(human_wav).decode()
    upload = {"action": "upload", "voice": "bert", "audio": audio, "consent": True, "transcribe_now": True}

    reply = answer(world.service, upload, Call("u2"))

    assert reply["transcript"] == transcriber.words
    assert world.service.engines.loaded() is None


@pytest.mark.parametrize("allowed", [True, False])
def test_the_cpu_hears_too_only_where_the_caller_allows_it(world: World, human_wav: bytes, *, allowed: bool) -> None:
    """A voice without words is heard on the CPU only if the caller allows it; the manifest says so and why."""
    devices: list[str | None] = []

    def load(_: str, device: str | None) -> Transcriber:
        devices.append(device)
        if device != "cpu":
            raise DeviceUnavailable("DEVICE is 'cuda' and this worker has no usable GPU")
        return EchoTranscriber()

    deaf = OnDemand(load)
    world.service = replace(world.service, transcribers=deaf)
    upload = {"action": "upload", "voice": "bert", "audio": b64encode(human_wav).decode(), "consent": True}
    assert answer(world.service, upload, Call("u2"))["status"] == "STORED"

    reply = world.generate(voice="bert", device_fallback=allowed)

    if allowed:
        assert devices == [None, "cpu"]
        assert reply["manifest"]["transcript_device_fallback_reason"].startswith("DEVICE_UNAVAILABLE: ")
        assert (reply["device_used"], reply["device_fallback"]) == ("cuda", False)
    else:
        assert (reply["code"], devices) == ("DEVICE_UNAVAILABLE", [None])


def test_words_that_the_gpu_heard_are_told_of_as_ever(world: World) -> None:
    """If the GPU heard the words, no fallback is reported."""
    assert world.generate(device_fallback=True)["manifest"]["transcript_device_fallback_reason"] is None
