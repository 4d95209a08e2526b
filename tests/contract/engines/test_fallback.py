"""
Fallback from one engine to the other, with the real worker's parts and the real F5-TTS and XTTS with small random weights.

The story behind it: a checkpoint could not load, another engine spoke for days, and the log said that the first one was loaded.
"""

import gc
import json
import logging
import shutil
import weakref
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.clock import SystemClock
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.imports.f5 import import_f5
from engines.xtts import XttsEngine
from handler import answer
from model_cache.catalog import CARD
from tests.conftest import SPOKEN
from tests.real import tiny_xtts
from worker.assembly import build

SPEAK = {"text": "Hello there.", "voice": "anna", "seed": 1}
Deploy = Callable[..., Service]


@pytest.fixture(scope="module")
def broken(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder whose weights have the names of another model."""
    import numpy as np
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("broken") / "broken"
    shutil.copytree(tiny_checkpoint, folder)
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | {"name": "broken"}))
    save_file({"ema.decoder.weight": np.zeros(3, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def deploy(tiny_checkpoint: Path, broken: Path, human_wav: bytes, tmp_path: Path) -> Deploy:
    """A worker whose F5-TTS checkpoint can't load (with `healthy` it can), and the voice 'anna'."""

    def make(
        *, healthy: bool = False, language: str | None = "en", transcript: str | None = SPOKEN, **more: Any
    ) -> Service:
        checkpoint = tiny_checkpoint if healthy else broken
        chosen: dict[str, Any] = {"checkpoint": str(checkpoint), "xtts_checkpoint": str(tiny_xtts()), "device": "cpu"}
        chosen |= {"data_dir": tmp_path / "bucket", "model_cache_dir": tmp_path / "models"}
        (tmp_path / "scratch").mkdir(exist_ok=True)
        settings = Settings(**(chosen | {"xtts_license_accepted": True} | more))
        service = build(settings, SystemClock(), tmp_path / "scratch")
        voice = {"voice": "anna", "audio": b64encode(human_wav).decode(), "consent": True, "replace": True}
        said = {name: value for name, value in (("transcript", transcript), ("language", language)) if value}
        assert answer(service, {"action": "upload", **voice, **said}, Call("u"))["status"] == "STORED"
        return service

    return make


def test_without_a_fallback_the_job_is_refused_and_nobody_speaks(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a fallback the reply is CHECKPOINT_UNUSABLE with the reason. Nothing is stored, so the job can run once the folder is repaired."""
    service = deploy()

    with caplog.at_level(logging.INFO):
        reply = answer(service, SPEAK | {"engine": "f5"}, Call("job"))

    assert (reply["code"], reply["retryable"]) == ("CHECKPOINT_UNUSABLE", False)
    told = {"engine_requested": "f5", "engine_used": None, "engine_fallback": False}
    assert {name: reply["details"][name] for name in told} == told
    assert "decoder.weight" in reply["details"]["reasons"]["f5"]
    assert service.jobs.find("job") is None
    assert [info.key for info in service.store.list(keys.RESULTS)] == []
    assert [record.message for record in caplog.records if record.message == "engine.loaded"] == []
    assert service.engines.loaded() is None


def test_with_a_fallback_xtts_speaks_and_everybody_is_told(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    """Reply, record, manifest and log name both engines, the reason, both profiles, and the licence of the engine that spoke."""
    service = deploy()
    request = SPEAK | {"engine": "f5", "fallback": ["xtts"], "profile": "ultra_natural", "speed": 1.2}

    with caplog.at_level(logging.INFO):
        reply = answer(service, request, Call("job"))

    assert reply["status"] == "COMPLETED", reply
    told = {
        "engine_requested": "f5",
        "engine_used": "xtts",
        "engine_fallback": True,
        "profile_requested": "ultra_natural",
        "profile_applied": "expressive",
        "fallback_reason": reply["fallback_reason"],
        "license_notice": reply["license_notice"],
    }
    assert reply["fallback_reason"].startswith("f5: CHECKPOINT_UNUSABLE: ")
    assert "decoder.weight" in reply["fallback_reason"]
    assert reply["license_notice"].startswith("made with XTTS")
    manifest = json.loads(service.store.get(keys.manifest_of(reply["audio"]["key"])).body)["manifest"]
    record = service.jobs.get("job").result
    assert record is not None
    (spoken,) = [vars(entry) for entry in caplog.records if entry.message == "job.spoken"]
    for place in (reply, manifest, record, spoken):
        assert {name: place[name] for name in told} == told
    assert (manifest["engine"], manifest["checkpoint"]) == ("xtts", "tiny-xtts-random-0")
    assert manifest["parameters"]["temperature"] == 0.85
    assert manifest["parameters"]["speed"] == 1.2
    loaded = [vars(entry)["engine"] for entry in caplog.records if entry.message == "engine.loaded"]
    assert loaded == ["xtts"]


def test_an_engine_that_can_speak_is_never_replaced(deploy: Deploy) -> None:
    """A fallback that was allowed and not needed changes nothing but the record of the permission."""
    service = deploy(healthy=True)

    reply = answer(service, SPEAK | {"fallback": ["xtts"], "profile": "fast"}, Call("job"))

    assert reply["status"] == "COMPLETED", reply
    assert (reply["engine_used"], reply["engine_fallback"], reply["fallback_reason"]) == ("f5", False, None)
    assert (reply["profile_applied"], reply["manifest"]["parameters"]["nfe_step"]) == ("fast", 16)


def test_xtts_speaks_when_it_is_asked_for(deploy: Deploy) -> None:
    """XTTS speaks without a transcript, in a language that the request names."""
    service = deploy(transcript=None, language=None)

    reply = answer(service, SPEAK | {"engine": "xtts", "language": "pt", "temperature": 0.6}, Call("job"))

    assert reply["status"] == "COMPLETED", reply
    assert (reply["engine_requested"], reply["engine_used"], reply["engine_fallback"]) == ("xtts", "xtts", False)
    assert (reply["manifest"]["parameters"]["temperature"], reply["manifest"]["transcript_by"]) == (0.6, None)


@pytest.mark.parametrize(
    ("deployed", "request_more", "code", "field"),
    [
        ({"language": None}, {"fallback": ["xtts"]}, "INVALID_REQUEST", "language"),
        ({"language": "fi"}, {"fallback": ["xtts"]}, "INVALID_REQUEST", "language"),
        ({"language": "en"}, {"engine": "f5", "language": "fi"}, "INVALID_REQUEST", "language"),
        ({"xtts_license_accepted": False}, {"fallback": ["xtts"]}, "LICENSE_REFUSED", "engine"),
        ({"xtts_license_accepted": False}, {"engine": "xtts"}, "LICENSE_REFUSED", "engine"),
        ({}, {"engine": "xtts", "nfe_step": 8}, "INVALID_REQUEST", "nfe_step"),
        ({}, {"fallback": ["xtts"], "nfe_step": 8}, "INVALID_REQUEST", "nfe_step"),
        ({}, {"engine": "f5", "temperature": 0.5}, "INVALID_REQUEST", "temperature"),
        ({}, {"engine": "xtts", "checkpoint": "F5TTS_Base"}, "INVALID_REQUEST", "checkpoint"),
        ({}, {"engine": "f5", "checkpoint": "XTTS_v2"}, "INVALID_REQUEST", "checkpoint"),
        ({"xtts_checkpoint": "XTTS_v2"}, {"engine": "xtts", "require_commercial": True}, "LICENSE_REFUSED", "require_commercial"),
        ({}, {"fallback": ["xtts"], "text": "a" * 300}, "INVALID_TEXT", "text"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_any_engine_could_not_do_is_refused_before_the_job_starts(
    deploy: Deploy, deployed: dict[str, Any], request_more: dict[str, Any], code: str, field: str
) -> None:
    """If any engine that may have to speak couldn't do so, the request is refused before a record is made or a model loaded."""
    service = deploy(healthy=True, **deployed)

    reply = answer(service, SPEAK | request_more, Call("job"))

    assert (reply["code"], reply["details"]["field"]) == (code, field), reply
    assert service.jobs.find("job") is None
    assert service.engines.loaded() is None


def test_the_requests_language_goes_before_the_voices(deploy: Deploy) -> None:
    """The request's language is used before the voice's: a Finnish voice may speak English with XTTS."""
    service = deploy(healthy=True, language="fi")

    reply = answer(service, SPEAK | {"engine": "xtts", "language": "en"}, Call("job"))

    assert reply["status"] == "COMPLETED", reply


def test_f5_takes_a_text_as_it_comes(deploy: Deploy) -> None:
    """F5-TTS ignores the voice's language: a Finnish voice may speak English."""
    service = deploy(healthy=True, language="fi")

    reply = answer(service, SPEAK | {"engine": "f5"}, Call("job"))

    assert reply["status"] == "COMPLETED", reply


def test_a_broken_engine_is_gone_before_the_next_one_is_loaded(
    deploy: Deploy, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If F5-TTS's vocoder is broken, all of its modules are freed before XTTS is loaded."""
    f5 = import_f5()
    shutil.copytree(tiny_checkpoint / "vocoder", tmp_path / "vocoder")
    (tmp_path / "vocoder" / "pytorch_model.bin").write_bytes(bytes(100_000))
    service = deploy(healthy=True, vocoder_path=tmp_path / "vocoder")
    modules: weakref.WeakSet[Any] = weakref.WeakSet()
    left: list[int] = []
    load_model, load_xtts = f5.load_model, XttsEngine.load

    def load_f5(*arguments: Any, **options: Any) -> Any:
        model = load_model(*arguments, **options)
        modules.update(model.modules())
        assert len(modules) > 20
        return model

    def load(*arguments: Any, **options: Any) -> Any:
        left.append(len(modules))
        return load_xtts(*arguments, **options)

    monkeypatch.setattr(f5, "load_model", load_f5)
    monkeypatch.setattr(XttsEngine, "load", load)
    gc.disable()
    try:
        reply = answer(service, SPEAK | {"fallback": ["xtts"]}, Call("job"))
    finally:
        gc.enable()

    assert reply["status"] == "COMPLETED", reply
    assert (reply["engine_used"], "vocoder" in reply["fallback_reason"], left) == ("xtts", True, [0])


@pytest.mark.parametrize("how", ["dropped", "parked"])
def test_a_fallback_on_a_small_gpu_speaks_alike_each_time(
    deploy: Deploy, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With LOW_VRAM nothing is on the device after a job; the next one tries the requested engine first and reports the fallback again."""
    monkeypatch.setattr(XttsEngine, "worth_parking", how == "parked")
    service = deploy(low_vram=True)

    replies = [answer(service, SPEAK | {"fallback": ["xtts"]}, Call(f"job-{number}")) for number in range(2)]

    assert [(reply["engine_used"], reply["engine_fallback"]) for reply in replies] == [("xtts", True)] * 2
    assert len({reply["audio"]["sha256"] for reply in replies}) == 1
    service.gpu.run(lambda: None)  # the emptying after a job has its turn before this one
    held = service.engines.loaded()
    assert (held and held["loaded_on"]) == ("host memory" if how == "parked" else None)


def test_an_image_without_the_extra_says_so(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the image lacks XTTS, a request for it is refused with that reason before anything is stored."""
    service = deploy(healthy=True)
    monkeypatch.setattr("engines.xtts.find_spec", lambda _: None)

    reply = answer(service, SPEAK | {"fallback": ["xtts"]}, Call("job"))

    assert (reply["code"], "XTTS=1" in reply["message"]) == ("INVALID_REQUEST", True)
    assert service.jobs.find("job") is None


def test_health_says_who_is_loaded(deploy: Deploy) -> None:
    """Health names the engine that spoke, not the one that was asked for."""
    service = deploy()
    answer(service, SPEAK | {"fallback": ["xtts"]}, Call("job"))

    reply = answer(service, {"action": "health"}, Call("h"))

    assert (reply["engine"]["engine"], reply["engine"]["checkpoint"]) == ("xtts", "tiny-xtts-random-0")
