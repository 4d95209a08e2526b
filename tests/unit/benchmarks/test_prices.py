"""The estimated price table, and that the document shows the same."""

import pytest

from benchmarks.prices import CARDS, STEPS, busy_s, table
from tests.conftest import ROOT


def test_the_document_has_the_table_that_is_reckoned_and_says_so() -> None:
    """docs/deploy.md shows what `python -m benchmarks.prices` prints, and says that it is an estimate."""
    page = (ROOT / "docs/deploy.md").read_text("utf-8")

    assert table() in page
    assert "**estimated, not measured**" in page


def test_it_is_near_what_others_published() -> None:
    """The estimate is near a published figure: an RTX 3090 at 7 steps has a real-time factor of 0.030."""
    assert 0.024 < busy_s(CARDS["RTX 3090"], "official", 7) / 3600 < 0.036


@pytest.mark.parametrize("card", CARDS)
def test_less_work_costs_less(card: str) -> None:
    """The fast path costs less on any card, and fewer steps cost less on either path."""
    for steps in STEPS:
        assert busy_s(CARDS[card], "fast", steps) < busy_s(CARDS[card], "official", steps)
    assert busy_s(CARDS[card], "fast", 7) < busy_s(CARDS[card], "fast", 16) < busy_s(CARDS[card], "fast", 32)
