"""What the benchmark of redraws reckons, without speaking."""

import json

import pytest

from benchmarks.redraws import ratio_of, sentences
from local.talker import TALKER
from training import grammar


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


def test_there_are_200_unseen_sentences() -> None:
    """Each has its own seed, wherever the reading begins; the voices take turns, and no text comes twice."""
    everything = sentences(1000)

    assert [seed for seed, _, _ in everything] == list(range(200))
    assert len({text for _, _, text in everything}) == 200
    assert {voice for _, voice, _ in everything[::2]} != {voice for _, voice, _ in everything[1::2]}
    assert sentences(40, 60) == everything[60:100]


def test_the_first_100_unseen_sentences_are_the_evaluations() -> None:
    """So figures of redraws can be laid beside those of the checkpoint."""
    results = json.loads((TALKER / "evaluation.json").read_text("utf-8"))["results"]
    said = [[one["text"] for one in row["utterances"]] for row in results if row["set"] == "unseen"]

    assert [text for _, _, text in sentences(100)] in said


def test_no_unseen_sentence_was_trained_on() -> None:
    """What each voice says in the training data has none of them."""
    texts = {text for _, _, text in sentences(1000)}

    assert all(texts.isdisjoint(grammar.training(1, voice, 500)) for voice in ("rms", "slt"))
