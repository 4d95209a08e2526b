"""How the GPU benchmark runs: parts within a budget, jobs through the real queue, and the estimated time of a full run."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.gpu import parts
from benchmarks.gpu.bench import USUAL, Bench
from benchmarks.gpu.jobs import latencies, queue
from benchmarks.gpu.packs import crowd
from benchmarks.gpu.parts import PARTS, measure_parts
from benchmarks.gpu.reckoning import BUDGET_S, reckoned, table
from cloning.ports import Reference, Samples, Utterance
from engines.f5.engine import F5Engine
from tests.conftest import ROOT

VOICE = Reference(ROOT / "reference.wav", "Some call me nature.", "a" * 64, 5.0)
NOTHING = cast("Bench", None)


class Speaker:
    """A stand-in for an engine: each call takes one turn of 10 ms."""

    def __init__(self) -> None:
        self.packs: list[int] = []

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        self.packs.append(len(utterances))
        time.sleep(0.01)
        return [np.zeros(1, np.float32) for _ in utterances]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three parts in place of the real ones."""
    monkeypatch.setattr(parts, "PARTS", {name: lambda *_, name=name: {"is": name} for name in ("one", "two", "three")})


def measured(wanted: Sequence[str], left: Iterator[float]) -> tuple[list[list[str]], Mapping[str, Any]]:
    """The names in the report at each write, and all of them at the end."""
    kept: list[list[str]] = []
    found = measure_parts(
        NOTHING, USUAL, wanted, seconds_left=lambda: next(left), keep=lambda so_far: kept.append(list(so_far))
    )
    return kept, found


@pytest.mark.usefixtures("three")
def test_the_report_is_written_after_each_part() -> None:
    """The report is written after each part, so an interrupted run keeps what it has; the order is the benchmark's own."""
    kept, found = measured(["three", "one"], iter([9.0, 9.0]))

    assert kept == [["one"], ["one", "three"]]
    assert found["three"]["is"] == "three"
    assert found["three"]["seconds"] >= 0


@pytest.mark.usefixtures("three")
def test_no_part_begins_without_a_budget() -> None:
    """A part that doesn't fit into the budget is reported as skipped, with the reason."""
    kept, found = measured(["one", "two", "three"], iter([5.0, 0.0, -3.0]))

    assert len(kept) == 3
    assert [name for name, part in found.items() if "skipped" in part] == ["two", "three"]
    assert found["two"] == {"skipped": "the budget was spent"}


def test_what_only_a_card_can_say_comes_first() -> None:
    """What only a GPU can measure comes first: the distances and one stream; packs, the longest, are last."""
    order = list(PARTS)

    assert order[:4] == ["backend", "proof", "parity", "one_stream"]
    assert order[-1] == "packs"


@pytest.mark.parametrize(("size", "packs"), [(1, [1] * 8), (4, [4, 4]), (8, [8])])
def test_jobs_take_turns_in_the_real_queue(size: int, packs: list[int]) -> None:
    """Jobs take turns in the real queue, and each has its latency; a pack ends for all of its jobs at once."""
    speaker = Speaker()

    seconds, turns = latencies(queue(size), cast("F5Engine", speaker), crowd(VOICE, 5.0, 8, 16), size)

    assert (speaker.packs, turns) == (packs, len(packs))
    assert len(seconds) == 8
    assert 0 < seconds[0] <= seconds[-1]
    assert seconds[-1] >= 0.01 * len(packs)


def test_the_usual_run_should_fit_eight_minutes_of_an_h200() -> None:
    """A usual run is estimated to fit eight minutes of an H200, with a third to spare for what nobody has measured yet."""
    assert sum(reckoned().values()) < BUDGET_S * 2 / 3
    assert set(reckoned()) - {"start"} == set(PARTS) - {"backend"}


def test_the_document_has_the_reckoned_seconds() -> None:
    """benchmarks/README.md shows what `python -m benchmarks.gpu.reckoning` prints."""
    assert table() in (ROOT / "benchmarks/README.md").read_text("utf-8")
