"""How near both paths are to float32, and an utterance in company to the same alone."""

from collections.abc import Sequence
from typing import Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.packs import crowd
from benchmarks.paths import condition, distance, half_distances, is_same_draw, officially, solved, spoken
from cloning.ports import Utterance
from engines.f5.engine import F5Engine
from engines.f5.solver import Guidance

NEARNESS = 1.0  # the limit


def parity(bench: Bench, asked: Asked) -> dict[str, Any]:
    """
    Distances of mels from float32's, and of an utterance's samples in company from those alone; relative root mean squares.

    On a GPU the half precision is the one that speaks. On a CPU it is made for this, and the samples are float32's.
    """
    utterances = crowd(bench.voice, bench.reference_s, asked.crowd, asked.crowd_nfe)
    one = condition(bench.fast, utterances[0])
    truth = bench.in_float32().to(bench.device)
    mels = half_distances(bench.half, truth, one, asked.nfe)
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


def _float32(truth: Any, one: Any, nfe: int) -> dict[str, Any]:
    import torch

    guidance = Guidance(nfe, 2.0, -1.0)
    ours, theirs = solved(truth, one, guidance), officially(truth, one, guidance)
    return {"nfe": nfe, "byte_equal": torch.equal(ours, theirs), "distance": distance(ours, theirs)}
