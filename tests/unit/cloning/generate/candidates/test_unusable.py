"""An engine that can't be used: what is refused before anybody speaks, and when the next engine may."""

import errno
import gc
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from cloning.clock import Timings, no_timings
from cloning.errors import (
    CheckpointUnusable,
    DiskFailed,
    GpuOutOfMemory,
    HubUnavailable,
    InvalidRequest,
    LicenseRefused,
    ServiceError,
)
from cloning.generate.candidates import candidates_of, check_candidates, note_unusable
from cloning.names import EngineName
from cloning.ports import Engine
from cloning.service import Call, Service
from cloning.settings import Settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import act
from tests.unit.cloning.generate.candidates.ordering import SETTINGS, order
from tests.unit.cloning.test_parameters import generate

Speak = Callable[..., dict[str, Any]]


class Shelf:
    """`Engines` whose checkpoints fail as the test says, and that remembers which were asked for."""

    def __init__(self, failures: Mapping[str, ServiceError]) -> None:
        self._failures = failures
        self.asked: list[str] = []

    def check(self, name: str, **_: object) -> str:
        if isinstance(self._failures.get(name), InvalidRequest):
            raise self._failures[name]
        return name

    def unload(self, *, forget: bool = False) -> None:
        pass

    def prefetch(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        self.asked.append(name)
        if name in self._failures:
            raise self._failures[name]
        engine = ToneEngine()
        engine.facts = replace(engine.facts, engine="xtts" if name == "XTTS_v2" else "f5")
        return engine

    def loaded(self) -> dict[str, object] | None:
        return None

    def alphabet(self, name: str, language: str | None) -> None: ...


@pytest.fixture
def speak(service: Service, anna: str) -> Speak:
    """Generate with these engines, as job 'j'."""

    def run(shelf: Shelf, **more: object) -> dict[str, Any]:
        request = {"text": "Hello.", "voice": anna, "language": "en", **more}
        return act(replace(service, engines=shelf), Call("j"), **request)

    return run


def test_an_unusable_checkpoint_lets_the_next_engine_speak(speak: Speak) -> None:
    """If a checkpoint is unusable, the next engine in the given order speaks, and the reply has the reason."""
    told = speak(Shelf({"F5TTS_v1_Base": CheckpointUnusable("broken")}), fallback=["xtts"])

    assert told["engine_used"] == "xtts"
    assert (told["engine_fallback"], told["fallback_reason"]) == (True, "f5: CHECKPOINT_UNUSABLE: broken")


@pytest.mark.parametrize("failure", [GpuOutOfMemory("full"), HubUnavailable("away"), LicenseRefused("not accepted")])
def test_no_other_failure_is_a_reason_to_fall_back(speak: Speak, failure: ServiceError) -> None:
    """No other failure leads to a fallback: it may pass with the next call, or a person must accept a licence."""
    shelf = Shelf({"F5TTS_v1_Base": failure})
    shelf.check = lambda name, **_: name  # type: ignore[method-assign]  # it shows when it is loaded

    with pytest.raises(type(failure)):
        speak(shelf, fallback=["xtts"])
    assert set(shelf.asked) == {"F5TTS_v1_Base"}


def test_what_failed_is_forgotten_before_the_next_engine_is_tried(speak: Speak) -> None:
    """A failed engine's weights are freed before the next one is loaded, although the failure's traceback holds them."""

    class Weights:
        """What an engine had loaded when it failed."""

    events: list[str] = []
    alive: weakref.WeakSet[Weights] = weakref.WeakSet()

    class Loading(Shelf):
        def unload(self, *, forget: bool = False) -> None:
            gc.collect()  # as Lazy does: the GPU thread's frames and the failure hold each other
            events.append("forget")

        def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> Engine:
            if name == "XTTS_v2":
                events.append(f"load with {len(alive)} alive")
                return super().get(name)
            weights = Weights()
            alive.add(weights)
            raise CheckpointUnusable("broken", file="model.safetensors") from ValueError(weights)

    speak(Loading({}), fallback=["xtts"])

    assert events[:2] == ["forget", "load with 0 alive"]


def test_a_failure_is_kept_without_what_it_holds() -> None:
    """A failure is kept with its words and details, without the frames that hold half a model."""
    failed: dict[EngineName, ServiceError] = {}
    with pytest.raises(CheckpointUnusable) as caught:
        raise CheckpointUnusable("broken", file="model.safetensors") from ValueError("weights")
    note_unusable(order()[0], caught.value, failed, job="j")

    kept = failed["f5"]
    assert (kept.message, kept.details, kept.__traceback__, kept.__cause__) == (
        "broken", {"file": "model.safetensors"}, None, None,
    )  # fmt: skip


def test_an_engine_that_can_not_be_used_is_logged_with_its_job(speak: Speak, caplog: pytest.LogCaptureFixture) -> None:
    """An engine that can't be used is logged with the job's id."""
    speak(Shelf({"F5TTS_v1_Base": CheckpointUnusable("broken")}), fallback=["xtts"])

    (entry,) = [vars(each) for each in caplog.records if each.message == "engine.unusable"]
    assert (entry["job"], entry["engine"]) == ("j", "f5")


def test_without_a_fallback_nobody_else_speaks(speak: Speak) -> None:
    """Without a fallback the failure names the requested engine, and says that none spoke."""
    shelf = Shelf({"F5TTS_v1_Base": CheckpointUnusable("broken", file="model.safetensors")})

    with pytest.raises(CheckpointUnusable, match="broken") as caught:
        speak(shelf)
    assert shelf.asked == ["F5TTS_v1_Base"]
    expected = {"engine_requested": "f5", "engine_used": None, "engine_fallback": False, "reasons": {"f5": "broken"}}
    assert caught.value.details == {"file": "model.safetensors", **expected}


def test_a_failure_of_all_names_each_reason(speak: Speak) -> None:
    """If all engines fail, the failure has each one's reason."""
    failures = {"F5TTS_v1_Base": CheckpointUnusable("broken"), "XTTS_v2": CheckpointUnusable("missing")}

    with pytest.raises(CheckpointUnusable, match="broken; xtts can't speak either: missing") as caught:
        speak(Shelf(failures), fallback=["xtts"])
    assert caught.value.details["reasons"] == {"f5": "broken", "xtts": "missing"}


def test_every_engine_that_may_speak_is_checked_first() -> None:
    """All engines that may speak are checked first, so a licence that the fallback lacks is refused at once."""
    request = generate(fallback=["xtts"])

    with pytest.raises(LicenseRefused):
        check_candidates(
            Shelf({"XTTS_v2": LicenseRefused("no")}),
            candidates_of(request.wishes(), SETTINGS),
            request.wishes(),
            of_voice=None,
        )


@pytest.mark.parametrize("asked", [{"engine": "f5"}, {"engine": "f5", "fallback": ["xtts"]}], ids=str)
def test_a_deployments_checkpoint_that_nobody_knows_is_not_the_callers_fault(asked: dict[str, Any]) -> None:
    """An unknown checkpoint is the caller's fault only if the request named it; one of the deployment's is not, and no fallback hides it."""
    typo = with_checkpoint("typo")
    unknown = InvalidRequest("unknown checkpoint 'typo': choose another", field="checkpoint", choices=["A"])
    request, sent = generate(**asked), generate(**asked, checkpoint="typo")

    with pytest.raises(CheckpointUnusable, match=r"deployment's CHECKPOINT.*unknown checkpoint 'typo'") as caught:
        check_candidates(
            Shelf({"typo": unknown}), candidates_of(request.wishes(), typo), request.wishes(), of_voice="en"
        )
    with pytest.raises(InvalidRequest):
        check_candidates(Shelf({"typo": unknown}), candidates_of(sent.wishes(), SETTINGS), sent.wishes(), of_voice="en")

    assert (caught.value.details["setting"], "field" in caught.value.details) == ("CHECKPOINT", False)


def with_checkpoint(name: str) -> Settings:
    return SETTINGS.model_copy(update={"checkpoint": name})


class Checked(Shelf):
    """`Engines` whose first checkpoint is found unusable when it is checked."""

    def __init__(self, cause: Exception) -> None:
        super().__init__({})
        self._cause = cause

    def check(self, name: str, **_: object) -> str:
        if name == "F5TTS_v1_Base":
            raise CheckpointUnusable("broken") from self._cause
        return name


def test_a_checkpoint_that_its_check_refuses_lets_the_next_engine_speak(speak: Speak) -> None:
    """A checkpoint that its check refuses leads to the fallback as one that can't be loaded does, and nothing loads it."""
    shelf = Checked(ValueError("cut short"))

    told = speak(shelf, fallback=["xtts"])

    assert (told["engine_used"], told["fallback_reason"]) == ("xtts", "f5: CHECKPOINT_UNUSABLE: broken")
    assert "F5TTS_v1_Base" not in shelf.asked


def test_a_disk_that_fails_while_a_checkpoint_is_checked_is_no_reason_to_fall_back(speak: Speak) -> None:
    """If the disk fails while a checkpoint is checked, the job is given back: the machine failed, not the checkpoint."""
    shelf = Checked(OSError(errno.EIO, "no good"))

    with pytest.raises(DiskFailed):
        speak(shelf, fallback=["xtts"])
    assert shelf.asked == []
