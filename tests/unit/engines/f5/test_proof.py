"""The fast solver proves itself: the good one in any precision, and no faulty one. All on a CPU, in the precision of a GPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloning.errors import GpuOutOfMemory, WorkerUnfit
from engines.f5 import block, packs, rotary, solver, tables
from engines.f5.loading import F5Files
from engines.f5.proof import circumstances, measure
from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH, make_lively
from tests.half import Float32Products

if TYPE_CHECKING:
    from torch import Tensor

MIDDLE_ARCH = TINY_ARCH | {"dim": 384, "depth": 12, "heads": 6, "text_dim": 256, "conv_layers": 4}
SMALL = ((96, 36), (72, 30))
SMALLEST = ((24, 9), (18, 8))
FILES = F5Files("tiny", Path("model"), "DiT", TINY_ARCH, None, None, "a" * 64, "MIT", "")


@pytest.fixture(autouse=True)
def _products() -> Iterator[None]:
    """Float16 products in a third of the time."""
    with Float32Products():
        yield


class Mel:
    """In place of a vocoder: what it is given."""

    def decode(self, mel: "Tensor") -> "Tensor":
        return mel


def make_half(arch: dict[str, Any] = TINY_ARCH, *, seed: int = 0, dtype: str = "float16") -> Any:
    """A random model that depends on all of its inputs; a deep one's attention is calmed, as training does it."""
    import torch

    import_f5()
    from f5_tts.model import CFM, DiT

    torch.manual_seed(seed)
    model = CFM(
        transformer=DiT(**arch, text_num_embeds=200, mel_dim=100),
        mel_spec_kwargs={"n_mel_channels": 100},
        odeint_kwargs={"method": "euler"},
    ).eval()
    calm = 1.0 if arch["depth"] < 10 else 0.25
    make_lively(model.transformer, {r"attn_norm\.linear|norm_out\.linear|proj_out": 2.0, r"to_[qk]\.": 4.0 * calm})
    return model.to(getattr(torch, dtype))


@pytest.mark.parametrize("product", ["linear", "matmul", "conv1d"])
def test_products_are_the_cpus_own_but_for_rounding(product: str) -> None:
    """With the mode and without it a product is the same to the last bit or two, in inference mode and outside of it."""
    import torch

    torch.manual_seed(0)
    make = getattr(torch, product, None) or getattr(torch.nn.functional, product)
    one, other = torch.randn(1, 24, 40).half(), torch.randn((16, 24, 3) if product == "conv1d" else (40, 40)).half()
    with torch.utils._python_dispatch._disable_current_modes():
        own = make(one, other)
    with torch.inference_mode():
        inferred = make(one, other)

    for found in (make(one, other), inferred):
        assert (found.dtype, found.shape) == (torch.float16, own.shape)
        torch.testing.assert_close(found, own, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("arch", "sizes"), [(TINY_ARCH, SMALL), (MIDDLE_ARCH, SMALLEST)], ids=["tiny", "middle"])
def test_the_solver_is_proved_whatever_the_weights(
    arch: dict[str, Any], sizes: Any, dtype: str, record_property: Callable[[str, object], None]
) -> None:
    """Twenty draws of them, in both half precisions."""
    found = [measure(make_half(arch, seed=seed, dtype=dtype), Mel(), sizes) for seed in range(20)]

    for name in found[0].distances:
        record_property(name, max(one.distances[name] or 0.0 for one in found))
    assert [one.problems for one in found] == [()] * 20


def test_the_full_length_is_proved_too() -> None:
    """As a worker looks at it."""
    assert measure(make_half(), Mel()).problems == ()


Patch = Callable[[pytest.MonkeyPatch], None]


def _one_head_is_not_rotated(patch: pytest.MonkeyPatch) -> None:
    rotated = rotary.rotated

    def faulty(x: "Tensor", table: Any, heads: int | None) -> "Tensor":
        last = x[:, -1:].clone()
        x = rotated(x, table, heads)
        x[:, -1:] = last
        return x

    patch.setattr(rotary, "rotated", faulty)


def _keys_are_a_frame_off(patch: pytest.MonkeyPatch) -> None:
    rotated, calls = rotary.rotated, list[int]()

    def faulty(x: "Tensor", table: Any, heads: int | None) -> "Tensor":
        calls.append(1)
        cosine, sine = table
        return rotated(x, table if len(calls) % 2 else (cosine.roll(1, 0), sine.roll(1, 0)), heads)

    patch.setattr(rotary, "rotated", faulty)


def _a_row_is_stale(patch: pytest.MonkeyPatch) -> None:
    apply = block.apply_block

    def faulty(one: Any, x: "Tensor", *rest: Any) -> None:
        apply(one, x, *rest)
        x[10] = x[11]

    patch.setattr(solver, "apply_block", faulty)


def _the_halves_see_each_other(patch: pytest.MonkeyPatch) -> None:
    from torch.nn.functional import scaled_dot_product_attention

    def faulty(*inputs: Any) -> "Tensor":
        query, key, value = (one[None].transpose(1, 2) for one in inputs[:3])
        return scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(query.shape[2], -1)

    patch.setattr(block, "attend", faulty)


def _utterances_see_each_other(patch: pytest.MonkeyPatch) -> None:
    """Only a pack shows it."""
    attended = block.attend

    def faulty(query: Any, key: Any, value: Any, pack: packs.Pack) -> "Tensor":
        whole = replace(pack, frames=(sum(pack.frames),)) if len(pack.frames) > 1 else pack
        return attended(query, key, value, whole)

    patch.setattr(block, "attend", faulty)


def _a_gate_is_open(patch: pytest.MonkeyPatch) -> None:
    apply, calls = block.apply_block, list[int]()

    def faulty(one: Any, x: "Tensor", modulation: Any, pack: Any) -> None:
        calls.append(1)
        opened = (*modulation[:5], modulation[5].new_ones(()).expand_as(modulation[5]))
        apply(one, x, modulation if len(calls) % 2 else opened, pack)

    patch.setattr(solver, "apply_block", faulty)


def _changed_inputs(change: Callable[[Any], Any]) -> Patch:
    def faulty(patch: pytest.MonkeyPatch) -> None:
        inputs = solver.Sampler._inputs
        patch.setattr(
            solver.Sampler, "_inputs", lambda self, one, known, **rest: inputs(self, *change((one, known)), **rest)
        )

    return faulty


def _another_token(given: Any) -> Any:
    one, known = given
    tokens = one.tokens.clone()
    tokens[1] = (tokens[1] + 7) % 200
    return replace(one, tokens=tokens), known


def _a_late_reference(given: Any) -> Any:
    one, known = given
    return one, known.roll(1, 0)


def _another_time(patch: pytest.MonkeyPatch) -> None:
    steps_at = tables.steps_at
    patch.setattr(solver, "steps_at", lambda dit, times, *rest: steps_at(dit, [time + 0.01 for time in times], *rest))


def _another_guidance(patch: pytest.MonkeyPatch) -> None:
    advance = solver._advance
    patch.setattr(
        solver,
        "_advance",
        lambda runs, flows, guidance, step: advance(runs, flows, replace(guidance, cfg_strength=1.9), step),
    )


def _another_grid(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        solver,
        "steps_at",
        lambda dit, times, dts, rows: tables.steps_at(dit, times, [dt.half().float() for dt in dts], rows),
    )


def _another_draw(patch: pytest.MonkeyPatch) -> None:
    draw = solver.noise
    patch.setattr(solver, "noise", lambda one, known: draw(replace(one, seed=one.seed + 1), known))


def _no_number(patch: pytest.MonkeyPatch) -> None:
    apply = block.apply_block

    def faulty(one: Any, x: "Tensor", *rest: Any) -> None:
        apply(one, x, *rest)
        x[3, 3] = float("inf")

    patch.setattr(solver, "apply_block", faulty)


FAULTS: dict[str, tuple[Patch, str]] = {
    "one head is not rotated": (_one_head_is_not_rotated, "velocity"),
    "keys are a frame off": (_keys_are_a_frame_off, "velocity"),
    "a row is stale": (_a_row_is_stale, "velocity"),
    "the halves see each other": (_the_halves_see_each_other, "velocity"),
    "utterances see each other": (_utterances_see_each_other, "velocity"),
    "a gate is open": (_a_gate_is_open, "velocity"),
    "another token": (_changed_inputs(_another_token), "velocity"),
    "a late reference": (_changed_inputs(_a_late_reference), "velocity"),
    "another time": (_another_time, "velocity"),
    "guidance 1.9": (_another_guidance, "steps"),
    "another grid": (_another_grid, "time grid"),
    "another draw": (_another_draw, "noise"),
    "no number": (_no_number, "velocity: no number"),
}


@contextmanager
def fault(name: str) -> Iterator[str]:
    """While this is open the solver has the fault; yields what the proof says of it."""
    faulty, says = FAULTS[name]
    with pytest.MonkeyPatch.context() as patch:
        faulty(patch)
        yield says


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize(("arch", "sizes"), [(TINY_ARCH, SMALL), (MIDDLE_ARCH, SMALLEST)], ids=["tiny", "middle"])
def test_every_fault_is_found(name: str, arch: dict[str, Any], sizes: Any) -> None:
    """In float16, in which a GPU speaks, and named."""
    model = make_half(arch)

    with fault(name) as says:
        problems = measure(model, Mel(), sizes).problems

    assert any(problem.startswith(says) or says in problem for problem in problems), problems


def test_a_silent_vocoder_is_found() -> None:
    """Both mels may agree, and the sound be none."""

    class Silence:
        def decode(self, mel: "Tensor") -> "Tensor":
            return mel * 0

    assert measure(make_half(), Silence(), SMALL).problems == ("vocoder: no number, and at most 0.3 is rounding",)


@pytest.mark.parametrize(
    ("says", "meaning"),
    [("CUDA out of memory. Tried to allocate", GpuOutOfMemory), ("CUDA error: an illegal memory access", WorkerUnfit)],
)
def test_a_device_that_fails_is_told_as_ever(
    says: str, meaning: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that did not suffice, and a GPU that is lost, say nothing of the solver."""
    import torch

    def fail(*_: Any) -> None:
        raise (torch.OutOfMemoryError if meaning is GpuOutOfMemory else torch.AcceleratorError)(says)

    monkeypatch.setattr(solver, "apply_block", fail)

    with pytest.raises(meaning):
        measure(make_half(), Mel(), SMALL)


def test_the_module_is_as_it_was() -> None:
    """The proof leaves neither text nor frequencies of its own behind, whatever happens in it."""
    model = make_half()
    before = {name: tensor.clone() for name, tensor in model.transformer.named_buffers()}
    with fault("no number"):
        measure(model, Mel(), SMALL)

    assert {name: tensor.dtype for name, tensor in model.transformer.named_buffers()} == {
        name: tensor.dtype for name, tensor in before.items()
    }
    assert "forward" not in vars(model.transformer.time_embed)
    assert model.transformer.text_cond is None


def test_a_verdict_depends_on_card_versions_code_and_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed file of the solver, driver, card or checkpoint is another question."""
    model, code = make_half(), tmp_path / "solver.py"
    code.write_text("one")
    seen = [circumstances(model, FILES, code=[code])]

    code.write_text("two")
    seen.append(circumstances(model, FILES, code=[code]))
    seen.append(circumstances(model, replace(FILES, sha256="b" * 64), code=[code]))
    seen.append(circumstances(model.bfloat16(), FILES, code=[code]))
    for card in (
        {"card": "NVIDIA L4", "capability": "8.9", "driver": "570"},
        {"card": "NVIDIA L4", "capability": "8.9", "driver": "580"},
    ):
        monkeypatch.setattr("engines.f5.proof._card", lambda _, card=card: card)
        seen.append(circumstances(model, FILES, code=[code]))

    assert len({tuple(one.items()) for one in seen}) == len(seen)
    assert circumstances(model, FILES) == circumstances(model, FILES)
