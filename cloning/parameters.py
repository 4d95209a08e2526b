"""
Named quality profiles: for each engine a table of values, and which of its profiles a name means.

The engines have little in common: F5-TTS solves an equation in `nfe_step` steps, XTTS draws token after token at a `temperature`.
So a name is mapped by intent, one line a name, and never by number. A request may override single values.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, get_args

from cloning.names import EngineName
from cloning.ports import F5Parameters, Parameters, XttsParameters

ProfileName = Literal["balanced", "fast", "ultra_quality", "ultra_natural", "expressive"]
BALANCED: ProfileName = "balanced"
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

# F5-TTS: its own defaults; fewer steps; the most that its own page offers; more steps and a looser hold on the text.
F5_PROFILES: Mapping[ProfileName, F5Parameters] = {
    "balanced": F5Parameters(),
    "fast": F5Parameters(nfe_step=16),
    "ultra_quality": F5Parameters(nfe_step=64),
    "ultra_natural": F5Parameters(nfe_step=48, cfg_strength=1.7),
}
# XTTS: the published model's values; steadier, so that it seldom runs on (its time is that of what it says: no value makes it
# cheaper); steadier still, the reference brought to one level; livelier, with more mistakes.
XTTS_PROFILES: Mapping[ProfileName, XttsParameters] = {
    "balanced": XttsParameters(),
    "fast": XttsParameters(temperature=0.7),
    "ultra_quality": XttsParameters(temperature=0.65, top_p=0.8, sound_norm_refs=True),
    "expressive": XttsParameters(temperature=0.85, top_p=0.92, top_k=80, repetition_penalty=4.0),
}
PROFILES: Mapping[EngineName, Mapping[ProfileName, Parameters]] = {"f5": F5_PROFILES, "xtts": XTTS_PROFILES}
# What each name means to each engine.
BY_INTENT: Mapping[ProfileName, Mapping[EngineName, ProfileName]] = {
    "balanced": {"f5": "balanced", "xtts": "balanced"},
    "fast": {"f5": "fast", "xtts": "fast"},
    "ultra_quality": {"f5": "ultra_quality", "xtts": "ultra_quality"},
    "ultra_natural": {"f5": "ultra_natural", "xtts": "expressive"},
    "expressive": {"f5": "ultra_natural", "xtts": "expressive"},
}


def names_of(engine: EngineName) -> tuple[str, ...]:
    """The values that shape this engine's speech."""
    return tuple(field.name for field in fields(PROFILES[engine][BALANCED]))


def engines_with(name: str) -> tuple[EngineName, ...]:
    """The engines that know a value of that name."""
    return tuple(engine for engine in ENGINES if name in names_of(engine))


def values_of_all() -> tuple[str, ...]:
    """Every value that shapes any engine's speech, the first engine's first."""
    return tuple(dict.fromkeys(name for engine in ENGINES for name in names_of(engine)))


def resolved(engine: EngineName, profile: ProfileName, given: Mapping[str, Any]) -> tuple[ProfileName, Parameters]:
    """The engine's own profile of that intent, and its values with the `given` ones in place. Those must be the engine's."""
    applied = BY_INTENT[profile][engine]
    return applied, replace(PROFILES[engine][applied], **given)
