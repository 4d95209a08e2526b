"""
Jobs of one chunk that come at once, through the worker's own queue: when each of them is done.

A pack ends for all of its jobs together, so a larger one makes the last job's wait shorter and the first job's longer.
"""

import math
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.packs import EACH_S, crowd
from benchmarks.machine import say
from cloning.clock import SystemClock
from cloning.ports import Samples, Utterance
from cloning.ports.gpu import GpuTask, Span
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from engines.f5.engine import F5Engine

SIZES = (1, 4, 16)
WAIT_S = 0.05  # for company: all come within milliseconds


def jobs(bench: Bench, asked: Asked) -> dict[str, Any]:
    """The official path, which speaks one at a time, and ours in packs: by way, the seconds of the first done to the last."""
    utterances = crowd(bench.voice, bench.reference_s, asked.crowd, asked.crowd_nfe)
    ways = [("official", 1), *(("fast", size) for size in SIZES if size <= asked.crowd)]
    # Each keeps its thread for all rounds, as a worker does: cuDNN's plans are a thread's own.
    queues = {way: queue(way[1]) for way in ways}
    rounds: dict[tuple[str, int], list[list[float]]] = {way: [] for way in ways}
    turns: dict[tuple[str, int], int] = {}
    for number in range(asked.rounds + 1):
        for path, size in ways:
            seconds, turns[path, size] = latencies(queues[path, size], bench.engines[path], utterances, size)
            if number:
                rounds[path, size].append(seconds)
                say(f"{path}, {size} in a pack: {seconds[0]:.3f} to {seconds[-1]:.3f} s")
    rows = [
        {"path": path, "pack": size, "turns": turns[path, size], **_summary(rounds[path, size])} for path, size in ways
    ]
    return {"jobs": asked.crowd, "nfe": asked.crowd_nfe, "ways": rows}


def queue(size: int) -> GpuThread:
    """The worker's queue and its thread, for packs of that size."""
    return GpuThread(SystemClock(), Bounds(chunks=size, seconds=math.inf, wait_s=WAIT_S))


def latencies(gpu: GpuThread, engine: F5Engine, utterances: Sequence[Utterance], size: int) -> tuple[list[float], int]:
    """Seconds until each job has its samples, the first one done first; and the turns on the GPU that all took together."""
    turns: list[Span] = []
    begun = time.perf_counter()

    def job(utterance: Utterance) -> float:
        gpu.run_tasks([_task(engine, utterance, size)], spans=turns)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(len(utterances)) as callers:
        return sorted(callers.map(job, utterances)), len(set(turns))


def _task(engine: F5Engine, utterance: Utterance, size: int) -> GpuTask[Samples]:
    def alone() -> Samples:
        (outcome,) = engine.speak_many([utterance])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return GpuTask(None, EACH_S, alone, utterance, engine.speak_many, utterance.steps, batch_size=size)


def _summary(rounds: list[list[float]]) -> dict[str, Any]:
    """By place, the median of the rounds."""
    by_place = [round(statistics.median(place), 4) for place in zip(*rounds, strict=True)]
    return {
        "first_s": by_place[0],
        "median_s": round(statistics.median(by_place), 4),
        "last_s": by_place[-1],
        "latencies_s": by_place,
    }
