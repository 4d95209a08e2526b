"""The benchmark's count of the solver's operations."""

from typing import Any

import pytest

from benchmarks.arithmetic import FLOP, best_square, multiply_adds
from engines.f5.solver import Guidance, Sampler
from engines.tiny import TINY_ARCH
from tests.unit.engines.f5.test_solver import condition, make_model


def counted(model: Any, frames: int, guidance: Guidance) -> int:
    """The operations of one solve as torch itself counts them; its tables are made before."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    sampler, one = Sampler(model), condition(frames)
    sampler.solve([one], guidance)
    with (
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):  # of a CPU's own kernel it knows nothing
        sampler.solve([one], guidance)
    return int(counter.get_total_flops())


@pytest.mark.parametrize("changes", [{}, {"depth": 3, "heads": 1, "ff_mult": 4, "text_dim": 96}], ids=["tiny", "shape"])
@pytest.mark.parametrize("cfg_strength", [2.0, 0.0], ids=["guided", "unguided"])
def test_the_count_is_torchs_count_of_a_step(changes: dict[str, Any], cfg_strength: float) -> None:
    """Two more steps cost the multiply-adds of two more steps: work that is done once per utterance cancels out."""
    model, frames = make_model(**changes), 60
    steps = [counted(model, frames, Guidance(number, cfg_strength, -1.0)) for number in (3, 5)]

    expected = multiply_adds(TINY_ARCH | changes, frames, halves=2 if cfg_strength else 1)

    assert steps[1] - steps[0] == 2 * FLOP * expected


def test_the_full_size_needs_a_trillion_operations_a_step() -> None:
    """12 s of speech by the published model's configuration need about 10^12 operations a step."""
    base = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512}

    assert FLOP * multiply_adds(base, 1125) == pytest.approx(1.08e12, rel=0.01)


def test_the_cards_rate_is_the_best_square() -> None:
    """The card's rate is that of the best square product; a product of the model's own shape is only shown beside it."""
    assert best_square({(4, 4, 4): 1.0, (8, 8, 8): 3.0, (99, 8, 16): 7.0}) == 3.0
