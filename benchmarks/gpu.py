"""
The official F5-TTS path on one machine: seconds by phase, real-time factor, memory. Nothing is fetched.

`python -m benchmarks.gpu` makes a full-size F5TTS_v1_Base and its Vocos with random weights, repairs the file as the worker
does, loads it through `engines.f5.F5Engine` (fp16 on a GPU) and speaks. Random weights take as long as trained ones: the
figures are about speed and plumbing, never about sound.

One JSON object goes to stdout, progress to stderr. Each case is one chunk whose length `fix_duration` sets; it is run once
unmeasured at its own shape, then `--repeat` times with the device synchronised around each run. Solver and vocoder are told
apart by wrappers around `CFM.sample` and `Vocos.decode`; what they run is unchanged.
"""

import argparse
import hashlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.devices import measure_devices
from benchmarks.machine import Meter, machine, rss_mib, rss_peak_mib, say, versions
from cloning.errors import ServiceError
from cloning.ports import F5Parameters, Reference
from engines.device import choose_device
from engines.f5 import F5Engine, F5Files
from engines.f5_import import import_f5
from engines.tiny import NOTE, TINY, make_checkpoint
from model_cache.catalog import find
from model_cache.prepare import prepare
from model_cache.sources import Fetched
from model_cache.watch import unwatched

ARCHITECTURES = {"full": "F5TTS_v1_Base", "tiny": TINY}
SPOKEN = "Some call me nature, others call me mother nature."  # in the sample that f5-tts brings
SENTENCE = "The river runs past the old mill, and the wheel turns all day long."
SENTENCE_S = 4.0  # about; with a fixed duration the text's length changes nothing but the last detail
WARM_UP_S = 3.0
SEED = 0


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


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The whole report. Raises ServiceError if the device isn't there or the checkpoint can't be made or loaded."""
    seconds: dict[str, float] = {}
    with _phase("import_torch", seconds):
        import torch  # noqa: F401 - only to tell its seconds from f5_tts's
    device = choose_device(options.device)
    with _phase("import_f5", seconds):
        import_f5()
    with _phase("start_device", seconds):
        meter = Meter(device)
    with tempfile.TemporaryDirectory(prefix="benchmark.") as scratch:
        with _phase("make_weights", seconds):
            checkpoint = _random_checkpoint(Path(scratch), ARCHITECTURES[options.size])
        meter.forget_peaks()
        with _phase("load", seconds, meter.now):
            engine = F5Engine.load(checkpoint, device, sampler="official")
    memory = {"vram_load": meter.peaks(), "rss_after_load_mib": rss_mib()}
    reference = _reference()
    with _phase("first_run", seconds, meter.now):
        reference_s = _warm_up(engine, reference)
    cases = [
        _case(engine, meter, reference, reference_s, n, s, options.repeat) for n in options.nfe for s in options.seconds
    ]
    with _phase("devices", seconds, meter.now):
        devices = measure_devices(engine, meter, reference, cycles=options.cycles)
    return {
        "what": f"official F5-TTS path, {options.size} size ({ARCHITECTURES[options.size]}), one chunk of a fixed duration per case",
        "note": NOTE,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": options.size,
        "parameters": sum(parameter.numel() for parameter in engine._model.parameters()),  # noqa: SLF001 - nobody else asks
        **{
            name: value
            for name, value in asdict(engine.facts).items()
            if name in {"engine", "device", "dtype", "sampler", "checkpoint"}
        },
        "reference_s": round(reference_s, 3),
        "phases_s": {name: round(value, 3) for name, value in seconds.items()},
        "cases": [asdict(case) for case in cases],
        "devices": devices,
        "memory": memory | {"rss_peak_mib": rss_peak_mib()},
        "machine": machine(device),
        "versions": versions(),
    }


def _case(
    engine: F5Engine, meter: Meter, reference: Reference, reference_s: float, nfe_step: int, seconds: float, repeat: int
) -> Case:
    parameters = F5Parameters(nfe_step=nfe_step, fix_duration=reference_s + seconds)
    text = " ".join([SENTENCE] * math.ceil(seconds / SENTENCE_S))

    def speak() -> int:
        return engine.speak(reference, text, seed=SEED, parameters=parameters).size

    meter.forget_peaks()
    first, samples = _timed_run(meter, speak)
    runs = [_timed_run(meter, speak)[0] for _ in range(repeat)]
    case = _summary(nfe_step, seconds, samples / engine.sample_rate, first, runs, meter.peaks())
    say(f"NFE {nfe_step}, {case.audio_s:.2f} s of audio: {case.median_s:.3f} s, RTF {case.rtf:.4f}")
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


def _random_checkpoint(folder: Path, arch: str) -> F5Files:
    """Weights under `ema.`, then the repair, as for a published file that f5_tts's loader refuses."""
    made = find(str(make_checkpoint(folder / "made", arch=arch)))
    model, vocab = folder / "model.safetensors", Path(made.vocab or "")
    prepare(Fetched(Path(made.source), private=False), model, made, vocab, dtype="keep", watch=unwatched)
    return F5Files(
        name=made.name,
        model=model,
        backbone=made.backbone,
        arch=dict(made.arch),
        vocab=vocab,
        vocoder=Path(made.vocoder or ""),
        sha256="",  # nobody asks which random numbers these are
        license=made.license,
        note=made.note,
    )


def _reference() -> Reference:
    import soundfile

    path = Path(str(files("f5_tts") / "infer" / "examples" / "basic" / "basic_ref_en.wav"))
    return Reference(
        path, SPOKEN, hashlib.sha256(path.read_bytes()).hexdigest(), duration=soundfile.info(path).duration
    )


def _warm_up(engine: F5Engine, reference: Reference) -> float:
    """The first run of the process; returns the seconds of the reference as upstream's preprocessing leaves it."""
    total_s = reference.duration + WARM_UP_S
    parameters = replace(F5Parameters(nfe_step=4), fix_duration=total_s)
    return total_s - engine.speak(reference, SENTENCE, seed=SEED, parameters=parameters).size / engine.sample_rate


@contextmanager
def _phase(name: str, seconds: dict[str, float], now: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    begun = now()
    yield
    seconds[name] = now() - begun
    say(f"{name}: {seconds[name]:.1f} s")


def _between(low: float, high: float, kind: type) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not within {low:g} and {high:g}")
        return value

    return number


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Measure the official F5-TTS path with random weights."
    )
    parser.add_argument("--size", choices=sorted(ARCHITECTURES), default="full", help="full is F5TTS_v1_Base (default)")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto is a GPU if there is one (default)"
    )
    parser.add_argument(
        "--nfe", nargs="+", type=_between(1, 64, int), default=[32, 16], help="solver steps (default 32 16)"
    )
    parser.add_argument(
        "--seconds",
        nargs="+",
        type=_between(0.5, 60, float),
        default=[5.0, 10.0, 20.0],
        help="of audio (default 5 10 20)",
    )
    parser.add_argument(
        "--repeat", type=_between(1, 1000, int), default=3, help="measured runs of each case (default 3)"
    )
    parser.add_argument(
        "--cycles", type=_between(1, 1000, int), default=10, help="times that the weights leave and return (default 10)"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report to this file too")
    return parser.parse_args()


def main() -> int:
    """The command line. Exit status 2 if there is nothing to measure with."""
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # whatever a library prints
            report = json.dumps(measure(options), indent=2, allow_nan=False)
    except ServiceError as error:
        say(error.message)
        return 2
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(report + "\n", "utf-8")
        say(f"the report is in {options.json}")
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
