"""What a step with fused kernels would ask of a GPU, seen without one: the full size, on torch's fake tensors."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from engines.f5 import rotary
from engines.f5.fused import FusedBlocks
from engines.f5.solver import Condition, Guidance, Sampler
from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH
from tests.standins.fake_gpu import Operations, fake_gpu

FULL_ARCH = TINY_ARCH | {"dim": 1024, "depth": 22, "heads": 16, "text_dim": 512, "conv_layers": 4}  # F5TTS_v1_Base
MOST = 260
WAYS: dict[str, tuple[int, float, bool]] = {
    "one": (1, 2.0, False),
    "four": (4, 2.0, False),
    "frugal": (1, 2.0, True),
    "unguided": (1, 0.0, False),
}
# Launches of one step, kernels included. More is a step back.
LAUNCHES = {"one": 215, "four": 254, "frugal": 423, "unguided": 211}


class CountedKernels:
    """They compute nothing and count; what they allocate is as large as a kernel's output."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.devices = set[str]()
        self.dtypes = set[torch.dtype]()

    def rotate(self, qkv: torch.Tensor, rotation: rotary.Rotation, heads: int) -> None:
        assert (qkv.shape[1:], heads, qkv.is_contiguous()) == ((3, 16, 64), 16, True)
        assert [len(table) for table in rotation] == [len(qkv)] * 2
        self._note("rotate", qkv)
        self.devices |= {str(table.device) for table in rotation}

    def norm(self, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return self._note("norm", x, scale, shift)

    def add_norm(
        self, x: torch.Tensor, y: torch.Tensor, gate: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        assert x.shape == y.shape
        return self._note("add_norm", x, y, gate, scale, shift)

    def _note(self, name: str, *tensors: torch.Tensor) -> torch.Tensor:
        assert all(one.is_contiguous() and (one.storage_offset() * 2) % 16 == 0 for one in tensors)
        self.counts[name] += 1
        self.devices |= {str(one.device) for one in tensors}
        self.dtypes |= {one.dtype for one in tensors}
        return torch.empty_like(tensors[0])


@dataclass(frozen=True)
class Asked:
    """What a step asks of the GPU, over what a longer solve asks for more; and all that a solve of two steps asked."""

    operations: Counter[str]
    wide: Counter[str]
    kernels: Counter[str]
    solve: Operations
    seen: CountedKernels


@pytest.fixture(scope="module")
def asked() -> dict[str, Asked]:
    """By way, of one model of the full size in half precision, whose tensors are fake ones."""
    import_f5()
    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch):
        model = make_model()
        return {way: a_step(model, way) for way in WAYS}


def make_model() -> Any:
    from f5_tts.model import CFM, DiT

    with torch.device("cuda"):
        dit = DiT(**FULL_ARCH, text_num_embeds=2545, mel_dim=100)
        model = CFM(transformer=dit, mel_spec_kwargs={"n_mel_channels": 100}, odeint_kwargs={"method": "euler"})
    return model.eval().half()


def a_step(model: Any, way: str) -> Asked:
    (few, some), (many, more) = solved(model, way, 2), solved(model, way, 4)
    counted = ((few.counts, many.counts), (few.wide, many.wide), (some.counts, more.counts))
    operations, wide, kernels = (
        Counter({name: (two[name] - one[name]) // 2 for name in two if two[name] != one[name]}) for one, two in counted
    )
    return Asked(operations, wide, kernels, few, some)


def solved(model: Any, way: str, steps: int) -> tuple[Operations, CountedKernels]:
    """With tables and stacked weights that were there before."""
    count, strength, is_frugal = WAYS[way]
    guidance, kernels = Guidance(steps, strength, -1.0), CountedKernels()
    sampler = Sampler(model, FusedBlocks(model.transformer, kernels))
    sampler.use_grid(guidance, [number / steps for number in range(steps + 1)])
    conditions = [
        Condition(torch.randn(500, 100, device="cuda"), torch.zeros(150, dtype=torch.long), 940 + 30 * one, one)
        for one in range(count)
    ]
    sampler.solve(conditions, guidance, is_frugal=is_frugal)
    kernels.counts.clear()
    with Operations() as operations:
        mels: list[Any] = sampler.solve(conditions, guidance, is_frugal=is_frugal)
    assert {(str(mel.device), mel.dtype) for mel in mels} == {("cuda:0", torch.float16)}
    return operations, kernels


@pytest.mark.parametrize("way", WAYS)
def test_a_step_launches_a_third_of_what_it_did(way: str, asked: dict[str, Asked]) -> None:
    """At full size; each kernel once where it is due, and no norm or rounding of torch's besides."""
    step, passes = asked[way], 1 + WAYS[way][2]

    assert step.kernels == {"rotate": 22 * passes, "norm": passes, "add_norm": 44 * passes}
    assert step.operations.total() + step.kernels.total() == LAUNCHES[way]
    assert not {"native_layer_norm", "mul_"} & set(step.operations)


def test_one_stream_and_a_small_pack_stay_within_the_limit() -> None:
    """The limit that the figures of the documents are reckoned with."""
    assert max(LAUNCHES["one"], LAUNCHES["four"]) <= MOST


@pytest.mark.parametrize("way", WAYS)
def test_a_step_makes_float32_in_its_last_lines_alone(way: str, asked: dict[str, Asked]) -> None:
    """The flow once, and each utterance's step of Euler's method with its guidance: none for the rotation."""
    count, strength, is_frugal = WAYS[way]
    guided = count if strength else 0

    assert asked[way].wide == {
        "_to_copy": 1 + is_frugal,
        "mul": count + guided,
        "add_": count,
        **({"sub": guided, "add": guided} if guided else {}),
    }


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leaves_the_gpu_but_the_tokens_come_to_it(way: str, asked: dict[str, Asked]) -> None:
    """A pack's bounds are made where they are used; a host that waited would have failed on a fake tensor."""
    solve, seen = asked[way].solve, asked[way].seen

    assert solve.mixed == {("_to_copy", "cpu", "cuda:0"): WAYS[way][0]}
    assert (seen.devices, seen.dtypes) == ({"cuda:0"}, {torch.float16})


def test_a_packs_attention_is_one_launch_a_block(asked: dict[str, Asked]) -> None:
    """However many utterances; one alone and a frugal pack keep torch's usual attention."""
    made = {way: asked[way].operations for way in WAYS}

    assert made["four"]["_flash_attention_forward"] == 22
    assert made["four"]["clone"] < 22  # with which the fake GPU stands in for usual attention
    assert [made[way]["_flash_attention_forward"] for way in ("one", "frugal", "unguided")] == [0, 0, 0]


def test_queries_keys_and_values_are_one_product(asked: dict[str, Asked]) -> None:
    """Four products a block, and one on each side of them."""
    assert asked["one"].operations["addmm"] == 22 * 4 + 2
