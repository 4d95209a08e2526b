"""The table of families: one for each engine and each class of models."""

from typing import get_args

import pytest

from cloning.names import EngineName
from model_cache.families import FAMILIES, Backbone, family_of


def test_every_engine_has_its_family() -> None:
    """Every engine has its family, and every class of models leads back to one."""
    assert set(FAMILIES) == set(get_args(EngineName))
    assert {family_of(backbone).backbone for backbone in get_args(Backbone)} == set(get_args(Backbone))
    assert all(family.engine == engine for engine, family in FAMILIES.items())


@pytest.mark.parametrize("backbone", ["Vocos", "UNetT"])
def test_what_no_family_has_goes_with_f5_tts(backbone: str) -> None:
    """A vocoder belongs to F5-TTS's family; a class that it lacks is refused when the weights are looked at."""
    assert family_of(backbone) is FAMILIES["f5"]
