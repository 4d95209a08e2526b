"""Seconds counted by stopwatches."""

import pytest

from cloning.clock import covered


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [([], 0.0), ([(1.0, 3.0), (5.0, 6.0)], 3.0), ([(5.0, 9.0), (1.0, 7.0), (2.0, 3.0)], 8.0)],
)
def test_seconds_that_overlap_count_once(spans: list[tuple[float, float]], seconds: float) -> None:
    """One job's chunk may be in another's turn while the job reports the one before."""
    assert covered(spans) == seconds
