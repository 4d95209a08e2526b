"""The distances by which the fast solver proves itself on a card, beside their bounds (engines/f5/proof.py)."""

from typing import Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import say
from engines.f5.proof import BOUNDS, measure


def proof(bench: Bench, asked: Asked) -> dict[str, Any]:  # noqa: ARG001 - as every part
    """In half precision, also on a CPU. The second time nothing is new to the process: what a worker waits lies between the two."""
    seconds = []
    for _ in range(2):
        begun = bench.meter.now()
        found = measure(bench.half, bench.official._vocoder)  # noqa: SLF001 - what an engine keeps to itself
        seconds.append(round(bench.meter.now() - begun, 4))
    say(f"proof: {found.distances}")
    return {
        "distances": dict(found.distances),
        "bounds": dict(BOUNDS["torch.float16"]),
        "problems": list(found.problems),
        "holds": not found.problems,
        "first_s": seconds[0],
        "second_s": seconds[1],
    }
