"""What the settings allow to be solved together."""

import pytest

from cloning.planning.f5 import WINDOW_S
from cloning.settings import Settings
from engines.device.scheduler import Bounds
from worker.assembly import make_bounds


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), Bounds(1, WINDOW_S, 0.0)),
        (Settings(batch_chunks=4, batch_wait_ms=250), Bounds(4, 4 * WINDOW_S, 0.25)),
    ],
    ids=["as it comes", "set"],
)
def test_the_settings_bound_a_batch(settings: Settings, expected: Bounds) -> None:
    """So many chunks (unset: one), each as long as texts are cut to, and seconds of waiting."""
    assert make_bounds(settings) == expected
