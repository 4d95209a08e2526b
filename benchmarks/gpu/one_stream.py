"""One utterance after the other, on both paths; and what a length costs that the process has not spoken yet."""

import statistics
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from benchmarks.gpu.backend import cudnn_attention
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import say
from benchmarks.paths import interleaved, ratio, spoken
from cloning.ports import Utterance
from engines.f5.engine import F5Engine

ONE_STREAM = 1.5  # the limit
CUDNN = "official, cuDNN's attention allowed"
APART_S = 0.05  # 4 frames: no two lengths are the same


def one_stream(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Each length at each number of steps."""
    rows: list[dict[str, Any]] = []
    for nfe in asked.nfe:
        for seconds in asked.lengths:
            utterance = bench.utterance(seconds, nfe)
            work = {name: speaking(engine, utterance) for name, engine in bench.engines.items()}
            spent = interleaved(work, asked.rounds, bench.meter.now)
            rows.append({"nfe": nfe, "asked_s": seconds, **spent, "times": ratio(spent, "official", "fast")})
    least = min(row["times"] for row in rows)
    return {"cases": rows, "least_times": least, "limit": ONE_STREAM, "holds": least >= ONE_STREAM}


def unseen_lengths(bench: Bench, asked: Asked) -> dict[str, Any]:
    """
    The seconds of the first speech of a length, and of the second one: what a new length costs in plans, tables and memory.

    The official path also with cuDNN's attention, as torch would have it on Hopper and Blackwell; the worker turns that off.
    """
    ways = {"official": bench.official, CUDNN: bench.official, "fast": bench.fast}
    firsts: dict[str, list[float]] = {name: [] for name in ways}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    length = max(asked.lengths)
    for _ in range(asked.rounds):
        for name, engine in ways.items():
            length += APART_S
            speak = speaking(engine, bench.utterance(length, asked.crowd_nfe))
            with cudnn_attention() if name == CUDNN else nullcontext():
                firsts[name].append(_timed(bench, speak))
                seconds[name].append(_timed(bench, speak))
    rows = [
        {"way": name, "first_s": _median(firsts[name]), "second_s": _median(seconds[name])}
        | {"more_s": _median([one - two for one, two in zip(firsts[name], seconds[name], strict=True)])}
        for name in ways
    ]
    say(str(rows))
    return {"nfe": asked.crowd_nfe, "lengths": asked.rounds * len(ways), "ways": rows}


def speaking(engine: F5Engine, utterance: Utterance) -> Callable[[], object]:
    """A function that speaks it."""
    return lambda: spoken(engine, [utterance], 1)


def _timed(bench: Bench, speak: Callable[[], object]) -> float:
    begun = bench.meter.now()
    speak()
    return bench.meter.now() - begun


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 5)
