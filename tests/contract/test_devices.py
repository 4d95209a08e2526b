"""Weights that leave their device and come back: the same samples, the same memory, every tensor in its place. (Seed 003.)"""

import asyncio
import gc
import hashlib
import io
import threading
import time
import weakref
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from assembly import build
from benchmarks.machine import rss_mib
from cloning.audio import check_and_make_canonical
from cloning.clock import SystemClock
from cloning.errors import DeviceMismatch, DeviceUnavailable, WorkerUnfit
from cloning.ports import F5Parameters, Reference, Samples, Utterance, XttsParameters
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.abreast import lanes
from engines.asr import WhisperTranscriber
from engines.device import Weights, check_placed, choose_device, device_name, free_memory, tensors_of
from engines.f5 import F5Engine
from engines.f5_fast import FastPath
from engines.xtts import XttsEngine
from handler import answer, make_handler
from model_cache.cache import CheckpointCache, LocalCheckpoint
from model_cache.catalog import Checkpoint
from stopping import Stopping
from tests.conftest import SPOKEN, examples
from tests.real import load_tiny_engine, load_tiny_xtts

QUICK = F5Parameters(nfe_step=2)
TEXT = "The quick brown fox."
CYCLES = 100
CYCLES_OF_XTTS = 3  # each takes seconds


@pytest.fixture
def f5(tiny_checkpoint: Path, tmp_path: Path) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path)


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_a_hundred_times_away_and_back_changes_nothing(
    f5: F5Engine, reference: Reference, record_property: Callable[[str, object], None]
) -> None:
    """Weights leave the device, come back, speak the same samples; no tensor more than before, none left behind."""
    device = str(next(f5._model.parameters()).device)
    expected = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    cycle(f5, reference, expected, device)  # makes the copy that is kept
    tensors, rss = tensors_alive(), rss_mib()

    for _ in range(CYCLES):
        cycle(f5, reference, expected, device)

    assert tensors_alive() == tensors
    record_property("rss_mib_before", rss)
    record_property("rss_mib_after", rss_mib())
    print(f"{CYCLES} cycles: RSS {rss} MiB before, {rss_mib()} MiB after")  # noqa: T201 - asked for: `pytest -s` shows it


def cycle(f5: F5Engine, reference: Reference, expected: Samples, device: str) -> None:
    f5.park()
    away = {tensor.device.type for _, tensor in (*tensors_of(f5._model), *tensors_of(f5._vocoder))}
    assert away == {"meta"}
    f5.resume()
    back = {str(tensor.device) for _, tensor in (*tensors_of(f5._model), *tensors_of(f5._vocoder))}
    assert back == {device}
    assert np.array_equal(f5.speak(reference, TEXT, seed=1, parameters=QUICK), expected)


@pytest.fixture
def xtts(tmp_path: Path) -> XttsEngine:
    return load_tiny_xtts(tmp_path)


def speak_xtts(xtts: XttsEngine, reference: Reference) -> Samples:
    return xtts.speak(replace(reference, language="en"), "Hello.", seed=1, parameters=XttsParameters())


def storage_bytes(model: torch.nn.Module) -> int:
    """Of the tensors, each storage once: what two names share takes its memory once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for _, t in tensors_of(model)}
    return sum(storages.values())


def test_xtts_goes_away_and_comes_back_too(xtts: XttsEngine, reference: Reference) -> None:
    """The same samples each time; nothing that is kept beside the parameters stays on the device, and what modules share stays one."""
    expected = speak_xtts(xtts, reference)
    size = storage_bytes(xtts._model)
    tensors = 0

    for number in range(CYCLES_OF_XTTS):
        xtts.park()
        assert {tensor.device.type for _, tensor in tensors_of(xtts._model)} == {"meta"}
        assert len(xtts._voices) == 0
        xtts.resume()
        assert {str(tensor.device) for _, tensor in tensors_of(xtts._model)} == {"cpu"}
        assert storage_bytes(xtts._model) <= size
        assert np.array_equal(speak_xtts(xtts, reference), expected)
        alive = tensors_alive()
        tensors = tensors or alive
        assert alive == tensors, number


def test_xtts_kept_in_the_machines_memory_takes_it_once(xtts: XttsEngine) -> None:
    """Parts of its speech model have two names."""
    size = xtts.memory()["host_bytes"]
    xtts.park()

    assert xtts.memory() == {"loaded_on": "host memory", "gpu_bytes": 0, "host_bytes": size}


def test_xtts_that_is_away_can_not_speak(xtts: XttsEngine, reference: Reference) -> None:
    """It is refused before a voice is heard."""
    xtts.park()

    with pytest.raises(DeviceMismatch):
        speak_xtts(xtts, reference)
    assert len(xtts._voices) == 0


def test_xtts_in_another_dtype_is_found(xtts: XttsEngine) -> None:
    """Its weights stay fp32: in half precision it is another sound."""
    xtts._model.gpt.mel_head.half()

    with pytest.raises(DeviceMismatch, match="float16"):
        xtts._weights.check()


@pytest.mark.parametrize("what", ["looking", "naming", "freeing"])
def test_a_broken_gpu_is_known_wherever_it_shows(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An asynchronous error may come with the first call behind the load: while tensors are looked at, the GPU's name is asked."""

    def fail(*_: object, **__: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    weights = Weights({"part": torch.nn.Linear(1, 1)}, "cpu", {})
    monkeypatch.setattr("engines.device._exact", fail)
    monkeypatch.setattr(torch.cuda, "get_device_name", fail)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    act = {"looking": weights.check, "naming": lambda: device_name("cuda"), "freeing": free_memory}[what]

    with pytest.raises(WorkerUnfit, match="illegal memory access"):
        act()


def test_a_model_that_is_away_can_not_speak(f5: F5Engine, reference: Reference) -> None:
    """Nobody speaks from the wrong device, or from numbers that aren't there."""
    f5.park()

    with pytest.raises(DeviceMismatch):
        f5.speak(reference, TEXT, seed=1, parameters=QUICK)


def test_health_says_where_the_weights_are_and_what_they_take(f5: F5Engine) -> None:
    """The tensors' own bytes; parked, they take the machine's memory."""
    size = sum(t.numel() * t.element_size() for part in (f5._model, f5._vocoder) for _, t in tensors_of(part))
    here = f5.memory()
    f5.park()
    away = f5.memory()

    assert here == {"loaded_on": "cpu", "gpu_bytes": 0, "host_bytes": size}
    assert away == {"loaded_on": "host memory", "gpu_bytes": 0, "host_bytes": size}


@pytest.mark.parametrize("astray", ["parameter", "buffer", "attribute", "list", "thread", "dtype"])
def test_every_tensor_is_looked_at(f5: F5Engine, astray: str) -> None:
    """Parameters, buffers, what modules keep beside them, f5-tts's text cache; the message names what is astray."""
    dit = f5._model.transformer
    elsewhere = torch.zeros(2, device="meta")
    match astray:
        case "parameter":
            dit.text_embed.text_embed.to("meta")
        case "buffer":
            dit.text_embed.freqs_cis = dit.text_embed.freqs_cis.to("meta")
        case "attribute":
            f5._vocoder.head.kept = elsewhere
        case "list":
            dit.norm_out.kept = [elsewhere]
        case "thread":
            dit.text_cond = elsewhere
        case "dtype":
            dit.proj_out.half()

    with pytest.raises(DeviceMismatch) as failure:
        f5._weights.check()

    assert failure.value.details["tensors"]
    assert ("meta" in failure.value.message) is (astray != "dtype")


def test_a_tensor_astray_after_coming_back_is_found(f5: F5Engine) -> None:
    """What only moves by luck is not believed: the engine is refused, and loaded anew by its keeper."""
    f5._model.transformer.stale = torch.zeros(2, device="meta")

    f5.park()
    with pytest.raises(DeviceMismatch, match="stale"):
        f5.resume()


def test_loading_checks_too(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that leaves one module on another device does not get through."""
    from f5_tts.infer import utils_infer

    load_vocoder = utils_infer.load_vocoder

    def half(*arguments: Any, **options: Any) -> Any:
        vocoder = load_vocoder(*arguments, **options)
        vocoder.head.to("meta")
        return vocoder

    monkeypatch.setattr(utils_infer, "load_vocoder", half)
    with pytest.raises(DeviceMismatch, match=r"vocoder\.head"):
        load_tiny_engine(tiny_checkpoint, tmp_path)


def test_the_mel_modules_of_f5_tts_are_looked_at_and_let_go(f5: F5Engine, reference: Reference) -> None:
    """They are kept per device for the life of the process; parked, none holds memory of the device."""
    from f5_tts.model.modules import vocos_mel_stft_cache

    f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    assert list(vocos_mel_stft_cache)
    f5.park()

    assert vocos_mel_stft_cache == {}


def test_frugal_speech_is_the_same_but_for_rounding(f5: F5Engine, reference: Reference) -> None:
    """The passes with and without text one after the other: half the memory in flight, 100 dB below the speech at most."""
    plain = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    frugal = f5.speak(reference, TEXT, seed=1, parameters=QUICK, frugal=True)
    again = f5.speak(reference, TEXT, seed=1, parameters=QUICK)

    assert np.abs(plain - frugal).max() <= 1e-5 * np.abs(plain).max()
    assert np.array_equal(plain, again)


@pytest.mark.parametrize("sampler", ["official", "fast"])
def test_frugal_speech_needs_half_the_batch(
    sampler: str, tiny_checkpoint: Path, tmp_path: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block sees half the rows that it saw, twice as often."""
    f5 = load_tiny_engine(tiny_checkpoint, tmp_path, sampler)
    layer = f5._model.transformer.transformer_blocks[0].ff
    seen: list[int] = []
    whole = layer.forward

    def forward(x: torch.Tensor) -> Any:
        seen.append(x.numel())
        return whole(x)

    monkeypatch.setattr(layer, "forward", forward)
    f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    usual = list(seen)
    seen.clear()
    f5.speak(reference, TEXT, seed=1, parameters=QUICK, frugal=True)

    assert [size // 2 for size in usual for _ in range(2)] == seen


def test_shared_tensors_come_back(small_whisper: Path) -> None:
    """Whisper's embedding is its output layer too: both places are filled, and every tensor is where it was."""
    whisper = WhisperTranscriber.load(str(small_whisper), "cpu")
    model = whisper._pipeline.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = Weights({"model": model}, "cpu", {"model": torch.float32})

    weights.park()
    weights.resume()

    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_device_that_is_not_there_is_refused() -> None:
    """With its number, where one is asked for."""
    if torch.cuda.device_count() > 99:
        pytest.skip("this machine has a hundred GPUs")
    with pytest.raises(DeviceUnavailable, match="cuda:99"):
        choose_device("cuda:99")


def test_a_module_on_the_wrong_kind_of_device_is_named() -> None:
    """`meta` stands in for a second device on every machine."""
    with pytest.raises(DeviceMismatch, match=r"part\.weight \(meta, float32\)"):
        check_placed({"part": torch.nn.Linear(1, 1, device="meta")}, "cpu", {})


# ---- through the handler


@pytest.fixture
def world(tiny_checkpoint: Path, tmp_path: Path, human_wav: bytes) -> Iterator[Callable[..., Service]]:
    """Services on the real engine, with the voice anna; the caches of one are the caches of all."""

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
    """A turn that waits for those before it."""


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> "weakref.WeakSet[F5Engine]":
    """The engines that somebody holds."""
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
    """LOW_VRAM=1: weights leave after each job and come back for the next: the same speech, one model at most, ever."""
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
    """No cycle keeps it: its memory is free before the next one is loaded, without the garbage collector's help."""
    service = world()
    generate(service, "first")
    engine = service.engines.get(service.settings.checkpoint)
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
    """And a job asked for while the weights leave waits for that, and brings them back: the same speech both times."""
    service = world()
    expected = generate(service, "alone")["audio"]["sha256"]
    order: list[str] = []
    speaking, go_on = threading.Event(), threading.Event()
    engine = service.engines.get(service.settings.checkpoint)
    real = engine.speak

    def speak(*arguments: Any, **options: Any) -> Samples:
        speaking.set()
        assert go_on.wait(60)
        wave = real(*arguments, **options)
        order.append("spoken")
        return wave

    monkeypatch.setattr(engine, "speak", speak)
    replies: dict[str, Any] = {}
    unloading = threading.Event()

    def unload() -> None:
        def work() -> None:
            service.engines.unload()
            order.append("unloaded")

        unloading.set()
        service.gpu.run(work)

    def ask(job: str) -> None:
        replies[job] = generate(service, job)

    threads = [threading.Thread(target=ask, args=("first",)), threading.Thread(target=unload)]
    threads[0].start()
    assert speaking.wait(60)
    threads[1].start()
    assert unloading.wait(60)
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
    """Texts and voices of their own, one worker, all at the same time: sample for sample what each is alone."""
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
    assert max(sizes) == lanes("cpu") if not batch else max(sizes) > 2
    official = world(sampler="official")
    alone = [answer(official, raw, Call(f"alone-{n}")) for n, raw in enumerate(inputs)]

    assert [reply.get("code") for reply in together] == [None] * 16
    assert [reply["audio"]["sha256"] for reply in together] == [reply["audio"]["sha256"] for reply in alone]
    assert len({reply["audio"]["sha256"] for reply in alone}) == 16


def test_a_checkpoint_is_looked_at_once_per_load(
    world: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead, in a thread of its own; the load takes what came, and a job whose engine is held looks at nothing."""
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
    """Through the handler: a job dies mid-solve with its text in f5-tts's cache; the next one, of the same length, says its own."""
    service = world()
    expected = generate(service, "before")["audio"]["sha256"]
    engine = service.engines.get(service.settings.checkpoint)
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
    """Real engine, real handler, an injected failure that stays: reply, record and latch as designed, then or never again speech."""
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
    """The recogniser is gone when the engine comes."""
    service = world(low_vram=True, unload_after_s=3600.0, asr_model=str(small_whisper))
    audio = b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "fred", "audio": audio, "consent": True}, Call("u"))

    reply = generate(service, "j", voice="fred")

    assert reply["status"] == "COMPLETED"
    assert service.transcribers.loaded() is None
    assert service.engines.loaded() is not None


def test_idle_weights_leave_and_the_next_job_brings_them_back(world: Callable[..., Service]) -> None:
    """The real timer, the real thread; nothing is waited for but the event itself."""
    service = world(unload_after_s=0.05)
    first = generate(service, "first")
    while service.engines.loaded() is not None:
        time.sleep(0.01)

    assert generate(service, "second")["audio"]["sha256"] == first["audio"]["sha256"]
