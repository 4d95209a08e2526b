"""
What is measured, in this order: first what can't be had elsewhere, last what takes longest.

Compared cases are measured in the same rounds, one after the other, with the device synchronised around each; figures are
medians, and slowest less fastest. A failed part reports its error and the others go on, because a GPU's time is short.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Collection
from typing import Any

from benchmarks.gpu.backend import backend
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.cases import cases
from benchmarks.gpu.copies import copies
from benchmarks.gpu.devices import devices
from benchmarks.gpu.jobs import jobs
from benchmarks.gpu.kernels import kernels
from benchmarks.gpu.one_stream import one_stream, unseen_lengths
from benchmarks.gpu.packs import packs
from benchmarks.gpu.parity import parity
from benchmarks.gpu.profile import profile
from benchmarks.gpu.proof import proof
from benchmarks.machine import say

Figures = dict[str, Any]
PARTS: dict[str, Callable[[Bench, Asked], Figures]] = {
    "backend": backend,
    "proof": proof,
    "parity": parity,
    "one_stream": one_stream,
    "unseen_lengths": unseen_lengths,
    "copies": copies,
    "jobs": jobs,
    "kernels": kernels,
    "profile": profile,
    "cases": cases,
    "devices": devices,
    "packs": packs,
}


def measure_parts(
    bench: Bench,
    asked: Asked,
    wanted: Collection[str],
    *,
    seconds_left: Callable[[], float],
    keep: Callable[[dict[str, Figures]], None],
) -> dict[str, Figures]:
    """Measure these of `PARTS`; `keep` is given all that there is after each. What would begin with no seconds left is skipped."""
    measured: dict[str, Figures] = {}
    for name, part in PARTS.items():
        if name not in wanted:
            continue
        if seconds_left() <= 0:
            measured[name] = {"skipped": "the budget was spent"}
            say(f"{name}: skipped, the budget was spent")
        else:
            begun = time.perf_counter()
            figures = attempted(name, lambda part=part: part(bench, asked))  # type: ignore[misc]  # mypy reads no such default
            measured[name] = {"seconds": round(time.perf_counter() - begun, 2), **figures}
            say(f"{name}: {measured[name]['seconds']} s")
        keep(measured)
    return measured


def attempted(name: str, work: Callable[[], Figures]) -> Figures:
    """What the work gives, or `failed` and how; a figure that JSON has no number for is a failure."""
    try:
        figures = work()
        json.dumps(figures, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - the other parts are still worth their time
        traceback.print_exc(file=sys.stderr)
        say(f"{name} failed")
        return {"failed": f"{type(error).__name__}: {error}"[:500]}
    return figures
