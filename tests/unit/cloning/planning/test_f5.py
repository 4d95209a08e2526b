"""A plan has chunks within the model's limits, and for each a seed that depends on nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import InvalidRequest, InvalidText
from cloning.planning.f5 import LONGEST_CHUNK_S, Plan, chunk_seed, plan_speech, values_of, with_ending
from cloning.ports import F5Parameters

REFERENCE = "Some call me nature, others call me mother nature."
TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 20


def plan(text: str = TEXT, *, reference_s: float = 5.0, seed: int = 7, **parameters: float) -> Plan:
    values = F5Parameters(**parameters)  # type: ignore[arg-type]  # each test names real fields
    return plan_speech(text, reference_text=REFERENCE, reference_s=reference_s, seed=seed, parameters=values)


def test_reference_and_chunk_fill_at_most_22_s() -> None:
    """Reference and chunk together have at most 22 s; beyond its training length the model skips words."""
    assert all(5.0 + chunk.seconds <= 22.0 for chunk in plan().chunks)


def test_a_text_without_punctuation_is_split_too() -> None:
    """A text without punctuation is split too; upstream would send minutes of it as one chunk."""
    assert len(plan("word " * 300).chunks) > 3


def test_a_seed_reproduces_every_chunk() -> None:
    """The same seed gives every chunk the same seed, another gives all others, and no two chunks share one."""
    seeds = [chunk.seed for chunk in plan(seed=7).chunks]

    assert seeds == [chunk.seed for chunk in plan(seed=7).chunks]
    assert not set(seeds) & {chunk.seed for chunk in plan(seed=8).chunks}
    assert len(set(seeds)) == len(seeds)


@given(seed=st.integers(0, 2**63 - 1), index=st.integers(0, 10_000))
def test_a_chunks_seed_is_one_that_torch_takes(seed: int, index: int) -> None:
    """A chunk's seed is in torch's range, 0 to 2^63 - 1."""
    assert 0 <= chunk_seed(seed, index) < 2**63


def test_a_tiny_chunk_says_the_speed_it_gets() -> None:
    """A chunk under 10 bytes is spoken at 0.3 by upstream, whatever was asked; the plan reports that speed."""
    assert [chunk.speed for chunk in plan("Hi.", speed=1.5).chunks] == [0.3]


def test_the_engine_is_asked_for_the_requests_speed_unless_a_draw_has_its_own() -> None:
    """Upstream slows tiny chunks itself, and a first draw is spoken as the request says: its values are the request's own."""
    parameters = F5Parameters(speed=1.5)

    told = [values_of(chunk, parameters) for text in ("Hi.", TEXT) for chunk in plan(text, speed=1.5).chunks]

    assert set(told) == {parameters}


def test_a_fixed_duration_is_shared_by_bytes() -> None:
    """A fixed duration is divided by bytes: the chunks' times less the cross-fades add up to it."""
    fixed = plan(fix_duration=65.0, cross_fade_duration=0.15)

    assert len(fixed.chunks) > 1
    assert fixed.seconds == pytest.approx(60.0)


def test_a_fixed_duration_that_leaves_no_time_is_refused() -> None:
    """A fixed duration that leaves no time is refused; upstream would make one frame of noise."""
    with pytest.raises(InvalidRequest, match="counts the reference"):
        plan("Hello there.", fix_duration=4.0)


@pytest.mark.parametrize("text", ["Hello there.", TEXT, "word " * 300, "x" * 2000])
@pytest.mark.parametrize("asked", [5.001, 3600.0])
def test_a_fixed_duration_out_of_bounds_names_the_bound(text: str, asked: float) -> None:
    """A fixed duration out of bounds is refused as such, with a bound that works, and not as a wrong text."""
    with pytest.raises(InvalidRequest, match="fix_duration") as caught:
        plan(text, fix_duration=asked)

    assert not isinstance(caught.value, InvalidText)
    assert caught.value.details["field"] == "fix_duration"
    named: Any = caught.value.details["longest" if asked > 1000 else "shortest"]
    assert f"{named:g} s" in caught.value.message
    assert plan(text, fix_duration=named).seconds == pytest.approx(named - 5.0)


def test_a_piece_beyond_the_models_positions_is_refused() -> None:
    """A word of 2,000 letters is refused before the GPU is used; it would fail inside the model."""
    with pytest.raises(InvalidText, match="add spaces or punctuation"):
        plan("x" * 2000)


@given(
    text=st.text(alphabet="ab ,.", min_size=1, max_size=2000).filter(lambda text: any(c.isalpha() for c in text)),
    reference_s=st.floats(1.0, 12.05),
    speed=st.floats(0.3, 2.0),
)
def test_no_chunk_is_ever_beyond_the_model(text: str, reference_s: float, speed: float) -> None:
    """For any text, reference and speed, each chunk is within the model's limit or the request is refused."""
    try:
        planned = plan(text, reference_s=reference_s, speed=speed)
    except InvalidText:
        return
    assert all(reference_s + chunk.seconds <= LONGEST_CHUNK_S for chunk in planned.chunks)


@pytest.mark.parametrize(
    ("text", "ending"), [("Hi", "Hi. "), ("Hi.", "Hi. "), ("Hi. ", "Hi. "), ("好。", "好。"), ("Hi?", "Hi?. ")]
)
def test_a_reference_text_is_sealed_as_upstream_does(text: str, ending: str) -> None:
    """The reference text gets the ending that upstream gives it, which keeps its words out of the result."""
    assert with_ending(text) == ending
