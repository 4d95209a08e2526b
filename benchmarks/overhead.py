"""
What the worker itself costs, beside the libraries it stands on: `make bench`.

Seconds are medians of interleaved rounds in one run, on this machine; only the ratios travel. The checkpoint is the small one
of random weights: the time outside of engine and store is ours, whatever speaks.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from assembly import build
from cloning.clock import SystemClock
from cloning.service import Call
from cloning.settings import Settings
from engines.tiny import make_checkpoint
from handler import answer

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
IMPORTS = {
    "handler": "import handler",
    "handler + runpod": "import handler, runpod",
    "torch + torchaudio": "import torch, torchaudio",
}


def import_seconds() -> dict[str, float]:
    """CPU seconds of a fresh interpreter, the bare interpreter's taken off; interleaved."""
    rounds: dict[str, list[float]] = {name: [] for name in ("bare", *IMPORTS)}
    for _ in range(ROUNDS):
        for name, code in (("bare", "pass"), *IMPORTS.items()):
            rounds[name].append(_cpu_seconds(code))
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    return {name: round(medians[name] - medians["bare"], 3) for name in IMPORTS}


def _cpu_seconds(code: str) -> float:
    script = f"{code}\nimport resource\nused = resource.getrusage(resource.RUSAGE_SELF)\nprint(used.ru_utime + used.ru_stime)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def warm_generate(folder: Path) -> dict[str, float]:
    """Milliseconds of a warm one-chunk generate by phase, and what no phase counts; a folder is the bucket."""
    settings = Settings(
        data_dir=folder / "bucket",
        model_cache_dir=folder / "models",
        checkpoint=str(make_checkpoint(folder / "tiny")),
        device="cpu",
    )
    service = build(settings, SystemClock(), folder)
    voice = files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav").read_bytes()
    words = "Some call me nature, others call me mother nature."
    upload = {
        "action": "upload",
        "voice": "nature",
        "audio": b64encode(voice).decode(),
        "consent": True,
        "transcript": words,
    }
    answer(service, upload, Call("upload"))
    rounds: list[dict[str, float]] = []
    for n in range(ROUNDS * 4 + 1):
        begun = time.monotonic()
        reply = answer(
            service,
            {"text": "Hello there, how are you today?", "voice": "nature", "nfe_step": 8, "seed": n},
            Call(f"j{n}"),
        )
        rounds.append({**reply["timings"], "total": time.monotonic() - begun})
    warm = rounds[1:]
    milliseconds = {phase: round(statistics.median(one[phase] for one in warm) * 1000, 2) for phase in warm[0]}
    outside = statistics.median(one["total"] - one["infer"] - one["upload"] - one["voice"] for one in warm)
    return {**milliseconds, "outside of engine and store": round(outside * 1000, 2)}


def main() -> None:
    """One JSON object."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        seconds = import_seconds()
        report = {
            "import_cpu_seconds": seconds,
            "handler_over_torch": round(seconds["handler"] / seconds["torch + torchaudio"], 3),
            "warm_generate_ms": warm_generate(Path(folder)),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
