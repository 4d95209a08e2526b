"""What a person reads while the demo runs."""

import io

import pytest
from rich.console import Console

from local.story import Exchange, Story, report_of
from tests.fakes import ManualClock
from tests.unit.docs.test_examples import api_examples


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
    reply = next(one.reply for one in api_examples() if one.name == "generate")
    exchanges = [
        Exchange("upload", {"audio": "U" * 100_000}, {}),
        Exchange("result", {"text": "word " * 300}, reply),
    ]

    report = report_of(exchanges, "a small checkpoint speaks", 1.0)

    assert "U" * 61 not in report
    assert "100000 characters" in report
    assert "word " * 300 in report


def test_what_was_heard_stands_below_what_was_said() -> None:
    """What was heard stands below what was said, with the word error rate."""
    screen = io.StringIO()

    Story(Console(file=screen), ManualClock()).heard("Seven red apples.", "some red apples", 1 / 3)

    assert screen.getvalue().splitlines() == [
        "said:        Seven red apples.",
        "heard:       some red apples",
        "             word error rate 0.33",
    ]
