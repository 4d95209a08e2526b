"""Which engines may speak a request, and what is refused before any of them does."""

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
from cloning.generate.candidates import Candidate, candidates_of, check_candidates, note_unusable
from cloning.names import EngineName
from cloning.parameters import ENGINES, engines_with, names_of, values_of_all
from cloning.ports import Engine, F5Parameters, XttsParameters
from cloning.service import Call, Service
from cloning.settings import Settings
from tests.fakes import ToneEngine
from tests.unit.cloning.asking import act
from tests.unit.cloning.test_parameters import generate

SETTINGS = Settings()
# A good value of each, and not the default of any engine.
GOOD: dict[str, Any] = {
    "nfe_step": 8, "cfg_strength": 1.0, "sway_sampling_coef": 0.0, "target_rms": 0.2, "fix_duration": 9.0, "speed": 1.5,
    "cross_fade_duration": 0.1, "remove_silence": True, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "repetition_penalty": 2.0,
    "num_beams": 2, "length_penalty": 2.0, "gpt_cond_chunk_len": 6, "sound_norm_refs": True,
}  # fmt: skip
NEEDS = {"length_penalty": {"num_beams": 2}}


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


def order(**more: object) -> tuple[Candidate, ...]:
    return candidates_of(generate(**more).wishes(), SETTINGS)


def test_the_table_of_values_is_complete() -> None:
    """The table of values covers every value, so that a new one can't escape the tests below."""
    assert set(GOOD) == set(values_of_all())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", GOOD)
def test_an_engine_takes_its_own_values_and_refuses_the_others_by_name(engine: EngineName, name: str) -> None:
    """An engine takes its own values, all of which are applied, and refuses the others by the name of the engines that have them."""
    if name in names_of(engine):
        given = {name: GOOD[name], **NEEDS.get(name, {})}
        (candidate,) = order(engine=engine, **given)
        assert {each: getattr(candidate.parameters, each) for each in given} == given
    else:
        with pytest.raises(InvalidRequest) as caught:
            order(engine=engine, **{name: GOOD[name]})
        assert name in caught.value.message
        assert (caught.value.details["engines"], caught.value.details["lacking"]) == (
            list(engines_with(name)),
            [engine],
        )


@pytest.mark.parametrize("name", GOOD)
def test_whoever_may_speak_must_know_every_value(name: str) -> None:
    """With a fallback only values that both engines know are accepted, so that a fallback never drops one."""
    request = {"engine": "f5", "fallback": ["xtts"], name: GOOD[name], **NEEDS.get(name, {})}

    if len(engines_with(name)) == len(ENGINES):
        assert [getattr(each.parameters, name) for each in order(**request)] == [GOOD[name]] * 2
    else:
        with pytest.raises(InvalidRequest, match=r"fallback \[\]"):
            order(**request)


def test_a_profile_becomes_each_engines_own() -> None:
    """A profile has a counterpart in the other engine: F5-TTS's ultra_natural is XTTS's expressive."""
    first, second = order(fallback=["xtts"], profile="ultra_natural")

    assert (first.engine, first.profile, second.engine, second.profile) == ("f5", "ultra_natural", "xtts", "expressive")
    assert isinstance(first.parameters, F5Parameters)
    assert isinstance(second.parameters, XttsParameters)


def test_the_request_goes_before_the_deployment() -> None:
    """The request decides before ENGINE and FALLBACK, which stand for what it leaves open; it may also forbid a fallback."""
    settings = Settings(engine="xtts", fallback=("f5",), xtts_license_accepted=True)

    def engines(**more: object) -> list[str]:
        return [each.engine for each in candidates_of(generate(**more).wishes(), settings)]

    assert engines() == ["xtts", "f5"]
    assert engines(fallback=[]) == ["xtts"]
    assert engines(engine="f5") == ["f5"]
    assert engines(engine="f5", fallback=["xtts"]) == ["f5", "xtts"]


def test_a_checkpoint_is_the_first_engines() -> None:
    """A requested checkpoint is for the first engine; the fallback uses the deployment's own."""
    first, second = order(checkpoint="mine", fallback=["xtts"])

    assert (first.checkpoint, second.checkpoint) == ("mine", "XTTS_v2")


@pytest.mark.parametrize("fallback", [["f5"], ["xtts", "xtts"], ["xtts", "f5"]])
def test_a_fallback_to_other_weights_of_an_engine_is_refused(fallback: list[str]) -> None:
    """A fallback to the same engine is refused: each engine may be named once."""
    with pytest.raises(InvalidRequest, match="each once"):
        order(engine="f5", fallback=fallback)


def test_a_length_penalty_without_beams_is_refused() -> None:
    """A length penalty without beams is refused, because it would do nothing."""
    for beams in ({}, {"num_beams": 1}):
        with pytest.raises(InvalidRequest, match="num_beams"):
            order(engine="xtts", length_penalty=2.0, **beams)


def test_a_speed_beside_a_fixed_duration_is_refused() -> None:
    """A speed beside a fixed duration is refused, because the duration already determines it."""
    with pytest.raises(InvalidRequest, match="speed") as caught:
        order(fix_duration=9.0, speed=1.5)
    assert caught.value.details["field"] == "speed"

    assert order(fix_duration=9.0, speed=1.0)[0].parameters.speed == 1.0


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


@pytest.mark.parametrize(
    "environment",
    [{"ENGINE": "xtts"}, {"FALLBACK": "xtts"}, {"FALLBACK": "f5"}, {"FALLBACK": "tortoise"}, {"FALLBACK": "xtts,xtts"}],
    ids=str,
)
def test_a_deployment_that_could_not_keep_its_word_does_not_start(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment doesn't start with XTTS but without its licence, with a fallback to the same engine, or with an unknown engine."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=r"XTTS_LICENSE_ACCEPTED|each once|f5"):
        Settings()


def test_a_deployment_may_allow_a_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """FALLBACK is a list of engines, separated by commas."""
    monkeypatch.setenv("FALLBACK", " xtts ")
    monkeypatch.setenv("XTTS_LICENSE_ACCEPTED", "1")

    assert Settings().fallback == ("xtts",)


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
