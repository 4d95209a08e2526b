"""What `make gpu` measures of the fused kernels, gone through on a CPU with torch's operations in their place."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.gpu import kernels as part
from benchmarks.gpu.__main__ import _bench
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.tables import tables
from benchmarks.machine import Meter
from engines.f5 import choice
from engines.f5.kernels.compiled import Compiled, KernelsUnusable
from engines.imports.f5 import import_f5
from tests.kernels import TorchKernels, flash_attention

LITTLE = Asked(nfe=(2,), lengths=(0.5,), seconds=(0.5,), crowd=2, crowd_nfe=2, rounds=1, cycles=1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """At the tiny size on the CPU, taken for a GPU for which kernels are compiled."""
    import_f5()
    with pytest.MonkeyPatch.context() as patch:
        flash_attention(patch)
        patch.setattr(Bench, "is_gpu", True)
        patch.setattr(choice, "compiled_for", lambda _: Compiled({}, 64, "float16", "00"))
        patch.setattr(choice, "expect_driver", lambda _: None)
        patch.setattr(choice, "load_kernels", lambda *_: TorchKernels())
        yield _bench("tiny", "cpu", Meter("cpu"), tmp_path_factory.mktemp("bench"), {})[0]


def shown(figures: dict[str, Any]) -> str:
    return tables({"parts": {"kernels": figures}, "warning": None})


def test_kernels_that_prove_themselves_are_measured_beside_both_paths(bench: Bench) -> None:
    """One stream and the crowd, with the limits that hold where they are on."""
    figures = part.kernels(bench, LITTLE)

    assert (figures["proof"]["kernels"], figures["proof"]["state"]) == ("fused", "proved")
    assert figures["limits"] == {"one_stream": 2.5, "throughput": 4.0, "share": 0.55}
    assert min(figures["one_stream"][path]["median_s"] for path in ("official", "fast", "fused")) > 0
    assert figures["crowd"]["utterances"] == 2
    assert (
        0
        < figures["crowd"]["tflops"]
        == pytest.approx(figures["crowd"]["share"] * figures["crowd"]["matmul_tflops"], rel=0.01)
    )
    assert "with kernels: throughput of 2, times official >= 4.0" in shown(figures)


def test_kernels_that_are_not_there_say_why(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the report and among the limits, and nothing is measured."""

    def missing(_: Any) -> None:
        raise KernelsUnusable("no kernels for compute capability 7.5")

    monkeypatch.setattr(choice, "compiled_for", missing)

    figures = part.kernels(bench, LITTLE)

    assert (figures["holds"], set(figures)) == (False, {"proof", "holds"})
    assert "no kernels for compute capability 7.5" in shown(figures)


def test_a_cpu_has_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is skipped, with the reason."""
    monkeypatch.setattr(Bench, "is_gpu", False)

    assert part.kernels(bench, LITTLE) == {"skipped": "no CUDA device: the kernels run on a GPU"}
