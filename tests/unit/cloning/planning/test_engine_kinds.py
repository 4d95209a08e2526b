"""What is known of each engine before one is loaded."""

from typing import Any, get_args

import pytest

from cloning.errors import InvalidRequest
from cloning.names import EngineName
from cloning.planning.engine_kinds import KINDS
from cloning.settings import Settings
from cloning.settings.variables import names_of


@pytest.mark.parametrize("engine", get_args(EngineName))
def test_an_engines_setting_names_its_checkpoint(engine: EngineName) -> None:
    """The setting that a failure names is the one that the checkpoint is taken from."""
    kind = KINDS[engine]
    (field,) = [one for one, info in Settings.model_fields.items() if kind.setting.lower() in names_of(one, info)]

    settings = Settings.model_validate({field: "mine"})

    assert kind.name == engine
    assert kind.checkpoint(settings) == "mine"


@pytest.mark.parametrize(
    ("engine", "given", "field"),
    [
        ("f5", {"fix_duration": 10.0, "speed": 1.2}, "speed"),
        ("xtts", {"length_penalty": 2.0}, "length_penalty"),
        ("xtts", {"length_penalty": 2.0, "num_beams": 1}, "length_penalty"),
    ],
)
def test_a_value_that_another_makes_void_is_refused(engine: EngineName, given: dict[str, Any], field: str) -> None:
    """If one value makes another void, the request is refused with the name of the one to leave out."""
    with pytest.raises(InvalidRequest) as caught:
        KINDS[engine].refuse_contradictions(given)

    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("engine", "given"),
    [
        ("f5", {}),
        ("f5", {"fix_duration": 10.0, "speed": 1.0}),
        ("xtts", {"speed": 1.2}),
        ("xtts", {"length_penalty": 2.0, "num_beams": 2}),
    ],
)
def test_values_that_go_together_are_taken(engine: EngineName, given: dict[str, Any]) -> None:
    """Values that agree are accepted: a speed of 1 changes nothing."""
    KINDS[engine].refuse_contradictions(given)
