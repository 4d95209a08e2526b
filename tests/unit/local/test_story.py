"""What a person reads while the demo runs."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from local.story import Exchange, Story, report_of
from tests.standins.fakes import ManualClock
from tests.unit.docs.test_examples import api_examples


def example() -> Mapping[str, Any]:
    """The reply of a generate in docs/api.md."""
    return next(one.reply for one in api_examples() if one.name == "generate")


def told(*, terminal: bool) -> str:
    """A step of two seconds, half-way done."""
    screen, clock = io.StringIO(), ManualClock()
    story = Story(Console(file=screen, force_terminal=terminal, width=200), clock)

    with story.step("generate") as step:
        clock.sleep(2)
        step.moved("IN_PROGRESS", 1, 2)
        step.outcome = "5.42 s of speech"

    return screen.getvalue()


def test_a_pipe_gets_plain_lines() -> None:
    """In a pipe the status and the step, with its seconds, are plain lines."""
    assert told(terminal=False).splitlines() == [
        "             IN_PROGRESS, 1 of 2 chunks",
        "generate     2.0 s  5.42 s of speech",
    ]


def test_a_terminal_gets_colours_and_a_bar() -> None:
    """On a terminal the status is drawn beside a bar, which goes when the step ends; the step's line stays."""
    screen = told(terminal=True)

    assert "━" in screen
    assert "IN_PROGRESS, 1 of 2 chunks" in screen
    assert "generate     2.0 s  5.42 s of speech" in screen.rsplit("\x1b[2K", 1)[1]


def test_a_step_that_fails_has_no_line() -> None:
    """A failed step has no line, because its exception says what happened."""
    screen = io.StringIO()

    with pytest.raises(SystemExit), Story(Console(file=screen), ManualClock()).step("health"):
        raise SystemExit

    assert screen.getvalue() == ""


def test_the_report_cuts_recordings_alone() -> None:
    """The report shortens recordings in base64; everything else is whole."""
    exchanges = [
        Exchange("upload", {"audio": "U" * 100_000}, {}),
        Exchange("result", {"text": "word " * 300}, example()),
    ]

    report = report_of(exchanges, "a small checkpoint speaks", 1.0)

    assert "U" * 61 not in report
    assert "100000 characters" in report
    assert "word " * 300 in report


def test_the_report_marks_seconds_as_parts_of_the_sum_above_them() -> None:
    """The total comes first; its phases are marked below it, and a phase's parts twice below that, so that nothing seems to add up to more."""
    timings = {"queue": 1.0, "load": 2.0, "load_import": 1.5, "load_fetch": 0.5, "infer": 3.0, "total": 6.25}

    lines = report_of([Exchange("result", {}, {**example(), "timings": timings})], "why", 1.0).splitlines()

    begin = lines.index("| phase | seconds |")
    assert lines[begin + 2 : lines.index("", begin)] == [
        "| total | 6.25 |",
        "| - queue | 1.00 |",
        "| - load | 2.00 |",
        "| - - load_import | 1.50 |",
        "| - - load_fetch | 0.50 |",
        "| - infer | 3.00 |",
    ]


@pytest.mark.parametrize(("count", "said"), [(1, "in 1 chunk, seed"), (2, "in 2 chunks, seed")])
def test_the_report_counts_one_chunk_in_the_singular(count: int, said: str) -> None:
    """One chunk is `1 chunk`; more are `chunks`."""
    manifest = {**example()["manifest"], "chunks": [{}] * count}

    report = report_of([Exchange("result", {}, {**example(), "manifest": manifest})], "why", 1.0)

    assert said in report


def test_a_job_of_one_chunk_is_told_in_the_singular() -> None:
    """The progress of a job with one chunk is `of 1 chunk`."""
    screen = io.StringIO()

    with Story(Console(file=screen), ManualClock()).step("generate") as step:
        step.moved("IN_PROGRESS", 0, 1)

    assert screen.getvalue().splitlines()[0] == "             IN_PROGRESS, 0 of 1 chunk"


def test_what_was_heard_stands_below_what_was_said() -> None:
    """What was heard stands below what was said, with the word error rate."""
    screen = io.StringIO()

    Story(Console(file=screen), ManualClock()).heard("Seven red apples.", "some red apples", 1 / 3)

    assert screen.getvalue().splitlines() == [
        "said:        Seven red apples.",
        "heard:       some red apples",
        "             word error rate 0.33",
    ]
