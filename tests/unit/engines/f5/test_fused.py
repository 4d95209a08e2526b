"""The blocks with fused kernels against the blocks without: the kernels by Triton's interpreter, or by torch in their place."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from engines.device.placement import Weights
from engines.f5 import rotary, tables
from engines.f5.block import apply_block
from engines.f5.fused import FusedBlocks, refusal
from engines.f5.kernels.compiled import HEAD, SIZES
from engines.f5.kernels.operations import Kernels
from engines.f5.packs import Pack
from engines.f5.proof import measure
from engines.f5.solver import Condition, Guidance, Sampler
from engines.tiny import TINY_ARCH
from tests.kernels import InterpretedKernels, TorchKernels, flash_attention, interpreted_source
from tests.unit.engines.f5.test_proof import Mel, make_half

if TYPE_CHECKING:
    from torch import Tensor

HALVES = ("float16", "bfloat16")
BOUND = {"float16": 4e-3, "bfloat16": 2e-2}  # the proof's, for a velocity
V0_ARCH = TINY_ARCH | {"pe_attn_head": 1, "text_mask_padding": False}


@pytest.fixture(scope="module")
def source() -> Any:
    """The kernels' source in Triton's interpreter."""
    with pytest.MonkeyPatch.context() as patch:
        yield interpreted_source(patch)


@pytest.fixture(autouse=True)
def _attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU has no attention over unequal lengths."""
    flash_attention(monkeypatch)


def condition(model: Any, frames: int, seed: int) -> Condition:
    import torch

    draw = torch.Generator().manual_seed(seed)
    mel = torch.randn(frames // 3, model.num_channels, generator=draw)
    return Condition(mel, torch.randint(0, 200, (frames // 2,), generator=draw), frames, seed)


def distance(value: "Tensor", truth: "Tensor") -> float:
    """Root of the mean square of the difference, over the truth's."""
    return float((value.float() - truth.float()).square().mean().sqrt() / truth.float().square().mean().sqrt())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("arch", [TINY_ARCH, V0_ARCH], ids=["v1", "v0"])
def test_interpreted_blocks_equal_the_eager_ones_but_for_rounding(
    arch: dict[str, Any], dtype: str, source: ModuleType
) -> None:
    """A pack of two unequal utterances with guidance, through all blocks and the last norm."""
    import torch

    dit = make_half(arch, dtype=dtype).transformer
    with torch.inference_mode():
        (step,) = tables.steps_at(dit, [torch.tensor(0.25)], [torch.tensor(1.0)], 2)
    rotations = [rotary.rotation(dit, frames) for frames in (5, 3)]
    x = torch.randn(16, dit.dim, generator=torch.Generator().manual_seed(0)).to(dit.proj_out.weight.dtype)
    eager = x.clone()

    with torch.inference_mode():
        for block, modulation in zip(dit.transformer_blocks, step.blocks, strict=True):
            apply_block(block, eager, modulation, Pack.of(rotations, 2))
        wanted = dit.norm_out.norm(eager).mul_(step.final[0]).add_(step.final[1])
        fused = FusedBlocks(dit, InterpretedKernels(source))(x, step, Pack.of(rotations, 2, has_bounds=True))

    assert distance(fused, wanted) <= BOUND[dtype]


def test_an_interpreted_solve_is_the_eager_one_but_for_rounding(source: ModuleType) -> None:
    """Whole steps, from the noise to the mel: alone, together and frugally."""
    model = make_half()
    guidance, both = Guidance(2, 2.0, -1.0), [condition(model, 9, 1), condition(model, 6, 2)]
    eager, fused = Sampler(model), Sampler(model, FusedBlocks(model.transformer, InterpretedKernels(source)))

    for conditions, is_frugal in ((both[:1], False), (both, False), (both, True)):
        wanted = eager.solve(conditions, guidance, is_frugal=is_frugal)
        given = fused.solve(conditions, guidance, is_frugal=is_frugal)

        for one, other in zip(given, wanted, strict=True):
            assert distance(one, other) <= 1e-2  # type: ignore[arg-type]  # neither failed


def test_interpreted_kernels_prove_themselves(source: ModuleType) -> None:
    """The whole proof, as a worker makes it, on the least that it can be made on."""
    model = make_half()
    fused = FusedBlocks(model.transformer, InterpretedKernels(source))

    found = measure(model, Mel(), ((8, 3), (6, 2)), fused)

    assert found.problems == ()
    assert {"rotation", "norm", "add_norm", "velocity", "steps"} <= set(found.distances)


def test_queries_keys_and_values_are_one_product_of_weights_that_are_there_once() -> None:
    """The layers keep theirs as views: the official path, a digest or a copy of the model sees what it saw."""
    import torch

    model = make_half()
    attn = model.transformer.transformer_blocks[0].attn
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = FusedBlocks(model.transformer, TorchKernels())

    Sampler(model, fused).solve([condition(model, 12, 1)], Guidance(1, 2.0, None))

    ((weight, bias), *_) = fused._stacked
    shares = [
        getattr(layer, name).untyped_storage().data_ptr()
        for layer in (attn.to_q, attn.to_k, attn.to_v)
        for name in ("weight", "bias")
    ]
    assert shares == [weight.untyped_storage().data_ptr(), bias.untyped_storage().data_ptr()] * 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert list(model.state_dict()) == list(before)


def test_weights_that_have_been_away_are_stacked_again() -> None:
    """Their views are gone with the device's memory; what is spoken is the same, and nothing is held meanwhile."""
    import torch

    model = make_half()
    weights = Weights({"model": model}, "cpu", {"model": torch.float16})
    sampler = Sampler(model, fused := FusedBlocks(model.transformer, TorchKernels()))
    (first,) = sampler.solve([condition(model, 12, 1)], Guidance(1, 2.0, None))
    counted = weights.bytes

    sampler.forget()
    weights.park()
    held = list(fused._stacked)
    weights.resume()
    (second,) = sampler.solve([condition(model, 12, 1)], Guidance(1, 2.0, None))

    assert held == []
    assert torch.equal(first, second)  # type: ignore[arg-type]  # neither failed
    assert Weights({"model": model}, "cpu", {"model": torch.float16}).bytes == counted


def test_only_a_pack_that_is_not_frugal_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """One utterance needs none, and without kernels attention goes through them one by one as ever."""
    model = make_half()
    seen: list[bool] = []
    of = Pack.of

    def watched(rotations: Any, copies: int, *, has_bounds: bool) -> Pack:
        seen.append(has_bounds)
        return of(rotations, copies, has_bounds=has_bounds)

    monkeypatch.setattr(Pack, "of", watched)
    fused, eager = Sampler(model, FusedBlocks(model.transformer, TorchKernels())), Sampler(model)
    both = [condition(model, 12, 1), condition(model, 9, 2)]
    for sampler, conditions, is_frugal in (
        (fused, both, False),
        (fused, both, True),
        (fused, both[:1], False),
        (eager, both, False),
    ):
        sampler.solve(conditions, Guidance(1, 2.0, None), is_frugal=is_frugal)

    assert seen == [True, False, False, False]


def test_bounds_say_where_each_sequence_begins_and_the_last_one_ends() -> None:
    """Both halves of an utterance are sequences of their own."""
    import torch

    dit = make_half().transformer

    pack = Pack.of([rotary.rotation(dit, frames) for frames in (5, 3)], 2, has_bounds=True)

    assert pack.bounds is not None
    assert (pack.bounds.tolist(), pack.bounds.dtype) == ([0, 5, 10, 13, 16], torch.int32)


def _real_size(**changes: Any) -> Any:
    """A model of a published width, one block deep."""
    arch = TINY_ARCH | {"dim": 768, "heads": 12, "depth": 1, "ff_mult": 1}
    return make_half(arch | changes).transformer


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"pe_attn_head": 1}, ""),
        ({"dim": 1024, "heads": 16}, ""),
        ({"dim": 512, "heads": 8}, f"the kernels are for {SIZES} features and heads, not for 512 and 8"),
        ({"heads": 16}, f"the kernels are for {SIZES} features and heads, not for 768 and 16"),
        ({"dim_head": 32}, f"the kernels are for heads of {HEAD} features without norms of their own"),
        ({"qk_norm": "rms_norm"}, f"the kernels are for heads of {HEAD} features without norms of their own"),
    ],
)
def test_models_that_the_kernels_are_not_made_for_are_refused(changes: dict[str, Any], why: str) -> None:
    """By width, heads and norms; both generations of checkpoints are taken."""
    assert refusal(_real_size(**changes)) == why


def test_float32_is_refused() -> None:
    """There a sum's last bit counts."""
    assert refusal(_real_size().float()) == "the kernels are for half precision, and the model is in float32"


def test_other_norms_are_refused() -> None:
    """What is compiled in is checked."""
    dit = _real_size()
    dit.transformer_blocks[0].ff_norm.eps = 1e-5

    assert refusal(dit) == "the kernels are for norms without weights and with an epsilon of 1e-06"


def test_both_stand_ins_are_kernels() -> None:
    """The test of the tests: they have the interface that the solver asks for."""
    stand_ins: list[Kernels] = [TorchKernels(), InterpretedKernels(ModuleType("none"))]

    assert len(stand_ins) == 2
