"""Weights that leave the device and return, sixteen jobs at once, memory that runs out: seconds, bytes, and whether it sounds the same."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import MIB, Meter, rss_mib
from cloning.clock import SystemClock
from cloning.errors import GpuOutOfMemory
from cloning.ports import F5Parameters, Reference, Samples
from engines.device.gpu_thread import GpuThread
from engines.device.placement import free_memory, gpu_memory
from engines.device.scheduler import Bounds
from engines.f5.engine import F5Engine

_JOBS = 16
_STEPS = 4
_SENTENCE = "The river runs past the old mill. "
_CAPPED_S = 20.0


def devices(bench: Bench, asked: Asked) -> dict[str, Any]:
    """The official engine's weights, with the fast one's off the device meanwhile."""
    bench.fast.park()
    try:
        return {
            "away": _away(bench.official, bench.meter, bench.voice, asked.cycles),
            "together": _together(bench.official, bench.voice),
            "memory_cap": _memory_cap(bench.official, bench.voice),
        }
    finally:
        bench.fast.resume()


def _speak(engine: F5Engine, reference: Reference, seed: int, seconds: float = 1.0, *, frugal: bool = False) -> Samples:
    parameters = F5Parameters(nfe_step=_STEPS, fix_duration=reference.duration + seconds)
    return engine.speak(reference, _SENTENCE * (1 + seed % 4), seed=seed, parameters=parameters, frugal=frugal)


def _away(engine: F5Engine, meter: Meter, reference: Reference, cycles: int) -> dict[str, Any]:
    expected, loaded = _speak(engine, reference, 0), _allocated()
    first_park_s, _ = _timed(meter, engine.park), _timed(meter, engine.resume)
    parks, resumes, same, parked, rss = [], [], True, _allocated(), rss_mib()
    for _ in range(cycles):
        parks.append(_timed(meter, engine.park))
        free_memory()
        parked = _allocated()
        resumes.append(_timed(meter, engine.resume))
        same = same and np.array_equal(_speak(engine, reference, 0), expected)
    return {
        "cycles": cycles,
        "same_samples": same,
        "first_park_s": round(first_park_s, 4),
        "park_s": round(statistics.median(parks), 5),
        "resume_s": round(statistics.median(resumes), 5),
        "weights_bytes": engine._weights.bytes,  # noqa: SLF001 - nobody else asks
        "gpu_bytes_loaded": loaded,
        "gpu_bytes_parked": parked,
        "rss_before_mib": rss,
        "rss_after_mib": rss_mib(),
    }


def _together(engine: F5Engine, reference: Reference) -> dict[str, Any]:
    gpu = GpuThread(SystemClock(), Bounds(chunks=1, seconds=1.0))
    other = replace(
        reference, text=f"{reference.text} And more.", sha256="another"
    )  # a second voice, as the engine knows them

    def job(number: int) -> Samples:
        return gpu.run(lambda: _speak(engine, other if number % 2 else reference, number))

    begun = time.perf_counter()
    alone = [job(number) for number in range(_JOBS)]
    one_by_one_s, begun = time.perf_counter() - begun, time.perf_counter()
    with ThreadPoolExecutor(_JOBS) as callers:
        together = list(callers.map(job, range(_JOBS)))
    return {
        "jobs": _JOBS,
        "equal": all(np.array_equal(one, two) for one, two in zip(alone, together, strict=True)),
        "one_by_one_s": round(one_by_one_s, 4),
        "together_s": round(time.perf_counter() - begun, 4),
    }


def _memory_cap(engine: F5Engine, reference: Reference) -> dict[str, Any]:
    """Memory runs out for real: a chunk as usual does not fit, a frugal one may, and without the cap all is as before."""
    if _allocated() is None:
        return {"skipped": "no CUDA device: the memory of a CPU is not capped"}
    expected = _speak(engine, reference, 0, _CAPPED_S)
    usual = _peak(lambda: _speak(engine, reference, 0, _CAPPED_S))
    frugal = _peak(lambda: _speak(engine, reference, 0, _CAPPED_S, frugal=True))
    between = _under(
        _reserved_now() + (usual + frugal) // 2, lambda: _speak(engine, reference, 0, _CAPPED_S, frugal=True)
    )
    capped = _under(_reserved_now() + min(usual, frugal) // 8, lambda: _speak(engine, reference, 0, _CAPPED_S))
    return {
        "usual_mib": usual // MIB,
        "frugal_mib": frugal // MIB,
        "frugal_between": between,
        "capped": capped,
        "survived": bool(np.array_equal(_speak(engine, reference, 0, _CAPPED_S), expected)),
    }


def _under(cap: int, speak: Callable[[], object]) -> str:
    """'spoke', or the failure's code, with no more of the GPU's memory than `cap` bytes."""
    import torch

    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, cap / total))
    try:
        speak()
    except GpuOutOfMemory as failure:
        return failure.code
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return "spoke"


def _peak(speak: Callable[[], object]) -> int:
    """Bytes that torch sets aside for it above what is there before."""
    import torch

    before = _reserved_now()
    torch.cuda.reset_peak_memory_stats()
    speak()
    return torch.cuda.max_memory_reserved() - before


def _reserved_now() -> int:
    free_memory()
    return (gpu_memory() or {"reserved_bytes": 0})["reserved_bytes"]


def _allocated() -> int | None:
    memory = gpu_memory()
    return None if memory is None else memory["allocated_bytes"]


def _timed(meter: Meter, act: Callable[[], None]) -> float:
    begun = meter.now()
    act()
    return meter.now() - begun
