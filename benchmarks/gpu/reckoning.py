"""
The seconds that a full-size run should take on an H200: `python -m benchmarks.gpu.reckoning`. Reckoned, not measured.

Counted are the solver steps that each part asks for, each as long as benchmarks/prices.py reckons it (no longer in a pack than alone), and
the chunks around them. What is no step is an estimate: imports from a cold disk, 1.35 GB of weights written three times and read four
times, the profiler. So the sum is an upper bound but for surprises, which `--budget` is for.
"""

import sys

from benchmarks.arithmetic import FLOP, multiply_adds
from benchmarks.gpu.bench import USUAL, Asked
from benchmarks.gpu.packs import EACH_S
from benchmarks.gpu.profile import SPOKEN_STEPS, TRACED
from benchmarks.prices import ARCH, CARDS, PER_CHUNK_S, REFERENCE_S, Path, step_s

CARD = CARDS["H200"]
BUDGET_S = 480.0
FLOAT32_TFLOPS = 40.0  # of the data sheet's 67, without TF32
START_S, WEIGHTS_S, LOADS_S, FIRST_S = 50.0, 50.0, 20.0, 10.0
KERNELS_S = 5.0  # loaded, and proved
PROFILER_S, BURSTS_S, PARKING_S = 20.0, 0.5, 5.0


def reckoned(asked: Asked = USUAL) -> dict[str, float]:
    """Seconds by part, in the order of the run."""
    runs, crowd, nfe = asked.rounds + 1, asked.crowd, asked.crowd_nfe
    sizes = crowd.bit_length()
    company = crowd * chunk("fast", EACH_S, nfe)
    officially = crowd * chunk("official", EACH_S, nfe)
    parity = sum(
        chunk("official", EACH_S, steps) + chunk("fast", EACH_S, steps) + 3 * steps * float32_step()
        for steps in asked.nfe
    )
    longest = max(asked.lengths)
    return {
        "start": START_S + WEIGHTS_S + LOADS_S + FIRST_S,
        "proof": 2.0,
        "parity": LOADS_S / 2 + parity + 2 * company,
        "one_stream": runs
        * sum(chunk(path, s, n) for path in ("official", "fast") for s in asked.lengths for n in asked.nfe),
        "unseen_lengths": 2 * asked.rounds * (2 * chunk("official", longest, nfe) + chunk("fast", longest, nfe)),
        "copies": 5.0,
        "jobs": runs * (officially + 3 * company),
        "kernels": KERNELS_S
        + runs * sum(chunk(path, asked.middle_s, nfe) for path in ("official", "fast", "fast"))
        + officially
        + 2 * company
        + BURSTS_S,
        "profile": PROFILER_S + sum(chunk(p, asked.middle_s, SPOKEN_STEPS + 2 * TRACED) for p in ("official", "fast")),
        "cases": runs * sum(chunk("official", s, n) for s in asked.seconds for n in asked.nfe),
        "devices": PARKING_S + (asked.cycles + 2 * crowd) * chunk("official", 1.0, 4) + 6 * chunk("official", 20.0, 4),
        "packs": runs * (2 * officially + 2 * sizes * company + BURSTS_S),
    }


def chunk(path: Path, seconds: float, steps: int) -> float:
    """Seconds of a chunk of so many seconds of speech in so many steps."""
    return steps * step_s(CARD, path, _frames(seconds)) + PER_CHUNK_S


def float32_step() -> float:
    """Seconds of a step in float32."""
    return FLOP * multiply_adds(ARCH, _frames(EACH_S)) / (FLOAT32_TFLOPS * 1e12)


def _frames(seconds: float) -> int:
    return int((seconds + REFERENCE_S) * 24_000 / 256)


def table() -> str:
    """In Markdown, with the sum."""
    parts = reckoned()
    rows = [*parts.items(), ("all", sum(parts.values()))]
    return "\n".join(["| part | seconds |", "|---|---|", *(f"| `{name}` | {seconds:.0f} |" for name, seconds in rows)])


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
