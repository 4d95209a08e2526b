"""
The cost of imports in CPU seconds: everything that a generate with a warm checkpoint loads, compared with torch and torchaudio alone.

`python -m benchmarks.imports` speaks once with the small checkpoint to learn which modules that loads; then fresh interpreters
import exactly those, f5_tts as the worker imports it, interleaved with the others, after an unmeasured round that leaves their
bytecode, as the image has it. The figures are medians without the bare interpreter's cost. `plain f5_tts` is its unmodified inference module, except for its trainer, whose packages are not installed. The
worker's import for transcription (transformers, with torch) is compared with transformers' unmodified Whisper.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import compiled
from benchmarks.report import RESULTS, about, save
from benchmarks.worker import Worker

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1.5
BARE, TORCH, GENERATE, PLAIN = "bare", "torch + torchaudio", "generate", "plain f5_tts"
HEARING, PLAIN_HEARING = "to hear", "plain transformers' Whisper"
CODE = {
    BARE: "pass",
    TORCH: "import torch, torchaudio",
    "import_f5": "from engines.imports.f5 import import_f5; import_f5()",
    HEARING: "from engines.imports.transformers import import_transformers; import_transformers()",
    PLAIN_HEARING: (
        "from transformers import pipeline; from transformers.models.whisper.modeling_whisper import WhisperForConditionalGeneration"
    ),
    PLAIN: (
        "import sys; from types import ModuleType; import warnings; warnings.simplefilter('ignore'); "
        "trainer = ModuleType('f5_tts.model.trainer'); trainer.Trainer = object; "
        "sys.modules['f5_tts.model.trainer'] = trainer; import f5_tts.infer.utils_infer"
    ),
}


def cpu_seconds(code: str, *arguments: str, bytecode: Path) -> float:
    """CPU seconds of a fresh interpreter that runs the code, user and system together, with the bytecode that is in that folder."""
    script = f"{code}\nimport resource\nused = resource.getrusage(resource.RUSAGE_SELF)\nprint(used.ru_utime + used.ru_stime)"
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=compiled(bytecode))
    return float(done.stdout.split()[-1])


def medians(code: dict[str, str], rounds: int, arguments: Sequence[str] = ()) -> dict[str, float]:
    """Median CPU seconds by name over interleaved rounds but the first; those of BARE, which must be among them, are taken off."""
    spent: dict[str, list[float]] = {name: [] for name in code}
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder:
        for number in range(rounds + 1):
            for name, one in code.items():
                seconds = cpu_seconds(one, *arguments, bytecode=Path(folder))
                spent[name] += [seconds] if number else []
    bare = statistics.median(spent.pop(BARE))
    return {name: round(statistics.median(values) - bare, 3) for name, values in spent.items()}


def modules_of_a_generate(folder: Path) -> list[str]:
    """The names, in order, of what an interpreter holds after an upload with its transcript and one generate."""
    script = (
        "import json, sys; from pathlib import Path; from benchmarks.worker import Worker; "
        f"Worker(Path({str(folder)!r})).speak('warm'); print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return [name for name in names if name != "__main__" and not name.startswith("benchmarks")]


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """The report."""
    Worker(folder)  # makes the checkpoint, so that its maker's modules are not in the list
    names = folder / "modules.json"
    names.write_text(json.dumps(modules_of_a_generate(folder)), "utf-8")
    again = (
        "import importlib, json, sys; from engines.imports.f5 import import_f5; import_f5()\n"
        "for name in json.load(open(sys.argv[1])): importlib.import_module(name)"
    )
    seconds = medians({**CODE, GENERATE: again}, rounds, [str(names)])
    times = {name: round(value / seconds[TORCH], 3) for name, value in seconds.items()}
    return {
        "what": "CPU seconds of imports, the bare interpreter's taken off; medians of interleaved rounds",
        **about(folder),
        "rounds": rounds,
        "modules_of_a_generate": len(json.loads(names.read_text("utf-8"))),
        "cpu_seconds": seconds,
        "times_torch": times,
        "holds": {f"generate <= {LIMIT} x torch + torchaudio": times[GENERATE] <= LIMIT},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description="CPU seconds of imports.")
    parser.add_argument("--rounds", type=int, default=5, help="fresh interpreters of each kind (default 5)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = measure(Path(folder), options.rounds)
    rows = [
        {"imports": name, "CPU s": seconds, "times torch + torchaudio": report["times_torch"][name]}
        for name, seconds in report["cpu_seconds"].items()
    ]
    save(report, options.results, "imports", rows)


if __name__ == "__main__":
    main()
