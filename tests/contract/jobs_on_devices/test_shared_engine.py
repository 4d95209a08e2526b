"""Jobs through the handler that share one loaded engine: at the same time, one after another, and after one that failed inside the solver."""

import asyncio
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import soundfile
import torch

from cloning.ports import Utterance
from cloning.service import Call, Service
from engines.f5.engine import F5Engine
from engines.f5.fast import FastPath
from handler import answer, make_handler
from model_cache.cache import CheckpointCache
from model_cache.catalog import Checkpoint
from model_cache.local_checkpoint import LocalCheckpoint
from tests.conftest import SPOKEN, examples
from tests.contract.jobs_on_devices.jobs import TEXT, generate, upload
from worker.shutdown import Stopping


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
