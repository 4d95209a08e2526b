"""
F5-TTS on one machine: seconds by phase, real-time factor and memory of the official path, compared with ours. Nothing is fetched.

`python -m benchmarks.gpu` makes a full-size F5TTS_v1_Base and its Vocos with random weights, repairs the file as the worker
does, loads it through `engines.f5.engine.F5Engine` (fp16 on a GPU) and speaks. Random weights take as long as trained ones: the
figures are about speed and plumbing, never about sound.

One JSON object goes to stdout, progress and tables to stderr. With `--json` the file is written anew after each part, so that a run
that is cut keeps what it has. All parts together should take five minutes on an H200 (benchmarks/gpu/reckoning.py).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import ARCHITECTURES, USUAL, Asked, Bench, random_checkpoint, sample_voice, warm_up
from benchmarks.gpu.parts import PARTS, measure_parts
from benchmarks.gpu.tables import failed, tables
from benchmarks.machine import Meter, machine, rss_mib, rss_peak_mib, say, versions
from cloning.errors import ServiceError
from engines.device.placement import choose_device
from engines.f5.engine import F5Engine
from engines.imports.f5 import import_f5
from engines.tiny import NOTE

NO_FIGURES = "NOT A GPU'S FIGURES: a run on {}; it shows that the benchmark works, and its seconds, ratios and limits say nothing of a GPU"

Report = dict[str, Any]


def measure(options: argparse.Namespace, begun: float) -> Report:
    """The whole report. Raises ServiceError if the device isn't there or the checkpoint can't be made or loaded."""
    seconds: dict[str, float] = {}
    with _phase("import_torch", seconds):
        import torch  # noqa: F401 - only to separate its seconds from f5_tts's
    device = choose_device(options.device)
    with _phase("import_f5", seconds):
        import_f5()
    with _phase("start_device", seconds):
        meter = Meter(device)
    with tempfile.TemporaryDirectory(prefix="benchmark.") as scratch:
        bench, memory = _bench(options.size, device, meter, Path(scratch), seconds)
        report = _about(options, bench) | {"phases_s": seconds, "memory": memory, "parts": {}}

        def keep(parts: Report) -> None:
            report["parts"] = parts
            report["memory"] = memory | {"rss_peak_mib": rss_peak_mib()}
            _write(report, options.json)

        left = lambda: options.budget - (time.monotonic() - begun)  # noqa: E731
        measure_parts(bench, _asked(options), options.only, seconds_left=left, keep=keep)
    return report


def _bench(size: str, device: str, meter: Meter, scratch: Path, seconds: dict[str, float]) -> tuple[Bench, Report]:
    """Both engines after their first speech, and the memory that loading the official one took."""
    with _phase("make_weights", seconds):
        checkpoint = random_checkpoint(scratch, ARCHITECTURES[size])
    meter.forget_peaks()
    with _phase("load", seconds, meter.now):
        official = F5Engine.load(checkpoint, device, "official")
    memory = {"vram_load": meter.peaks(), "rss_after_load_mib": rss_mib()}
    voice = sample_voice()
    with _phase("first_run", seconds, meter.now):
        reference_s = warm_up(official, voice)
    with _phase("load_fast", seconds, meter.now):
        fast = F5Engine.load(checkpoint, device, "fast")
    with _phase("first_run_fast", seconds, meter.now):
        warm_up(fast, voice)
    return Bench(official, fast, checkpoint, meter, voice, reference_s), memory


def _about(options: argparse.Namespace, bench: Bench) -> Report:
    """What was measured, where and with what."""
    facts = asdict(bench.official.facts)
    return {
        "what": f"F5-TTS, {options.size} size ({ARCHITECTURES[options.size]}), the official path and ours",
        "note": NOTE,
        "warning": _warning(options.size, bench.device),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": options.size,
        "parameters": sum(parameter.numel() for parameter in bench.model.parameters()),
        **{name: facts[name] for name in ("engine", "device", "dtype", "checkpoint")},
        "samplers": [engine.facts.sampler for engine in bench.engines.values()],
        "reference_s": round(bench.reference_s, 3),
        "rounds": options.repeat,
        "machine": machine(bench.device),
        "versions": versions(),
    }


def _warning(size: str, device: str) -> str | None:
    if device == "cpu":
        return NO_FIGURES.format("a CPU")
    return None if size == "full" else NO_FIGURES.format(f"the {size} size")


def _asked(options: argparse.Namespace) -> Asked:
    return Asked(
        nfe=options.nfe,
        lengths=options.lengths,
        seconds=options.seconds,
        crowd=options.crowd,
        crowd_nfe=options.crowd_nfe,
        rounds=options.repeat,
        cycles=options.cycles,
        traces=options.json.with_suffix("") if options.json else None,
    )


def _write(report: Report, path: Path | None) -> None:
    """The file is always whole: whoever is cut in the middle leaves the last one."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", "utf-8")
    new.replace(path)


@contextmanager
def _phase(name: str, seconds: dict[str, float], now: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    begun = now()
    yield
    seconds[name] = round(now() - begun, 3)
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
        prog="python -m benchmarks.gpu", description="Measure F5-TTS with random weights: the official path and ours."
    )
    parser.add_argument("--size", choices=sorted(ARCHITECTURES), default="full", help="full is F5TTS_v1_Base (default)")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto is a GPU if there is one (default)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(PARTS),
        default=list(PARTS),
        help=f"what to measure, in this order: {', '.join(PARTS)} (default all)",
    )
    parser.add_argument(
        "--budget",
        type=_between(1, 86_400, float),
        default=float("inf"),
        metavar="SECONDS",
        help="begin no other part after so many seconds (default: no limit)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="OUT",
        help="write the report to this file too, anew after each part; traces lie beside it",
    )
    _add_amounts(parser)
    return parser.parse_args()


def _add_amounts(parser: argparse.ArgumentParser) -> None:
    """How much of what is measured."""
    for name, kind, low, high, usual, what in (
        ("nfe", int, 1, 64, USUAL.nfe, "solver steps of one stream"),
        ("seconds", float, 0.5, 60, USUAL.seconds, "of audio of the official path alone"),
        ("lengths", float, 0.5, 16, USUAL.lengths, "seconds of audio of one stream on both paths"),
    ):
        shown = " ".join(f"{value:g}" for value in usual)
        amount = _between(low, high, kind)
        parser.add_argument(f"--{name}", nargs="+", type=amount, default=usual, help=f"{what} (default {shown})")
    for name, most, default, what in (
        ("crowd", 64, USUAL.crowd, "utterances at once on both paths"),
        ("crowd-nfe", 64, USUAL.crowd_nfe, "solver steps of these"),
        ("repeat", 1000, USUAL.rounds, "measured runs of each case"),
        ("cycles", 1000, USUAL.cycles, "times that the weights leave and return"),
    ):
        parser.add_argument(
            f"--{name}", type=_between(1, most, int), default=default, help=f"{what} (default {default})"
        )


def main() -> int:
    """The command line. Exit status 2 if there is nothing to measure with, 1 if a part failed."""
    begun = time.monotonic()
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # catches the output of libraries
            report = measure(options, begun)
    except ServiceError as error:
        say(error.message)
        return 2
    print(json.dumps(report, indent=2, allow_nan=False), flush=True)
    if options.json:
        say(f"the report is in {options.json}")
    sys.stderr.write(f"\n{tables(report)}\n")
    return 1 if failed(report["parts"]) else 0


if __name__ == "__main__":
    sys.exit(main())
