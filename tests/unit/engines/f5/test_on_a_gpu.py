"""
What the solver would ask of a GPU, seen without one: torch's fake tensors have a CUDA device and no numbers.

A host that waits for the device needs a number, so it fails here. Operations are those that would start kernels; views are not.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException

from engines.f5.solver import Condition, Guidance, Sampler
from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH
from tests.standins.fake_gpu import Operations, fake_gpu

DEPTH = 2  # as few as show what a block asks for; widths change no count
WAYS: dict[str, tuple[int, float, bool]] = {
    "one": (1, 2.0, False),
    "four": (4, 2.0, False),
    "frugal": (1, 2.0, True),
    "unguided": (1, 0.0, False),
}
# Operations of one step through so many blocks. More is a step back: on cards where launches count each costs 5 us and more.
MOST = {"one": 75, "four": 122, "frugal": 143, "unguided": 71}


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every tensor is a fake one."""
    import_f5()
    with fake_gpu(monkeypatch):
        yield


def make_sampler(guidance: Guidance, times: Sequence[float]) -> Sampler:
    """Of a small model in half precision."""
    from f5_tts.model import CFM, DiT

    with torch.device("cuda"):
        model = CFM(
            transformer=DiT(**TINY_ARCH | {"depth": DEPTH}, text_num_embeds=200, mel_dim=100),
            mel_spec_kwargs={"n_mel_channels": 100},
            odeint_kwargs={"method": "euler"},
        ).eval()
    for module in model.modules():  # `half` can't replace a fake parameter
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                module._parameters[name] = torch.nn.Parameter(parameter.half(), requires_grad=False)
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.is_floating_point():
                module._buffers[name] = buffer.half()
    sampler = Sampler(model)
    sampler.use_grid(guidance, times)
    return sampler


def solved(way: str, steps: int) -> tuple[list[Any], Operations]:
    """What comes of it, and what a GPU would have been asked; the tables were there before."""
    count, strength, is_frugal = WAYS[way]
    guidance = Guidance(steps, strength, -1.0)
    sampler = make_sampler(guidance, [number / steps for number in range(steps + 1)])
    conditions = [
        Condition(torch.randn(24, 100, device="cuda"), torch.zeros(12, dtype=torch.long), 60 + 5 * one, one)
        for one in range(count)
    ]
    with Operations() as operations:
        mels = sampler.solve(conditions, guidance, is_frugal=is_frugal)
    return mels, operations


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leaves_the_gpu_but_the_tokens_come_to_it(way: str) -> None:
    """No operation has tensors on two devices but the copies of the tokens, and none waits for a number."""
    mels, operations = solved(way, 2)

    assert {(str(mel.device), mel.dtype) for mel in mels} == {("cuda:0", torch.float16)}
    assert set(operations.mixed) == {("_to_copy", "cpu", "cuda:0")}
    assert operations.mixed["_to_copy", "cpu", "cuda:0"] == WAYS[way][0]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_asks_for_no_more_operations_than_it_did(way: str) -> None:
    """Counted, over what a longer solve asks for more."""
    (_, few), (_, many) = solved(way, 2), solved(way, 4)

    assert (many.counts.total() - few.counts.total()) / 2 == MOST[way]


@pytest.mark.parametrize("way", WAYS)
def test_a_step_makes_float32_where_it_must_and_nowhere_else(way: str) -> None:
    """Queries and keys while they are rotated, the flow once, and each utterance's step of Euler's method with its guidance."""
    (_, few), (_, many) = solved(way, 2), solved(way, 4)
    count, strength, is_frugal = WAYS[way]
    passes, guided = 1 + is_frugal, count if strength else 0
    rotated = 2 * DEPTH * passes

    made = {name: (many.wide[name] - few.wide[name]) / 2 for name in many.wide if many.wide[name] != few.wide[name]}

    assert made == {
        "_to_copy": rotated + passes,
        "mul": rotated + count + guided,
        "mul_": rotated,
        "add_": rotated + count,
        **({"sub": guided, "add": guided} if guided else {}),
    }


def test_more_steps_make_no_more_products_in_a_grids_tables() -> None:
    """One for each of a block's modulations, one for the last, two for the time: all of a grid's times at once."""
    sampler = make_sampler(Guidance(2, 2.0, None), [0.0, 0.5, 1.0])
    made = []
    for steps in (8, 32):
        operations = Operations()
        with operations:
            sampler.use_grid(Guidance(steps, 2.0, None), [number / steps for number in range(steps + 1)])
        made.append(operations.counts["addmm"])

    assert made == [DEPTH + 3] * 2


def test_a_wait_for_the_device_would_be_seen() -> None:
    """The test of the tests: a comparison on the host fails on a fake tensor."""
    with pytest.raises(DataDependentOutputException):
        bool(torch.ones((), device="cuda") > 0)
