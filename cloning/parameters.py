"""
Named quality profiles: for each engine a table of values, and which of its profiles a name means.

The engines have little in common, so a name is mapped to a similar profile, one line a name, and never by numbers. Each engine's tables
are with everything else that is known of it (cloning.planning.engine_kinds). A request may override single values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from cloning.names import BALANCED, EngineName, ProfileName
from cloning.planning.engine_kinds import KINDS
from cloning.ports import Parameters

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
PROFILES: Mapping[EngineName, Mapping[ProfileName, Parameters]] = {name: kind.profiles for name, kind in KINDS.items()}
# The part of the request's speed at which F5-TTS speaks a chunk again (docs/decisions/0048).
REDRAW_SPEED = 0.88
# What each name means to each engine.
BY_INTENT: Mapping[ProfileName, Mapping[EngineName, ProfileName]] = {
    profile: {name: kind.intents[profile] for name, kind in KINDS.items()} for profile in get_args(ProfileName)
}


@dataclass(frozen=True)
class EngineWishes:
    """A request's engines, checkpoints and values: everything but the text and the voice. None: the deployment's."""

    engine: EngineName | None
    fallback: tuple[EngineName, ...] | None
    checkpoint: str | None
    profile: ProfileName
    values: Mapping[str, Any]
    language: str | None
    require_commercial: bool


def names_of(engine: EngineName) -> tuple[str, ...]:
    """The values that shape this engine's speech."""
    return tuple(field.name for field in fields(PROFILES[engine][BALANCED]))


def engines_with(name: str) -> tuple[EngineName, ...]:
    """The engines that have a value of that name."""
    return tuple(engine for engine in ENGINES if name in names_of(engine))


def values_of_all() -> tuple[str, ...]:
    """Every value that shapes any engine's speech, the first engine's first."""
    return tuple(dict.fromkeys(name for engine in ENGINES for name in names_of(engine)))


def resolved(engine: EngineName, profile: ProfileName, given: Mapping[str, Any]) -> tuple[ProfileName, Parameters]:
    """The engine's own profile of that intent, and its values overridden by the `given` ones, which must be the engine's."""
    applied = BY_INTENT[profile][engine]
    return applied, replace(PROFILES[engine][applied], **given)
