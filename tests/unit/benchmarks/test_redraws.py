"""What the benchmark of redraws reckons, without speaking."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks import redraws
from benchmarks.redraws import BOUND, Way, measured, ratio_of, sentences
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


def test_there_are_400_unseen_sentences() -> None:
    """Each has its own seed, wherever the reading begins; the voices take turns, and no text comes twice."""
    everything = sentences(1000)

    assert [seed for seed, _, _ in everything] == list(range(400))
    assert len({text for _, _, text in everything}) == 400
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

    assert all(texts.isdisjoint(grammar.training(1, voice, 6000)) for voice in ("rms", "slt"))


class Spoken:
    """Stands in for the worker and the judge: what each seed says, and which check it gets."""

    def __init__(self, heard: Mapping[int, str]) -> None:
        self.store = self
        self.heard = heard
        self.body = b""

    def speak(self, _: object, __: str, ___: str, seed: int, way: Way) -> tuple[dict[str, Any], float]:
        check = {"state": "failed" if seed else "passed", "chunks": [{"draw": 1}, {"draw": way.draws}]}
        return {"audio": {"key": str(seed)}} | ({"check": check} if way.draws else {}), 2.0

    def get(self, key: str) -> "Spoken":
        self.body = key.encode()
        return self

    def hear(self, data: bytes) -> str:
        return self.heard[int(data)]


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (Way(1, redraw_speed=0.9), {"check": "full", "draws": 1}),
        (Way(4), {"check": "full", "draws": 4, "redraw_speed": 0.88}),
        (Way(4, redraw_speed=1.0), {"check": "full", "draws": 4, "redraw_speed": 1.0}),
        (BOUND, {}),
    ],
)
def test_each_way_asks_for_its_draws(monkeypatch: pytest.MonkeyPatch, way: Way, asked: dict[str, Any]) -> None:
    """One draw has no further ones to be slower, and without a check there are none to ask for."""
    requests = list[dict[str, Any]]()

    def answered(_: object, request: dict[str, Any], __: object) -> dict[str, Any]:
        requests.append(request)
        return {"status": "COMPLETED"}

    monkeypatch.setattr(redraws, "answer", answered)

    redraws.spoken(None, "anna", "Red fish.", 3, way)  # type: ignore[arg-type]

    (request,) = requests
    assert {name: request[name] for name in ("check", "draws", "redraw_speed") if name in request} == asked


@pytest.mark.parametrize(
    ("way", "errors", "row"),
    [
        (Way(1), [0, 2], {"draws": 1, "errors": 2, "passed": 1, "mean draw taken": 1.0, "seconds a sentence": 2.0}),
        (Way(4), [0, 2], {"draws": 4, "errors": 2, "passed": 1, "mean draw taken": 4.0, "seconds a sentence": 2.0}),
        (
            BOUND,
            [0, 1],
            {"draws": "best of 4", "errors": 1, "passed": None, "mean draw taken": None, "seconds a sentence": 8.0},
        ),
    ],
)
def test_each_way_has_its_row(
    monkeypatch: pytest.MonkeyPatch, way: Way, errors: list[int], row: dict[str, Any]
) -> None:
    """With a check the judge hears the draw that was taken; for the bound it hears four draws and the best one counts."""
    other = dict.fromkeys((1000, 2000, 3000), "not this") | dict.fromkeys((1001, 3001), "no")
    spoken = Spoken({0: "red fish", 1: "a few", 2001: "blue hats"} | other)
    monkeypatch.setattr(redraws, "spoken", spoken.speak)

    told, each = measured(spoken, spoken, [(0, "anna", "Red fish."), (1, "anna", "blue cats")], way)  # type: ignore[arg-type]

    assert each == errors
    assert {name: told[name] for name in row} == row
