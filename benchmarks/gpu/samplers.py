"""
Our path compared with the official one on one device: parity, one stream, packs, profile. A part of `python -m benchmarks.gpu`.

Compared cases are measured in the same rounds, one after the other, with the device synchronised around each; figures are
medians, and slowest less fastest. A failed part reports its error and the others go on, because a GPU's time is short.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.gpu.packs import crowd, packs
from benchmarks.gpu.profile import profile_of
from benchmarks.machine import Meter, say
from benchmarks.paths import (
    Asked,
    Bench,
    condition,
    distance,
    half_distances,
    interleaved,
    is_same_draw,
    officially,
    ratio,
    solved,
    spoken,
    spoken_text,
)
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.f5.solver import Guidance

ONE_STREAM, NEARNESS = 4.0, 1.0  # the limits
SEED = 0


def measure_samplers(
    official: F5Engine,
    files: F5Files,
    meter: Meter,
    voice: Reference,
    reference_s: float,
    parts: Sequence[str],
    asked: Asked,
) -> dict[str, Any]:
    """The report's part `samplers`, with these of `PARTS`. Raises ServiceError if the fast engine can't be loaded."""
    fast = F5Engine.load(files, official._device, "fast")  # noqa: SLF001 - what an engine keeps to itself
    bench = Bench(official, fast, files, meter, voice, reference_s)
    measured = {name: attempted(name, partial(PARTS[name], bench, asked)) for name in PARTS if name in parts}
    return {"sampler": fast.facts.sampler, "dtype": fast.facts.dtype, "rounds": asked.rounds, **measured}


def attempted(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work gives, or `failed` and how."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the other parts are still worth their time
        traceback.print_exc(file=sys.stderr)
        say(f"{name} failed")
        return {"failed": f"{type(error).__name__}: {error}"[:500]}


def parity(bench: Bench, asked: Asked) -> dict[str, Any]:
    """
    Distances of mels from float32's, and of an utterance's samples in company from those alone; relative root mean squares.

    On a GPU the half precision is the one that speaks. On a CPU it is made for this, and the samples are float32's.
    """
    utterances = crowd(bench.voice, bench.reference_s, asked.crowd, asked.nfe[-1])
    one = condition(bench.fast, utterances[0])
    truth = _model(bench.files).to(bench.device)
    half = bench.model if _is_half(bench.model) else _model(bench.files).half()
    mels = half_distances(half, truth, one, asked.nfe)
    full = [_float32(truth, one, nfe) for nfe in asked.nfe]
    return {
        "frames": one.frames,
        "same_noise": is_same_draw(one),
        "half_from_float32": mels,
        "float32_from_official": full,
        "company": company(bench.fast, utterances),
        **_nearness(mels),
    }


def _nearness(mels: list[dict[str, Any]]) -> dict[str, Any]:
    """Ours must be no further from float32's than the official one is; a distance that is no number holds nothing."""
    if any(None in row.values() for row in mels):
        return {"largest_times": None, "limit": NEARNESS, "holds": False}
    largest = round(max(row["fast"] / row["official"] for row in mels), 4)
    return {"largest_times": largest, "limit": NEARNESS, "holds": largest <= NEARNESS}


def company(fast: F5Engine, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Samples in one pack beside the same utterances' alone, and one utterance spoken twice."""
    import torch

    alone, together = (spoken(fast, utterances, size) for size in (1, len(utterances)))
    again = spoken(fast, utterances[:1], 1)[0]
    pairs = list(zip(together, alone, strict=True))
    far = [distance(torch.from_numpy(one), torch.from_numpy(other)) for one, other in pairs]
    return {
        "utterances": len(utterances),
        "byte_equal": sum(one.tobytes() == other.tobytes() for one, other in pairs),
        "largest_distance": None if None in far else max(one for one in far if one is not None),
        "repeats_byte_equal": again.tobytes() == alone[0].tobytes(),
    }


def one_stream(bench: Bench, asked: Asked) -> dict[str, Any]:
    """One utterance after the other, of each length at each number of steps."""
    rows: list[dict[str, Any]] = []
    for nfe in asked.nfe:
        for seconds in asked.lengths:
            utterance = _utterance(bench, seconds, nfe)
            work = {
                name: _speaking(engine, utterance)
                for name, engine in (("official", bench.official), ("fast", bench.fast))
            }
            spent = interleaved(work, asked.rounds, bench.meter.now)
            rows.append({"nfe": nfe, "asked_s": seconds, **spent, "times": ratio(spent, "official", "fast")})
    least = min(row["times"] for row in rows)
    return {"cases": rows, "least_times": least, "limit": ONE_STREAM, "holds": least >= ONE_STREAM}


def profile(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Where the time of one stream goes, at the middle length."""
    if not bench.device.startswith("cuda"):
        return {"skipped": "no CUDA device: there are no kernels to count"}
    seconds = sorted(asked.lengths)[len(asked.lengths) // 2]

    def of(engine: F5Engine) -> dict[str, Any]:
        return profile_of(lambda steps: _speaking(engine, _utterance(bench, seconds, steps))(), bench.meter)

    return {"asked_s": seconds, "official": of(bench.official), "fast": of(bench.fast)}


PARTS: dict[str, Callable[[Bench, Asked], dict[str, Any]]] = {
    "parity": parity,
    "one_stream": one_stream,
    "packs": packs,
    "profile": profile,
}


def _utterance(bench: Bench, seconds: float, nfe: int) -> Utterance:
    parameters = F5Parameters(nfe_step=nfe, fix_duration=bench.reference_s + seconds)
    return Utterance(bench.voice, spoken_text(seconds), SEED, parameters)


def _speaking(engine: F5Engine, utterance: Utterance) -> Callable[[], object]:
    return lambda: spoken(engine, [utterance], 1)


def _float32(truth: Any, one: Any, nfe: int) -> dict[str, Any]:
    import torch

    guidance = Guidance(nfe, 2.0, -1.0)
    ours, theirs = solved(truth, one, guidance), officially(truth, one, guidance)
    return {"nfe": nfe, "byte_equal": torch.equal(ours, theirs), "distance": distance(ours, theirs)}


def _model(files: F5Files) -> Any:
    """Another CFM of these weights, in float32 on the CPU."""
    return F5Engine.load(files, "cpu", "official")._model  # noqa: SLF001 - what an engine keeps to itself


def _is_half(model: Any) -> bool:
    return str(next(model.parameters()).dtype) == "torch.float16"
