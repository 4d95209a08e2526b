"""Which kernels a model on a device may use: looked for on a GPU without a GPU."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engines.device.verdicts import Verdict
from engines.f5 import choice
from engines.f5.kernels import launch
from engines.f5.kernels.compiled import INDEX, Compiled, Index, Kernel, KernelsUnusable, digest_of
from engines.f5.kernels.compiled import SOURCE as KERNEL_SOURCE
from tests.conftest import ROOT
from tests.standins.fake_gpu import fake_gpu
from tests.unit.engines.f5.test_proof import make_half

SMALL = {"dim": 768, "heads": 12, "depth": 1, "ff_mult": 1, "text_dim": 64, "conv_layers": 1}


def verdict(**changes: Any) -> Verdict:
    given = {"state": "failed", "holds": False, "why": "norm: 1, and at most 0.001 is rounding", "key": "a" * 64}
    return Verdict(**given | {"circumstances": {}} | changes)  # type: ignore[arg-type]  # each of its own type


@dataclass
class Card:
    """A GPU of this capability, and the folder that the image's build left."""

    folder: Path
    patch: pytest.MonkeyPatch
    capability: tuple[int, int] = (8, 9)
    model: Any = field(default_factory=lambda: on_a_gpu(**SMALL))

    def compiled(self) -> Compiled:
        self.patch.setattr(torch.cuda, "get_device_capability", lambda *_: self.capability)
        self.patch.setattr(choice, "FOLDER", self.folder)
        return choice.compiled_for(self.model)


def on_a_gpu(*, dtype: Any = "float16", **arch: Any) -> Any:
    """What the choice looks at: a model whose weights say that they are on one."""
    model = make_half(arch, dtype=dtype)
    weight = SimpleNamespace(device=torch.device("cuda:0"), dtype=model.transformer.proj_out.weight.dtype)
    del model.transformer.proj_out
    vars(model.transformer)["proj_out"] = SimpleNamespace(weight=weight)
    return model


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    folder = tmp_path / "compiled"
    folder.mkdir()
    (folder / "code").write_bytes(b"")
    kernels = tuple(
        Kernel(
            name=name, card=89, dtype="float16", dim=768, file="code", sha256=digest_of(folder / "code"), symbol=name,
            bits=(64,), warps=4, shared=0,
        )
        for name in ("rotate", "norm", "add_norm")
    )  # fmt: skip
    index = Index(triton="3", source=digest_of(KERNEL_SOURCE), kernels=kernels)
    (folder / INDEX).write_text(index.model_dump_json())
    return Card(folder, monkeypatch)


def test_a_card_for_which_they_are_compiled_has_them(card: Card) -> None:
    """By capability, precision and size."""
    found = card.compiled()

    assert (set(found.kernels), found.dtype, found.dim) == ({"rotate", "norm", "add_norm"}, "float16", 768)


def test_an_unknown_card_has_none(card: Card) -> None:
    """A card's code runs on no other that it isn't made for."""
    card.capability = (7, 5)

    with pytest.raises(KernelsUnusable, match=r"no kernels for compute capability 7\.5, float16 and 768 features"):
        card.compiled()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"dim": 512, "heads": 8}, "not for 512 and 8"),
        ({"qk_norm": "rms_norm"}, "without norms of their own"),
        ({"dtype": "float32"}, "the model is in float32"),
    ],
)
def test_another_model_has_none(model: dict[str, Any], says: str, card: Card) -> None:
    """Of another width, with other norms, or in float32."""
    card.model = on_a_gpu(**SMALL | model)

    with pytest.raises(KernelsUnusable, match=says):
        card.compiled()


def test_a_machine_on_which_nothing_was_compiled_has_none(card: Card) -> None:
    """It says what to do."""
    shutil.rmtree(card.folder)

    with pytest.raises(KernelsUnusable, match=r"`python -m engines\.f5\.kernels`"):
        card.compiled()


def test_a_stale_folder_has_none(card: Card) -> None:
    """Compiled from another source, it may compute another thing."""
    index = (card.folder / INDEX).read_text()
    (card.folder / INDEX).write_text(index.replace(digest_of(KERNEL_SOURCE), "0" * 64))

    with pytest.raises(KernelsUnusable, match="another source"):
        card.compiled()


def test_a_reason_names_the_verdict_where_one_is_kept() -> None:
    """Not one of a benchmark, which keeps none; not of a proof that gave none; and not twice."""
    told = f"remove proofs/{'a' * 64}.json to try again"
    cases = [verdict(), verdict(key=""), verdict(state="skipped"), verdict(state="remembered", why=told)]

    assert [choice._reason(one) for one in cases] == [
        f"failed: norm: 1, and at most 0.001 is rounding; its verdict is proofs/{'a' * 64}.json",
        "failed: norm: 1, and at most 0.001 is rounding",
        "skipped: norm: 1, and at most 0.001 is rounding",
        f"remembered: {told}",
    ]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    with fake_gpu(monkeypatch):
        yield


@pytest.mark.usefixtures("two_gpus")
def test_kernels_run_on_the_current_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch goes where the driver is; tensors on another card would not be there."""
    monkeypatch.setattr(launch, "cuda_driver", lambda: None)

    with pytest.raises(KernelsUnusable, match="cuda:1 is another: set DEVICE=auto"):
        launch.expect_driver("cuda:1")
    with pytest.raises(KernelsUnusable, match="cuda:1 is another: set DEVICE=auto"):
        launch.load_kernels(Compiled({}, 768, "float16", ""), "cuda:1")
    assert launch.load_kernels(Compiled({}, 768, "float16", ""), "cuda:0") is not None


def test_no_worker_imports_triton_for_them() -> None:
    """It compiles where the image is built; a worker reads what it left."""
    code = "import sys, handler, engines.f5.engine, engines.f5.kernels.launch, worker.models; sys.exit('triton' in sys.modules or 'torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
