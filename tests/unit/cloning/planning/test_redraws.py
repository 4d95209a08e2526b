"""A chunk's further draws have seeds of their own, and are slower as far as that helps."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloning.parameters import REDRAW_SPEED
from cloning.planning.f5 import Chunk, plan_speech
from cloning.planning.redraws import LONGEST_TRAINED_S, draw_seed, slowed
from cloning.ports import F5Parameters
from tests.unit.cloning.planning.test_f5 import REFERENCE

REFERENCE_S = 5.0


def planned(text: str = "Nobody was ever there.", parameters: F5Parameters | None = None) -> Chunk:
    (chunk,) = plan_speech(
        text, reference_text=REFERENCE, reference_s=REFERENCE_S, seed=7, parameters=parameters or F5Parameters()
    ).chunks
    return chunk


@pytest.mark.parametrize("speed", [1.0, 0.5, 1.1])
def test_further_draws_are_slower_and_planned_longer(speed: float) -> None:
    """By one part of the request's own speed, whatever that is; the check compares the pace with the longer plan."""
    chunk = planned(parameters=F5Parameters(speed=speed))

    slower = slowed(chunk, REDRAW_SPEED, reference_s=REFERENCE_S)

    assert slower.speed == pytest.approx(speed * REDRAW_SPEED)
    assert len(str(slower.speed)) < 6  # 0.968, not 0.9680000000000001
    assert slower.seconds * slower.speed == pytest.approx(chunk.seconds * speed)
    assert (slower.index, slower.text, slower.passage, slower.pause_s) == (0, chunk.text, 0, 0.0)


def test_each_draw_has_a_seed_of_its_own() -> None:
    """It depends on the job's seed, the chunk's place and the draw."""
    seeds = [draw_seed(7, place, draw) for place in (0, 1) for draw in (1, 2, 3)]

    assert len({planned().seed, *seeds, *(draw_seed(8, 0, draw) for draw in (1, 2, 3))}) == 10
    assert seeds == [draw_seed(7, place, draw) for place in (0, 1) for draw in (1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "parameters", "part"),
    [
        ("Nobody was ever there.", F5Parameters(), 1.0),
        ("Nobody was ever there.", F5Parameters(speed=0.33333), 1.0),
        ("Nobody was ever there.", F5Parameters(fix_duration=9.0), REDRAW_SPEED),
        ("Hi.", F5Parameters(), REDRAW_SPEED),
    ],
    ids=["redraw_speed 1", "and an odd speed", "fix_duration", "a very short text"],
)
def test_the_pace_stays_where_it_is_wanted_or_cannot_change(text: str, parameters: F5Parameters, part: float) -> None:
    """With `redraw_speed` 1, with a fixed duration, and for a text that upstream speaks at a speed of its own."""
    chunk = planned(text, parameters)

    assert slowed(chunk, part, reference_s=REFERENCE_S) == chunk


@given(
    seconds=st.floats(0.1, 60),
    speed=st.floats(0.3, 2),
    reference_s=st.floats(1, 15),
    part=st.floats(0.8, 1),
)
@example(seconds=20.0, speed=0.30006, reference_s=5.0, part=1.0)
def test_no_draw_is_longer_than_what_the_model_was_trained_on(
    seconds: float, speed: float, reference_s: float, part: float
) -> None:
    """Together with the reference, unless its first draw was; no draw is faster than the first."""
    chunk = Chunk(0, "Nobody was ever there.", 7, speed, None, seconds)

    slower = slowed(chunk, part, reference_s=reference_s)

    assert reference_s + slower.seconds <= max(reference_s + seconds, LONGEST_TRAINED_S) + 1e-6
    assert slower.seconds >= seconds
