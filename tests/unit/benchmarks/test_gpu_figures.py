"""How the GPU benchmark evaluates its measurements. The runs themselves: tests/gpu/test_gpu_benchmark.py."""

import pytest

from benchmarks.gpu.packs import ONE_BY_ONE, THREADS, arithmetic, throughput
from benchmarks.gpu.parts import attempted
from benchmarks.gpu.profile import trace_of
from benchmarks.gpu.tables import failed, tables
from benchmarks.paths import Seconds, distance, interleaved

SIZES = (1, 2, 4)


def seconds(**medians: float) -> dict[str, float]:
    return {"spread_s": 0.0} | medians


def crowd() -> Seconds:
    """Packs of 2 are within 5 % of packs of 4; the solver takes half of each."""
    packs = {1: 2.0, 2: 1.04, 4: 1.0}
    return {
        ONE_BY_ONE: seconds(median_s=14.0),
        THREADS: seconds(median_s=13.0),
        **{f"packs of {size}": seconds(median_s=median) for size, median in packs.items()},
        **{f"solver, packs of {size}": seconds(median_s=median / 2) for size, median in packs.items()},
    }


def test_throughput_is_compared_with_the_better_official_way() -> None:
    """Throughput is compared with the better official way; the best pack decides the limit, the smallest nearly as good one is the knee."""
    spent = crowd()

    figures = throughput(spent, dict.fromkeys(spent), SIZES)

    assert figures["better_official"] == THREADS
    assert [row["times"] for row in figures["fast"]] == [6.5, 12.5, 13.0]
    assert (figures["knee"], figures["best_times"], figures["limit"], figures["holds"]) == (2, 13.0, 2.5, True)


def test_the_share_is_of_the_cards_own_rate() -> None:
    """The solver's share is of the card's own rate: 10^12 operations a step, 2 steps in half a second are 4 of 8 TFLOP/s."""
    rates = {(64, 64, 64): 8.0, (100, 64, 128): 9.0}

    figures = arithmetic(crowd(), rates, SIZES, 10**12, 2)

    assert figures["matmul_tflops"] == 8.0
    assert [row["tflops"] for row in figures["solver"]] == [2.0, pytest.approx(3.846), 4.0]
    assert (figures["best_share"], figures["limit"], figures["holds"]) == (0.5, 0.35, True)


def test_rounds_take_everything_in_turn() -> None:
    """Each round takes every case in turn, so that changes on the machine affect all alike; the first round warms up."""
    turns: list[str] = []
    clock = iter(range(100))

    spent = interleaved(
        {name: lambda name=name: turns.append(name) for name in "ab"},  # type: ignore[misc]  # mypy reads no such default
        2,
        lambda: float(next(clock)),
    )

    assert turns == list("ababab")
    assert spent == {name: {"median_s": 1.0, "spread_s": 0.0} for name in "ab"}


def test_kernels_that_overlap_are_busy_once() -> None:
    """Kernels that overlap count once: two streams don't make a GPU busier than busy."""
    spans = [("gemm", (0.0, 1.0)), ("add", (0.5, 1.5)), ("add", (0.6, 0.7)), ("gemm", (3.0, 4.0))]

    assert trace_of(spans, []).busy_s == 2.5


def test_a_trace_tells_kernels_from_copies_and_launches_from_waits() -> None:
    """In a trace kernels are told from copies, and launches from waits."""
    spans = [
        ("gemm", (0.0, 1.0)),
        ("gemm", (1.0, 3.0)),
        ("Memcpy DtoH (Device -> Pageable)", (3.0, 3.5)),
        ("Stream Sync", (0.0, 9.0)),
    ]
    calls = ["cudaLaunchKernel", "cuLaunchKernelEx", "cudaMemcpyAsync", "cudaStreamSynchronize"]

    trace = trace_of(spans, calls)

    assert (trace.kernels, trace.copies, trace.launches, trace.waits, trace.busy_s) == (2, 1, 2, 1, 3.5)
    assert trace.by_kernel["gemm"] == 3.0


def test_a_part_that_fails_is_named_and_the_others_stay() -> None:
    """If a part fails, the report says how, and the other parts stay."""

    def break_down() -> dict[str, object]:
        raise RuntimeError("CUDA error: no kernel image")

    parts = {
        "parity": attempted("parity", break_down),
        "profile": {"skipped": "no CUDA device"},
        "devices": {"away": {}},
    }

    assert failed(parts) == ["parity"]
    assert tables({"parts": parts, "warning": None}) == (
        "parity failed: RuntimeError: CUDA error: no kernel image\n\nprofile skipped: no CUDA device"
    )


def test_a_figure_that_json_has_no_number_for_is_a_failure() -> None:
    """A figure that JSON can't represent fails its own part alone; the report is written after each part."""
    assert "not JSON compliant" in attempted("copies", lambda: {"gb_per_s": float("inf")})["failed"]


def test_whoever_reads_the_tables_reads_the_warning_last() -> None:
    """The tables end with the warning that the figures are no GPU's."""
    assert tables({"parts": {}, "warning": "NOT A GPU'S FIGURES"}) == "NOT A GPU'S FIGURES"


def test_a_distance_that_is_no_number_is_none() -> None:
    """A distance that is no number, as half precision's overflow gives, is reported as none."""
    import torch

    truth = torch.ones(4)

    assert distance(torch.full((4,), float("nan")), truth) is None
    assert distance(truth.half() * 1.5, truth) == 0.5
