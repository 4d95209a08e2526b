"""
Sixteen utterances at once: the official path one by one and in upstream's threads, ours in packs. Seconds, memory, arithmetic.

The solver alone and plain matrix products are in the same rounds, so that a share of the card's rate compares simultaneous
measurements.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.arithmetic import FLOP, Product, best_square, burst, multiply_adds, products, tflops
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import MIB, Meter
from benchmarks.paths import SENTENCE, Seconds, condition, interleaved, pool, ratio, spoken
from cloning.ports import F5Parameters, Reference, Utterance
from engines.device.placement import free_memory, gpu_memory
from engines.f5.engine import F5Engine
from engines.f5.fast import HOP, SAMPLE_RATE
from engines.f5.solver import Condition, Guidance

THROUGHPUT, SHARE = 2.5, 0.35  # the limits
NEAR = 0.95  # of the best throughput: the smallest such pack is the knee
EACH_S = 5.0
WINDOW_S = 22.0  # reference and speech of the longest chunk
ONE_BY_ONE, THREADS = "official, one by one", "official, thread pool"

Memory = dict[str, int] | None
"""MiB in tensors (`allocated_mib`) and reserved by torch, above the amounts before; None on a CPU."""
Work = Mapping[str, Callable[[], object]]


def packs(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Both paths' seconds, memory and arithmetic."""
    nfe = asked.crowd_nfe
    utterances = crowd(bench.voice, bench.reference_s, asked.crowd, nfe)
    conditions = [condition(bench.fast, one) for one in utterances]
    sizes = [2**power for power in range(asked.crowd.bit_length())]
    bursts = _bursts(bench, [_rows(conditions[:size]) for size in (1, sizes[-1])])
    work = _speech(bench, utterances, sizes) | {
        **{_solver(size): solving(bench.fast, conditions, nfe, size) for size in sizes},
        **{str(product): run for product, (run, _) in bursts.items()},
    }
    memory = {name: working_memory(bench.meter, one) for name, one in work.items()}  # is the unmeasured round too
    spent = interleaved(work, asked.rounds, bench.meter.now, warm_up=False)
    rates = {product: tflops(count, spent[str(product)]["median_s"]) for product, (_, count) in bursts.items()}
    per_step = FLOP * sum(multiply_adds(bench.files.arch, one.frames) for one in conditions)
    return {
        "nfe": nfe,
        "utterances": len(utterances),
        "audio_s": round(sum(one.frames - len(one.mel) + 1 for one in conditions) * HOP / SAMPLE_RATE, 3),
        **throughput(spent, memory, sizes),
        "arithmetic": arithmetic(spent, rates, sizes, per_step, nfe),
        "longest": _longest(bench, asked.crowd),
    }


def crowd(voice: Reference, reference_s: float, count: int, nfe: int) -> list[Utterance]:
    """So many utterances of 4.5 to 5.5 s, by upstream's own rule: the reference's rate of speech times the bytes to be said."""
    rate = len(voice.text.encode()) / reference_s
    utterances = []
    for number in range(count):
        seconds = EACH_S * (0.9 + 0.2 * number / max(1, count - 1))
        text = f"{SENTENCE} {SENTENCE}"[: round(rate * seconds)]
        utterances.append(Utterance(voice, text, number, F5Parameters(nfe_step=nfe)))
    return utterances


def throughput(spent: Seconds, memory: Mapping[str, Memory], sizes: Sequence[int]) -> dict[str, Any]:
    """Both official ways, ours by the size of the packs against the better of them, and the knee."""
    official = {name: spent[name] | {"memory": memory[name]} for name in (ONE_BY_ONE, THREADS)}
    better = min(official, key=lambda name: spent[name]["median_s"])
    fast = [
        {"pack": size, **spent[_pack(size)], "times": ratio(spent, better, _pack(size)), "memory": memory[_pack(size)]}
        for size in sizes
    ]
    shortest = min(spent[_pack(size)]["median_s"] for size in sizes)
    best = max(ratio(spent, better, _pack(size)) for size in sizes)
    return {
        "official": official,
        "better_official": better,
        "fast": fast,
        "knee": min(size for size in sizes if shortest >= NEAR * spent[_pack(size)]["median_s"]),
        "best_times": best,
        "limit": THROUGHPUT,
        "holds": best >= THROUGHPUT,
    }


def arithmetic(
    spent: Seconds, rates: Mapping[Product, float], sizes: Sequence[int], per_step: int, nfe: int
) -> dict[str, Any]:
    """What the solver reaches in packs of each size, beside what plain products reach on this device."""
    card = best_square(rates)
    rows = []
    for size in sizes:
        reached = tflops(per_step * nfe, spent[_solver(size)]["median_s"])
        rows.append({"pack": size, **spent[_solver(size)], "tflops": reached, "share": round(reached / card, 4)})
    best = max(row["share"] for row in rows)
    return {
        "tflop_per_step": per_step / 1e12,
        "matmul_tflops": card,
        "products": [{"shape": list(product), "tflops": rate} for product, rate in rates.items()],
        "solver": rows,
        "best_share": best,
        "limit": SHARE,
        "holds": best >= SHARE,
    }


def working_memory(meter: Meter, act: Callable[[], object]) -> Memory:
    """Does it, with nothing kept from before, and says what it took above what was there."""
    free_memory()
    before = gpu_memory() or {}
    meter.forget_peaks()
    act()
    if (peaks := meter.peaks()) is None:
        return None
    return {
        "allocated_mib": peaks["peak_allocated_mib"] - before["allocated_bytes"] // MIB,
        "reserved_mib": peaks["peak_reserved_mib"] - before["reserved_bytes"] // MIB,
    }


def _speech(bench: Bench, utterances: Sequence[Utterance], sizes: Sequence[int]) -> dict[str, Callable[[], object]]:
    texts = [one.text for one in utterances]
    return {
        ONE_BY_ONE: lambda: spoken(bench.official, utterances, 1),
        THREADS: lambda: pool(bench.official, bench.voice, texts, utterances[0].parameters),
        **{_pack(size): _speaking(bench.fast, utterances, size) for size in sizes},
    }


def _speaking(engine: F5Engine, utterances: Sequence[Utterance], size: int) -> Callable[[], object]:
    return lambda: spoken(engine, utterances, size)


def solving(engine: F5Engine, conditions: Sequence[Condition], nfe: int, size: int) -> Callable[[], object]:
    """A function that solves them in packs of that size, without text, mel and vocoder."""
    fast = engine._fast  # noqa: SLF001 - what an engine keeps to itself
    assert fast is not None
    solve, guidance = fast._sampler.solve, Guidance(nfe, 2.0, -1.0)  # noqa: SLF001 - as above
    return lambda: [solve(conditions[first : first + size], guidance) for first in range(0, len(conditions), size)]


def _bursts(bench: Bench, rows: Sequence[int]) -> dict[Product, tuple[Callable[[], object], float]]:
    dtype = next(bench.model.parameters()).dtype
    return {
        product: burst(product, bench.device, dtype) for product in products(bench.device, bench.files.arch, list(rows))
    }


def _rows(conditions: Sequence[Condition]) -> int:
    return 2 * sum(one.frames for one in conditions)


def _longest(bench: Bench, count: int) -> dict[str, Any]:
    """The memory that the largest pack takes: every utterance as long as a chunk may be. Two steps show it."""
    parameters = F5Parameters(nfe_step=2, fix_duration=WINDOW_S)
    utterances = [Utterance(bench.voice, SENTENCE, number, parameters) for number in range(count)]
    if gpu_memory() is None:
        return {"skipped": "no CUDA device: the memory of a CPU is not measured"}
    memory = working_memory(bench.meter, lambda: spoken(bench.fast, utterances, count))
    return {"utterances": count, "each_s": WINDOW_S, "memory": memory}


def _pack(size: int) -> str:
    return f"packs of {size}"


def _solver(size: int) -> str:
    return f"solver, packs of {size}"
