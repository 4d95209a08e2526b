"""The parts of a speech: whatever the plan, joined they equal the speech that is made of all chunks at once."""

from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.generate.progress.joiner import Joiner
from cloning.generate.synthesis import finished, segments_of
from cloning.planning.f5 import SAMPLE_RATE, Chunk, Plan

_CHUNKS = st.lists(
    st.tuples(st.integers(1, 9_000), st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3])), min_size=1, max_size=12
)
_FADES = st.sampled_from([0.0, 0.00001, 0.05, 0.15, 0.2, 1.0])


def plan_of(chunks: list[tuple[int, float]], cross_fade: float, last_pause: float) -> Plan:
    """A plan of chunks, by each one's samples and the pause before it."""
    made = [
        Chunk(index, "words", index, 1.0, None, size / SAMPLE_RATE, 0, pause)
        for index, (size, pause) in enumerate(chunks)
    ]
    return Plan(tuple(made), cross_fade, None, last_pause)


@settings(max_examples=200, deadline=None)
@given(_CHUNKS, _FADES, st.sampled_from([0.0, 0.25]), st.integers(0, 2**32 - 1))
def test_joined_parts_are_the_result(
    chunks: list[tuple[int, float]], cross_fade: float, last_pause: float, seed: int
) -> None:
    """Joined parts equal the result sample for sample, even where a chunk is shorter than the cross-fade."""
    plan = plan_of(chunks, cross_fade, last_pause)
    noise = np.random.default_rng(seed)
    waves = {index: noise.standard_normal(size).astype(np.float32) for index, (size, _) in enumerate(chunks)}

    joiner = Joiner(plan)
    parts = [joiner.add(waves[index]) for index in range(len(chunks))]

    whole = finished(segments_of(waves, plan.pauses, cross_fade), last_silence_s=last_pause, remove_silence=False)
    assert np.array_equal(np.concatenate(parts), whole.pcm)


@settings(max_examples=100, deadline=None)
@given(_CHUNKS, _FADES)
def test_no_more_than_a_cross_fade_is_held_back(chunks: list[tuple[int, float]], cross_fade: float) -> None:
    """Of the spoken samples at most a cross-fade is held back, so that they are heard as early as possible."""
    plan = plan_of(chunks, cross_fade, 0.0)
    joiner = Joiner(plan)

    told = list(accumulate(len(joiner.add(np.ones(size, dtype=np.float32))) for size, _ in chunks))

    spoken = list(accumulate(size + round(pause * SAMPLE_RATE) for size, pause in chunks))
    faded = [int(cross_fade * SAMPLE_RATE) * (place + 1) for place in range(len(chunks))]
    assert all(said - most <= told_ <= said for said, most, told_ in zip(spoken, faded, told, strict=True))
