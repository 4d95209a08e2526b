"""
What the worker itself costs, beside the libraries it stands on: `make bench`.

Seconds are medians of interleaved rounds in one run, on this machine; only the ratios travel. The checkpoint is the small one
of random weights: the time outside of engine and store is ours, whatever speaks.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.imports import BARE, medians
from benchmarks.worker import Worker

ROUNDS = 5
IMPORTS = {
    BARE: "pass",
    "handler": "import handler",
    "handler + runpod": "import handler, runpod",
    "torch + torchaudio": "import torch, torchaudio",
}


def warm_generate(folder: Path) -> dict[str, float]:
    """Milliseconds of a warm one-chunk generate by phase, and what no phase counts; a folder is the bucket."""
    worker = Worker(folder)
    rounds: list[dict[str, float]] = []
    for n in range(ROUNDS * 4 + 1):
        begun = time.monotonic()
        reply = worker.speak(f"j{n}", seed=n)
        rounds.append({**reply["timings"], "total": time.monotonic() - begun})
    warm = rounds[1:]
    milliseconds = {phase: round(statistics.median(one[phase] for one in warm) * 1000, 2) for phase in warm[0]}
    outside = statistics.median(one["total"] - one["infer"] - one["upload"] - one["voice"] for one in warm)
    return {**milliseconds, "outside of engine and store": round(outside * 1000, 2)}


def main() -> None:
    """One JSON object."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        seconds = medians(IMPORTS, ROUNDS)
        report = {
            "import_cpu_seconds": seconds,
            "handler_over_torch": round(seconds["handler"] / seconds["torch + torchaudio"], 3),
            "warm_generate_ms": warm_generate(Path(folder)),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
