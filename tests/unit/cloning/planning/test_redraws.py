"""A chunk's further draws have seeds of their own, and are slower as far as that helps."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.planning.f5 import Chunk, plan_speech
from cloning.planning.redraws import LONGEST_TRAINED_S, draw_seed, drawn_again
from cloning.ports import F5Parameters, Parameters, XttsParameters
from tests.unit.cloning.planning.test_f5 import REFERENCE

REFERENCE_S = 5.0


def planned(text: str = "Nobody was ever there.", parameters: F5Parameters | None = None) -> Chunk:
    (chunk,) = plan_speech(
        text, reference_text=REFERENCE, reference_s=REFERENCE_S, seed=7, parameters=parameters or F5Parameters()
    ).chunks
    return chunk


def draws_of(chunk: Chunk, parameters: Parameters, reference_s: float = REFERENCE_S) -> list[Chunk]:
    return [drawn_again(chunk, draw, 7, parameters, reference_s) for draw in (1, 2, 3)]


@pytest.mark.parametrize("speed", [1.0, 0.5])
def test_further_draws_are_slower_and_planned_longer(speed: float) -> None:
    """By one part of the request's own speed, whatever that is; the check compares the pace with the longer plan."""
    parameters = F5Parameters(speed=speed, redraw_speed=0.9)
    chunk = planned(parameters=parameters)

    draws = draws_of(chunk, parameters)

    assert [one.speed for one in draws] == pytest.approx([speed * 0.9] * 3)
    assert [one.seconds * one.speed for one in draws] == pytest.approx([chunk.seconds * speed] * 3)


def test_each_draw_has_a_seed_of_its_own() -> None:
    """It depends on the job's seed, the chunk's place and the draw; nothing else about the chunk changes but its pace."""
    chunk = planned()

    draws = draws_of(chunk, F5Parameters())

    assert [one.seed for one in draws] == [draw_seed(7, 0, draw) for draw in (1, 2, 3)]
    assert len({chunk.seed, *(one.seed for one in draws)}) == 4
    assert {(one.index, one.text, one.passage, one.pause_s) for one in draws} == {(0, chunk.text, 0, 0.0)}


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("Nobody was ever there.", F5Parameters(redraw_speed=1.0)),
        ("Nobody was ever there.", F5Parameters(redraw_speed=1.0, speed=0.33333)),
        ("Nobody was ever there.", F5Parameters(fix_duration=9.0)),
        ("Hi.", F5Parameters()),
    ],
    ids=["redraw_speed 1", "and an odd speed", "fix_duration", "a very short text"],
)
def test_the_pace_stays_where_it_is_wanted_or_cannot_change(text: str, parameters: F5Parameters) -> None:
    """With `redraw_speed` 1, with a fixed duration, and for a text that upstream speaks at a speed of its own."""
    chunk = planned(text, parameters)

    assert {(one.speed, one.seconds) for one in draws_of(chunk, parameters)} == {(chunk.speed, chunk.seconds)}


def test_another_engine_keeps_its_pace() -> None:
    """XTTS ends where its text ends: it has no length that could be short."""
    chunk = planned()

    assert {(one.speed, one.seconds) for one in draws_of(chunk, XttsParameters())} == {(chunk.speed, chunk.seconds)}


@given(
    seconds=st.floats(0.1, 60),
    speed=st.floats(0.3, 2),
    reference_s=st.floats(1, 15),
    redraw_speed=st.floats(0.8, 1),
)
def test_no_draw_is_longer_than_what_the_model_was_trained_on(
    seconds: float, speed: float, reference_s: float, redraw_speed: float
) -> None:
    """Together with the reference, unless its first draw was; no draw is faster than the first."""
    chunk = Chunk(0, "Nobody was ever there.", 7, speed, None, seconds)
    values: dict[str, Any] = {"speed": speed, "redraw_speed": redraw_speed}

    draws = draws_of(chunk, F5Parameters(**values), reference_s)

    longest = max(reference_s + seconds, LONGEST_TRAINED_S)
    assert all(reference_s + one.seconds <= longest + 1e-6 for one in draws)
    lengths = [one.seconds for one in (chunk, *draws)]
    assert all(later >= earlier for earlier, later in itertools.pairwise(lengths))
