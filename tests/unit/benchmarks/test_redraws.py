"""What the benchmark of redraws reckons, without speaking."""

import pytest

from benchmarks.redraws import ratio_of, sentences


def test_the_ratio_is_of_all_errors_and_lies_in_its_interval() -> None:
    """Sentences are drawn in pairs, so the interval is that of the ratio, not of two rates."""
    before, after = [0, 3, 1, 0, 4, 2] * 10, [0, 1, 1, 0, 2, 0] * 10

    ratio, low, high = ratio_of(before, after)

    assert ratio == pytest.approx(0.4)
    assert 0.2 < low < ratio < high < 0.6


@pytest.mark.parametrize("wrong", [[1, 2, 0, 5], [0, 0, 0]])
def test_the_same_errors_are_no_gain(wrong: list[int]) -> None:
    """Equal errors give 1 in every sample; without any error there is nothing to gain, and no division by zero."""
    ratio, low, high = ratio_of(wrong, wrong)

    assert (ratio, low, high) == ((1.0, 1.0, 1.0) if sum(wrong) else (0.0, 0.0, 0.0))


def test_the_evaluation_has_100_unseen_sentences() -> None:
    """Each has its own seed, wherever the reading begins."""
    everything = sentences(100)

    assert len({seed for seed, _, _ in everything}) == len(everything) == 100
    assert sentences(1000) == everything
    assert sentences(40, 60) == everything[60:]
