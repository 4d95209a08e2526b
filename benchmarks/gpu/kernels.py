"""
The fast path with its fused kernels, beside both paths without: what KERNELS=auto brings on this card.

They are loaded and proved as a worker does it. The crowd is measured once, without a round to warm up: all but the kernels ran before,
and they ran in the proof.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.arithmetic import FLOP, best_square, burst, multiply_adds, products, tflops
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.one_stream import speaking
from benchmarks.gpu.packs import crowd, solving
from benchmarks.machine import say
from benchmarks.paths import condition, interleaved, ratio, spoken
from engines.device.verdicts import Circumstances, Findings, State, Verdict
from engines.f5.engine import F5Engine

ONE_STREAM, THROUGHPUT, SHARE = 2.5, 4.0, 0.55  # the limits
FUSED = "fused"


def kernels(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Whether they prove themselves, one stream at the middle length, and the whole crowd in one pack."""
    if not bench.is_gpu:
        return {"skipped": "no CUDA device: the kernels run on a GPU"}
    engine = F5Engine.load(bench.files, bench.device, "fast", _prove, "auto")
    proof = dict(engine.facts.sampler_proof or {})
    say(f"kernels: {proof}")
    if proof["kernels"] != FUSED:
        return {"proof": proof, "holds": False}
    stream, together = _one_stream(bench, engine, asked), _crowd(bench, engine, asked)
    return {
        "proof": proof,
        "one_stream": stream,
        "crowd": together,
        "limits": {"one_stream": ONE_STREAM, "throughput": THROUGHPUT, "share": SHARE},
        "holds": stream["times"] >= ONE_STREAM and together["times"] >= THROUGHPUT and together["share"] >= SHARE,
    }


def _prove(circumstances: Circumstances, measure: Callable[[], Findings]) -> Verdict:
    """Measured each time, and kept nowhere."""
    found = measure()
    holds, why = not found.problems, "; ".join(found.problems)
    state: State = "proved" if holds else "failed"
    return Verdict(state, holds=holds, why=why, key="", circumstances=circumstances, distances=found.distances)


def _one_stream(bench: Bench, engine: F5Engine, asked: Asked) -> dict[str, Any]:
    utterance = bench.utterance(asked.middle_s, asked.crowd_nfe)
    work = {name: speaking(one, utterance) for name, one in (bench.engines | {FUSED: engine}).items()}
    spent = interleaved(work, asked.rounds, bench.meter.now)
    times, over_fast = (ratio(spent, path, FUSED) for path in ("official", "fast"))
    return {"nfe": asked.crowd_nfe, "asked_s": asked.middle_s, **spent, "times": times, "times_fast": over_fast}


def _crowd(bench: Bench, engine: F5Engine, asked: Asked) -> dict[str, Any]:
    """Seconds of all utterances, and the solver's share of the rate that plain products reach in the same round."""
    utterances = crowd(bench.voice, bench.reference_s, asked.crowd, asked.crowd_nfe)
    conditions = [condition(engine, one) for one in utterances]
    rows = 2 * sum(one.frames for one in conditions)
    dtype = next(bench.model.parameters()).dtype
    bursts = {one: burst(one, bench.device, dtype) for one in products(bench.device, bench.files.arch, [rows])}
    work: dict[str, Callable[[], object]] = {
        "official": lambda: spoken(bench.official, utterances, 1),
        FUSED: lambda: spoken(engine, utterances, asked.crowd),
        "solver": solving(engine, conditions, asked.crowd_nfe, asked.crowd),
        **{str(one): run for one, (run, _) in bursts.items()},
    }
    spent = interleaved(work, 1, bench.meter.now, warm_up=False)
    card = best_square({one: tflops(count, spent[str(one)]["median_s"]) for one, (_, count) in bursts.items()})
    per_step = FLOP * sum(multiply_adds(bench.files.arch, one.frames) for one in conditions)
    reached = tflops(per_step * asked.crowd_nfe, spent["solver"]["median_s"])
    return {
        "utterances": asked.crowd,
        **{name: spent[name] for name in ("official", FUSED, "solver")},
        "times": ratio(spent, "official", FUSED),
        "tflops": reached,
        "matmul_tflops": card,
        "share": round(reached / card, 4),
    }
