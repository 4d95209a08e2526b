"""
The worker's own cost, compared with the libraries below it: `python -m benchmarks.overhead`.

Seconds are medians of interleaved rounds in one run, on this machine; only the ratios are meaningful elsewhere. The checkpoint is
the small one of random weights: the time outside of engine and store is ours, for any checkpoint.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.imports import BARE, medians
from benchmarks.report import RESULTS, about, save
from benchmarks.worker import Worker

ROUNDS = 5
MOST_MS = 30
OUTSIDE = "outside of engine and store"
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
    return {**milliseconds, OUTSIDE: round(outside * 1000, 2)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description="The worker's own share.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        seconds = medians(IMPORTS, ROUNDS)
        milliseconds = warm_generate(Path(folder))
        report = {
            "what": "the worker's own share of a warm generate of one chunk with the small checkpoint, and of a start",
            **about(Path(folder)),
            "import_cpu_seconds": seconds,
            "handler_over_torch": round(seconds["handler"] / seconds["torch + torchaudio"], 3),
            "warm_generate_ms": milliseconds,
            "holds": {f"outside of engine and store <= {MOST_MS} ms": milliseconds[OUTSIDE] <= MOST_MS},
        }
    rows = [{"warm generate": phase, "median, ms": value} for phase, value in milliseconds.items()]
    save(report, options.results, "overhead", rows)


if __name__ == "__main__":
    main()
