"""
The official path, case by case: one chunk of a fixed duration, with separate times for its solver and its vocoder.

Wrappers around `CFM.sample` and `Vocos.decode` wait for the device before and after each call; the calls themselves are
unchanged.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import Meter, say
from benchmarks.paths import spoken


@dataclass(frozen=True)
class Run:
    """One call of the engine, in seconds; `rest_s` is text preparation, copies and threads."""

    total_s: float
    solver_s: float
    vocoder_s: float
    rest_s: float


@dataclass(frozen=True)
class Case:
    """
    One length at one number of steps: medians of the measured runs.

    `spread_s` is the slowest run less the fastest, `rtf` the median divided by the seconds of audio that came out. `vram` is
    the case's peak in MiB, allocated and reserved; None on a CPU.
    """

    nfe_step: int
    asked_s: float
    audio_s: float
    first_s: float
    runs_s: list[float]
    median_s: float
    spread_s: float
    rtf: float
    solver_s: float
    vocoder_s: float
    rest_s: float
    vram: dict[str, int] | None


def cases(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Each length at each number of steps."""
    return {
        "cases": [asdict(_case(bench, nfe, seconds, asked.rounds)) for nfe in asked.nfe for seconds in asked.seconds]
    }


def _case(bench: Bench, nfe: int, seconds: float, rounds: int) -> Case:
    """First unmeasured, then so many times."""
    meter, utterance = bench.meter, bench.utterance(seconds, nfe)

    def speak() -> int:
        return spoken(bench.official, [utterance], 1)[0].size

    meter.forget_peaks()
    first, samples = _timed_run(meter, speak)
    runs = [_timed_run(meter, speak)[0] for _ in range(rounds)]
    case = _summary(nfe, seconds, samples / bench.official.sample_rate, first, runs, meter.peaks())
    say(f"NFE {nfe}, {case.audio_s:.2f} s of audio: {case.median_s:.3f} s, RTF {case.rtf:.4f}")
    return case


def _timed_run(meter: Meter, speak: Callable[[], int]) -> tuple[Run, int]:
    from f5_tts.model import CFM
    from vocos import Vocos

    solver: list[float] = []
    vocoder: list[float] = []
    with meter.timing(CFM, "sample", solver), meter.timing(Vocos, "decode", vocoder):
        begun = meter.now()
        samples = speak()
        total = meter.now() - begun
    return Run(total, sum(solver), sum(vocoder), total - sum(solver) - sum(vocoder)), samples


def _summary(
    nfe_step: int, asked_s: float, audio_s: float, first: Run, runs: Sequence[Run], vram: dict[str, int] | None
) -> Case:
    totals = [run.total_s for run in runs]
    median = statistics.median(totals)
    return Case(
        nfe_step=nfe_step,
        asked_s=asked_s,
        audio_s=round(audio_s, 3),
        first_s=round(first.total_s, 4),
        runs_s=[round(total, 4) for total in totals],
        median_s=round(median, 4),
        spread_s=round(max(totals) - min(totals), 4),
        rtf=round(median / audio_s, 5),
        solver_s=round(statistics.median(run.solver_s for run in runs), 4),
        vocoder_s=round(statistics.median(run.vocoder_s for run in runs), 4),
        rest_s=round(statistics.median(run.rest_s for run in runs), 4),
        vram=vram,
    )
