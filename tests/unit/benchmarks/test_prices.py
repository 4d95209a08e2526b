"""The reckoned price table: what it says, and that the document says the same."""

import pytest

from benchmarks.prices import CARDS, STEPS, busy_s, table
from tests.conftest import ROOT


def test_the_document_has_the_table_that_is_reckoned_and_says_so() -> None:
    """`python -m benchmarks.prices` prints what docs/deploy.md shows."""
    page = (ROOT / "docs/deploy.md").read_text("utf-8")

    assert table() in page
    assert "**reckoned, not measured**" in page


def test_it_is_near_what_others_published() -> None:
    """An RTX 3090 at 7 steps: a real-time factor of 0.030."""
    assert 0.024 < busy_s(CARDS["RTX 3090"], "official", 7) / 3600 < 0.036


@pytest.mark.parametrize("card", CARDS)
def test_less_work_costs_less(card: str) -> None:
    """The fast path on any card, and fewer steps on either path."""
    for steps in STEPS:
        assert busy_s(CARDS[card], "fast", steps) < busy_s(CARDS[card], "official", steps)
    assert busy_s(CARDS[card], "fast", 7) < busy_s(CARDS[card], "fast", 16) < busy_s(CARDS[card], "fast", 32)
