"""A job that fell back and is taken over goes on with the engine that spoke, and never mixes two."""

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from cloning.clock import Timings, no_timings
from cloning.errors import CheckpointUnusable, GpuOutOfMemory, ServiceError
from cloning.ports import Engine
from cloning.service import Call, Service
from tests.conftest import with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import TEXT, act

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "seed": 1, "fallback": ["xtts"], "language": "en"}


class TwoEngines:
    """`Engines` whose F5-TTS checkpoint can't be used until the test repairs it."""

    def __init__(self) -> None:
        self.engines: dict[str, ToneEngine] = {}
        for name, engine in (("F5TTS_v1_Base", "f5"), ("XTTS_v2", "xtts")):
            self.engines[name] = ToneEngine()
            self.engines[name].facts = replace(self.engines[name].facts, engine=engine)
        self.broken = True

    def check(self, name: str, **_: object) -> str:
        return name

    def unload(self, *, forget: bool = False) -> None: ...

    def prefetch(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        if self.broken and name == "F5TTS_v1_Base":
            raise CheckpointUnusable("broken")
        return self.engines[name]

    def loaded(self) -> None: ...

    def alphabet(self, name: str, language: str | None) -> None: ...


@pytest.fixture
def models() -> TwoEngines:
    return TwoEngines()


@pytest.fixture
def worker(service: Service, models: TwoEngines, anna: str) -> Service:
    return replace(service, engines=models)


@pytest.fixture
def interrupted(worker: Service, models: TwoEngines) -> ToneEngine:
    """Let job 'j' fall back and stop when two chunks are done; return the engine that spoke them."""
    xtts, call = models.engines["XTTS_v2"], Call("j")
    xtts.before_speaking = lambda _: call.stopped.set() if len(xtts.history) == 2 else None
    with pytest.raises(ServiceError, match="deliver it again"):
        act(worker, call, **SPEAK)
    xtts.before_speaking = lambda _: None
    return xtts


def test_the_language_that_shaped_the_sound_is_told(worker: Service) -> None:
    """The manifest has the language that XTTS spoke in, the request's or the voice's; F5-TTS is given none."""
    reply = act(worker, **{**SPEAK, "language": "pt-BR"})
    plain = act(
        with_settings(worker, xtts_license_accepted=True),
        Call("k"),
        text=TEXT,
        voice="anna",
        engine="xtts",
        language="en",
    )

    assert (reply["manifest"]["engine"], reply["manifest"]["language"]) == ("xtts", "pt")
    assert plain["manifest"]["language"] == "en"


def test_a_job_that_fell_back_goes_on_where_it_was(worker: Service, interrupted: ToneEngine) -> None:
    """The chunks that the fallback spoke are used again, and progress counts its plan."""
    reply = act(worker, Call("j"), **SPEAK)

    assert (reply["engine_used"], reply["engine_fallback"], reply["manifest"]["chunks_reused"]) == ("xtts", True, 2)
    calm = act(worker, Call("calm"), **SPEAK)
    assert reply["audio"]["sha256"] == calm["audio"]["sha256"]
    total = len(reply["manifest"]["chunks"])
    assert worker.jobs.get("j").progress.model_dump() == {"done": total, "total": total}


def test_a_mended_checkpoint_uses_nothing_of_the_others(
    worker: Service, models: TwoEngines, interrupted: ToneEngine
) -> None:
    """If the checkpoint was repaired, the requested engine speaks the whole text: one result has one voice."""
    models.broken = False

    reply = act(worker, Call("j"), **SPEAK)

    assert (reply["engine_used"], reply["engine_fallback"], reply["manifest"]["chunks_reused"]) == ("f5", False, 0)
    assert reply["fallback_reason"] is None
    assert len(models.engines["F5TTS_v1_Base"].history) == len(reply["manifest"]["chunks"])


def test_a_failure_after_a_fallback_does_not_hide_it(
    worker: Service, models: TwoEngines, caplog: pytest.LogCaptureFixture
) -> None:
    """If a job fails after a fallback, reply, record and log still say which engine was used, which was requested, and why."""
    models.engines["XTTS_v2"].before_speaking = out_of_memory

    with caplog.at_level(logging.INFO), pytest.raises(GpuOutOfMemory) as failure:
        act(worker, Call("j"), **SPEAK)

    told = {"engine_requested": "f5", "engine_used": "xtts", "engine_fallback": True}
    told |= {"fallback_reason": "f5: CHECKPOINT_UNUSABLE: broken"}
    record = worker.jobs.get("j").failure
    assert record is not None
    (logged,) = [vars(entry) for entry in caplog.records if entry.message == "job.failed"]
    for place in (failure.value.details, record.details, logged):
        assert {name: place.get(name) for name in told} == told
    assert failure.value.details["device"] == "cuda"


def test_a_fallback_that_can_not_be_loaded_does_not_hide_why_it_was_asked(
    worker: Service, models: TwoEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the fallback can't be loaded, the caller gets its failure and that of the engine before it."""
    get = models.get

    def full(name: str, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        return get(name, device=device) if name == "F5TTS_v1_Base" else out_of_memory("")

    monkeypatch.setattr(models, "get", full)
    with pytest.raises(GpuOutOfMemory) as failure:
        act(worker, Call("j"), **SPEAK)

    assert (failure.value.details["engine_requested"], failure.value.details["engine_used"]) == ("f5", "xtts")


def test_without_a_fallback_a_failure_tells_of_none(worker: Service, models: TwoEngines) -> None:
    """Without a fallback the failure is that of the requested engine, and none is mentioned."""
    models.broken = False
    models.engines["F5TTS_v1_Base"].before_speaking = out_of_memory

    with pytest.raises(GpuOutOfMemory) as failure:
        act(worker, Call("j"), **SPEAK)

    assert failure.value.details == {"device": "cuda"}


def out_of_memory(_: str) -> NoReturn:
    raise GpuOutOfMemory("full", device="cuda")


def test_a_fallback_that_needs_a_transcript_has_one_before_anybody_speaks(
    worker: Service, transcriber: Any, anna: str
) -> None:
    """If a fallback needs a transcript, it is made before anybody speaks: XTTS needs none, but F5-TTS may have to take over."""
    act(worker, Call("alone"), text="Hello.", voice=anna, engine="xtts", language="en")
    assert transcriber.calls == 0

    act(worker, Call("both"), text="Hello.", voice=anna, engine="xtts", fallback=["f5"], language="en")
    assert transcriber.calls == 1
