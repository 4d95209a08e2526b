"""
Where one stream's time goes on a GPU, for either path: kernels, launches and waits of a step, and how long the GPU is busy.

A trace of a few steps of each path lies beside the report, for chrome://tracing or Perfetto: it shows the gaps.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import Meter, say
from benchmarks.paths import spoken
from cloning.clock import covered
from cloning.ports.gpu import Span

FEW, MANY = 8, 16  # what differs between them is steps alone: text, tables and vocoder cancel out
TRACED = 2  # steps of a trace
_ROUNDS = 3
SPOKEN_STEPS = 3 * FEW + 2 * MANY + _ROUNDS * (FEW + MANY)  # by each path, without those of the trace
_SHOWN = 10
_NO_WORK = ("Context Sync", "Stream Sync", "Event Sync", "Stream Wait")  # shown on the GPU's side by some versions
_COPIES = ("Memcpy", "Memset")
_LAUNCHES = ("cudaLaunch", "cuLaunch", "cudaGraphLaunch")


@dataclass(frozen=True)
class Trace:
    """What a profiled call did: how often, and the GPU's seconds (in all, and by kernel)."""

    kernels: int
    copies: int
    launches: int
    waits: int
    busy_s: float
    by_kernel: Mapping[str, float]


def profile(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Both paths, at the middle length."""
    speak = {name: _speaking(bench, name, asked.middle_s) for name in bench.engines}
    if bench.is_gpu:
        figures: dict[str, Any] = {name: profile_of(one, bench.meter) for name, one in speak.items()}
    else:
        figures = {"skipped": "no CUDA device: there are no kernels to count"}
    traces = [
        _write_trace(Path(f"{asked.traces}-{name}.trace.json.gz"), one) for name, one in speak.items() if asked.traces
    ]
    return {"asked_s": asked.middle_s, **figures, "traces": traces}


def _speaking(bench: Bench, path: str, seconds: float) -> Callable[[int], object]:
    return lambda steps: spoken(bench.engines[path], [bench.utterance(seconds, steps)], 1)


def _write_trace(path: Path, speak: Callable[[int], object]) -> str:
    """A Chrome trace of the host's operations, and of the GPU's where there is one; what a first speech costs isn't in it. Returns its name."""
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiling

    is_gpu = torch.cuda.is_available()
    speak(TRACED)
    with profiling(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_gpu else [])]) as seen:
        speak(TRACED)
        if is_gpu:
            torch.cuda.synchronize()
    path.parent.mkdir(parents=True, exist_ok=True)
    seen.export_chrome_trace(str(path))
    return path.name


def profile_of(speak: Callable[[int], object], meter: Meter) -> dict[str, Any]:
    """
    Figures of a step of `speak(steps)`; the seconds are measured without the profiler, which slows launches.

    `gpu_busy_share` is the GPU's busy seconds over these.
    """
    for steps in (FEW, MANY):
        speak(steps)
    traced(lambda: speak(FEW))  # the profiler's own start
    few, many = traced(lambda: speak(FEW)), traced(lambda: speak(MANY))
    more = MANY - FEW
    step_s = (_seconds(lambda: speak(MANY), meter) - _seconds(lambda: speak(FEW), meter)) / more
    busy_s = (many.busy_s - few.busy_s) / more
    figures = {
        "kernels_per_step": (many.kernels - few.kernels) / more,
        "copies_per_step": (many.copies - few.copies) / more,
        "launches_per_step": (many.launches - few.launches) / more,
        "waits_per_step": (many.waits - few.waits) / more,
        "step_ms": round(step_s * 1e3, 4),
        "gpu_busy_ms_per_step": round(busy_s * 1e3, 4),
        "gpu_busy_share": round(busy_s / step_s, 4) if step_s > 0 else None,
    }
    say(str(figures))
    return figures | {"kernels": _longest(many)}


def traced(act: Callable[[], object]) -> Trace:
    """One call under torch's profiler, the GPU's side alone."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        act()
        torch.cuda.synchronize()
    spans, calls = [], []
    for event in seen.events() or []:
        if event.device_type.name == "CUDA":
            spans.append((event.name, (event.time_range.start / 1e6, event.time_range.end / 1e6)))
        else:
            calls.append(event.name)
    return trace_of(spans, calls)


def trace_of(spans: Iterable[tuple[str, Span]], calls: Iterable[str]) -> Trace:
    """From what the GPU did when (in seconds), and which functions of CUDA were called."""
    spans, calls = [span for span in spans if not span[0].startswith(_NO_WORK)], list(calls)
    by_kernel: dict[str, float] = defaultdict(float)
    for name, (begun, ended) in spans:
        by_kernel[name] += ended - begun
    copies = sum(name.startswith(_COPIES) for name, _ in spans)
    return Trace(
        kernels=len(spans) - copies,
        copies=copies,
        launches=sum(name.startswith(_LAUNCHES) for name in calls),
        waits=sum("Synchronize" in name for name in calls),
        busy_s=covered(span for _, span in spans),
        by_kernel=by_kernel,
    )


def _seconds(act: Callable[[], object], meter: Meter) -> float:
    spent = []
    for _ in range(_ROUNDS):
        begun = meter.now()
        act()
        spent.append(meter.now() - begun)
    return statistics.median(spent)


def _longest(trace: Trace) -> list[dict[str, Any]]:
    """The kernels that take most, each with its share of all."""
    total = sum(trace.by_kernel.values()) or 1.0
    longest = sorted(trace.by_kernel.items(), key=lambda item: -item[1])[:_SHOWN]
    return [{"name": name[:100], "share": round(spent / total, 4)} for name, spent in longest]
