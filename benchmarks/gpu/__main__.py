"""
F5-TTS on one machine: seconds by phase, real-time factor and memory of the official path, compared with ours. Nothing is fetched.

`python -m benchmarks.gpu` makes a full-size F5TTS_v1_Base and its Vocos with random weights, repairs the file as the worker
does, loads it through `engines.f5.engine.F5Engine` (fp16 on a GPU) and speaks. Random weights take as long as trained ones: the
figures are about speed and plumbing, never about sound. `--only samplers` measures what has limits and leaves out the rest.

One JSON object goes to stdout, progress and tables to stderr. Each case is one chunk whose length `fix_duration` sets; it is
run once unmeasured at its own shape, then `--repeat` times with the device synchronised around each run.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.gpu.cases import SEED, measure_case
from benchmarks.gpu.devices import measure_devices
from benchmarks.gpu.samplers import PARTS, attempted, measure_samplers
from benchmarks.gpu.tables import failed, tables
from benchmarks.machine import Meter, machine, rss_mib, rss_peak_mib, say, versions
from benchmarks.paths import SENTENCE, Asked
from cloning.errors import ServiceError
from cloning.ports import F5Parameters, Reference
from engines.device.placement import choose_device
from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.imports.f5 import import_f5
from engines.tiny import NOTE, TINY, make_checkpoint
from model_cache.catalog import find
from model_cache.prepare import prepare
from model_cache.progress import unwatched
from model_cache.sources import Fetched

ARCHITECTURES = {"full": "F5TTS_v1_Base", "tiny": TINY}
SPOKEN = "Some call me nature, others call me mother nature."  # in the sample in f5-tts's package
MEASURED = ["cases", "devices", "samplers"]
WARM_UP_S = 3.0
CALM = 0.25


def measure(options: argparse.Namespace) -> dict[str, Any]:
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
        with _phase("make_weights", seconds):
            checkpoint = _random_checkpoint(Path(scratch), ARCHITECTURES[options.size])
        meter.forget_peaks()
        with _phase("load", seconds, meter.now):
            engine = F5Engine.load(checkpoint, device, sampler="official")
        memory = {"vram_load": meter.peaks(), "rss_after_load_mib": rss_mib()}
        reference = _reference()
        with _phase("first_run", seconds, meter.now):
            reference_s = _warm_up(engine, reference)
        measured = _measured(options, engine, checkpoint, meter, reference, reference_s, seconds)
    return {
        "what": f"F5-TTS, {options.size} size ({ARCHITECTURES[options.size]}): cases and devices on the official path, samplers on both",
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
        **measured,
        "memory": memory | {"rss_peak_mib": rss_peak_mib()},
        "machine": machine(device),
        "versions": versions(),
    }


def _measured(
    options: argparse.Namespace,
    engine: F5Engine,
    checkpoint: F5Files,
    meter: Meter,
    reference: Reference,
    reference_s: float,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """What was asked for of the cases, the devices and the samplers; None is what wasn't."""
    parts: list[str] = options.only
    report: dict[str, Any] = {"cases": None, "devices": None, "samplers": None}
    if "cases" in parts:
        report["cases"] = [
            asdict(measure_case(engine, meter, reference, reference_s, n, s, options.repeat))
            for n in options.nfe
            for s in options.seconds
        ]
    if "devices" in parts:
        with _phase("devices", seconds, meter.now):
            report["devices"] = attempted(
                "devices", lambda: measure_devices(engine, meter, reference, cycles=options.cycles)
            )
    chosen = [name for name in PARTS if name in parts or "samplers" in parts]
    if chosen:
        asked = Asked(options.nfe, options.lengths, options.crowd, options.repeat)
        with _phase("samplers", seconds, meter.now):
            report["samplers"] = attempted(
                "samplers",
                lambda: measure_samplers(engine, checkpoint, meter, reference, reference_s, chosen, asked),
            )
    return report


def _random_checkpoint(folder: Path, arch: str) -> F5Files:
    """Weights under `ema.`, then the repair, as for a published file that f5_tts's loader refuses."""
    made = find(str(_calmed(make_checkpoint(folder / "made", arch=arch))))
    model, vocab = folder / "model.safetensors", Path(made.vocab or "")
    prepare(Fetched(Path(made.source), private=False), model, made, vocab, dtype="keep", watch=unwatched)
    return F5Files(
        name=made.name,
        model=model,
        backbone=made.backbone,
        arch=dict(made.arch),
        vocab=vocab,
        vocoder=Path(made.vocoder or ""),
        sha256="",  # not needed for random numbers
        license=made.license,
        note=made.note,
    )


def _calmed(checkpoint: Path) -> Path:
    """
    The same folder with smaller queries and keys.

    Random attention that is sharp in each of 22 blocks amplifies any rounding to a third of the mel, on either path: distances
    would then be meaningless. Trained attention is not like that.
    """
    from safetensors.torch import load_file, save_file

    model = checkpoint / "model.safetensors"
    tensors = {
        name: tensor * CALM if ".to_q." in name or ".to_k." in name else tensor
        for name, tensor in load_file(model).items()
    }
    save_file(tensors, model.with_suffix(".calmed"))
    model.with_suffix(".calmed").replace(model)  # what is still mapped stays as it was
    return checkpoint


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
        prog="python -m benchmarks.gpu", description="Measure F5-TTS with random weights: the official path and ours."
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
        "--lengths",
        nargs="+",
        type=_between(0.5, 16, float),
        default=[3.0, 5.0, 10.0],
        help="seconds of audio of one stream on both paths (default 3 5 10)",
    )
    parser.add_argument(
        "--crowd", type=_between(1, 64, int), default=16, help="utterances at once on both paths (default 16)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*MEASURED, *PARTS],
        default=MEASURED,
        help=f"what to measure; samplers is {', '.join(PARTS)} (default all)",
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
    """The command line. Exit status 2 if there is nothing to measure with, 1 if the devices or a part of the samplers failed."""
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # catches the output of libraries
            measured = measure(options)
            report = json.dumps(measured, indent=2, allow_nan=False)
    except ServiceError as error:
        say(error.message)
        return 2
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(report + "\n", "utf-8")
        say(f"the report is in {options.json}")
    print(report, flush=True)
    sys.stderr.write(f"\n{tables(measured['samplers'] or {})}\n")
    return 1 if failed(measured) else 0


if __name__ == "__main__":
    sys.exit(main())
