"""The fast solver proves itself: the good one in any precision, and no faulty one. All on a CPU, in the precision of a GPU."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloning.errors import GpuOutOfMemory, WorkerUnfit
from engines.f5 import solver
from engines.f5.loading import F5Files
from engines.f5.proof import circumstances, measure
from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH, make_lively
from tests.standins.half import Float32Products
from tests.unit.engines.f5.solver_faults import FAULTS, fault

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
    with torch._C.DisableTorchFunction():  # type: ignore[no-untyped-call]
        own = make(one, other)
    with torch.inference_mode():
        inferred = make(one, other)

    rounded = make(one.float(), other.float()).half()
    for found in (make(one, other), inferred):
        assert (found.dtype, found.shape) == (torch.float16, own.shape)
        assert torch.equal(found, rounded)
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
