"""Runs: the clock measures them, they can be resumed after a stop, and files are never half-written."""

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch

from training import runs


def test_a_run_ends_when_its_minutes_are_over() -> None:
    """A run ends when its minutes are over, and its progress goes from 0 to 1 with the clock."""
    now = [100.0]
    run = runs.Run(2, lambda: now[0])

    begun = (run.progress, run.goes_on())
    now[0] += 60
    half = (run.progress, run.minutes, run.goes_on())
    now[0] += 61

    assert begun == (0, True)
    assert half == (0.5, 1, True)
    assert (run.progress, run.goes_on()) == (1, False)


def test_a_stopped_run_goes_no_further() -> None:
    """A stopped run goes no further, whatever the clock says, and keeps its results."""
    run = runs.Run(60, count().__next__)

    run.stop()

    assert not run.goes_on()
    assert run.progress < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_run(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM and Ctrl-C end a run after its step, not by an exception in the middle of one."""
    handlers: dict[int, Callable[..., None]] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    run = runs.Run(60, count().__next__)
    run.stop_on_signals()

    handlers[number](number, None)

    assert not run.goes_on()


@pytest.mark.parametrize(("state", "done"), [({"progress": 0.4}, 0.4), ({"progress": 1.0}, 0.0), ({}, 0.0)])
def test_only_what_was_interrupted_goes_on(state: dict[str, float], done: float) -> None:
    """Only an interrupted run is resumed; after one that ended, or whose end is unknown, a new one begins."""
    assert runs.unfinished(state) == done


def test_an_average_follows_and_leaves_whole_numbers_alone() -> None:
    """The average follows fast at first: after one step a tenth of the old value is left. Whole numbers are copied."""
    live = {"weight": torch.ones(3), "count": torch.tensor(5)}
    average = {"weight": torch.zeros(3), "count": torch.tensor(2)}

    runs.follow(average, live, step=0, decay=0.997)

    assert torch.allclose(average["weight"], torch.full((3,), 0.9))
    assert average["count"] == 2


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A file is written whole or the old one stays."""
    path = tmp_path / "file"
    runs.write_whole(path, lambda staging: staging.write_text("old"))

    def fail(staging: Path) -> None:
        staging.write_text("ha")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        runs.write_whole(path, fail)

    assert path.read_text() == "old"
