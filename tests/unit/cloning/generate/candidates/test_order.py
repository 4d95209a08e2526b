"""Which engines may speak a request, in which order and with which values."""

from typing import Any

import pytest

from cloning.errors import InvalidRequest
from cloning.generate.candidates import candidates_of
from cloning.names import EngineName
from cloning.parameters import ENGINES, engines_with, names_of, values_of_all
from cloning.ports import F5Parameters, XttsParameters
from cloning.settings import Settings
from tests.unit.cloning.generate.candidates.ordering import order
from tests.unit.cloning.test_parameters import generate

# A good value of each, and not the default of any engine.
GOOD: dict[str, Any] = {
    "nfe_step": 8, "cfg_strength": 1.0, "sway_sampling_coef": 0.0, "target_rms": 0.2, "fix_duration": 9.0, "speed": 1.5,
    "cross_fade_duration": 0.1, "remove_silence": True, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "repetition_penalty": 2.0,
    "num_beams": 2, "length_penalty": 2.0, "gpt_cond_chunk_len": 6, "sound_norm_refs": True,
}  # fmt: skip
NEEDS = {"length_penalty": {"num_beams": 2}}


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
