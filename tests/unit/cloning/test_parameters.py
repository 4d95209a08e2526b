"""Profiles: what each name means to each engine; no name is silently replaced."""

from dataclasses import asdict, fields
from typing import Any, get_args

import pytest

from cloning.errors import InvalidRequest
from cloning.names import BALANCED, EngineName, ProfileName
from cloning.parameters import BY_INTENT, ENGINES, PROFILES, engines_with, names_of, resolved
from cloning.ports import F5Parameters
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import parse

LIMITS = Limits(1000, 1000)
NAMES: tuple[ProfileName, ...] = get_args(ProfileName)
SPEAK: dict[str, Any] = {"text": "Hello.", "voice": "anna"}


def generate(**more: object) -> Generate:
    request = parse({**SPEAK, **more}, LIMITS)
    assert isinstance(request, Generate)
    return request


def test_every_name_means_something_to_every_engine() -> None:
    """Every profile's name means something to every engine, and every profile of an engine can be requested."""
    assert set(BY_INTENT) == set(NAMES)
    for meanings in BY_INTENT.values():
        assert set(meanings) == set(ENGINES)
        assert all(profile in PROFILES[engine] for engine, profile in meanings.items())
    for engine in ENGINES:
        assert all(BY_INTENT[profile][engine] == profile for profile in PROFILES[engine])


def test_the_livelier_profile_has_the_name_that_each_engine_gives_it() -> None:
    """F5-TTS's ultra_natural is XTTS's expressive; either name works for both."""
    for name in ("ultra_natural", "expressive"):
        assert BY_INTENT[name] == {"f5": "ultra_natural", "xtts": "expressive"}


def test_no_two_profiles_of_an_engine_are_the_same() -> None:
    """No two profiles of an engine are the same."""
    for engine in ENGINES:
        tables = [tuple(asdict(values).items()) for values in PROFILES[engine].values()]
        assert len(set(tables)) == len(tables)


def test_a_draft_takes_the_fewest_steps_that_upstream_recommends() -> None:
    """`draft` takes upstream's fewest recommended steps, seven on a grid of their own; XTTS has no cheaper values and uses its steadier ones."""
    assert BY_INTENT["draft"] == {"f5": "draft", "xtts": "fast"}
    assert PROFILES["f5"]["draft"] == F5Parameters(nfe_step=7)


@pytest.mark.parametrize("profile", NAMES)
@pytest.mark.parametrize("engine", ENGINES)
def test_single_values_go_before_the_profiles(engine: EngineName, profile: ProfileName) -> None:
    """A single value overrides the profile's; the others stay."""
    applied, plain = resolved(engine, profile, {})
    _, changed = resolved(engine, profile, {"speed": 1.5})

    assert applied in PROFILES[engine]
    assert asdict(changed) == asdict(plain) | {"speed": 1.5}


def test_every_value_of_an_engine_can_be_sent() -> None:
    """Every value of an engine can be sent in a request."""
    for engine in ENGINES:
        assert set(names_of(engine)) <= set(Generate.model_fields)
    assert {name for name in Generate.model_fields if engines_with(name)} == {
        field.name for engine in ENGINES for field in fields(PROFILES[engine][BALANCED])
    }


def test_an_unknown_profile_is_refused_with_the_list() -> None:
    """An unknown profile is refused with the list and never becomes 'balanced'."""
    with pytest.raises(InvalidRequest) as caught:
        generate(profile="f5tts_ultra_natural")

    assert caught.value.details["field"] == "profile"
    assert all(name in caught.value.message for name in NAMES)


def test_a_digest_names_the_profile_and_not_the_defaults() -> None:
    """The digest has the profile, but not default values, so requests of earlier releases stay the same."""
    plain = generate().digest()

    assert generate(nfe_step=32, speed=1.0).digest() == plain
    assert generate(nfe_step=16).digest() != plain
    assert generate(profile="fast").digest() != plain
    assert generate(profile="fast", nfe_step=32).digest() != generate(profile="fast").digest()
    assert generate(cross_fade_duration=0.15).digest() != plain  # XTTS's own is another
    assert generate(redraw_speed=0.88).digest() != plain  # no engine's value, and refused without a check
