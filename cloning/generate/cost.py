"""The cost of a job's own turns on the GPU."""

from collections.abc import Mapping
from typing import Any

TURNS = ("transcript", "load", "infer", "check")
"""The phases in which a job has the GPU for itself."""


def cost_of(timings: Mapping[str, float], price_per_second: float | None) -> dict[str, Any]:
    """
    The field `cost` of reply and manifest: US dollars for the seconds of the job's own turns; nothing without a price.

    RunPod bills the seconds in which a worker is up: its start, its idle time and shared time are in no job's cost.
    """
    if price_per_second is None:
        return {}
    seconds = sum(timings.get(phase, 0.0) for phase in TURNS)
    usd = round(seconds * price_per_second, 6)
    told = {"usd": usd, "seconds": round(seconds, 3), "price_per_second": price_per_second}
    return {"cost": {**told, "of": "this attempt's turns on the GPU; a worker's start and idle time are not in it"}}
