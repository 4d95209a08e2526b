"""
The cost of making a checkpoint loadable: `python -m benchmarks.checkpoints`.

A full-size F5TTS_v1_Base (1.35 GB, 364 tensors, keys under `ema.`), and the same with a second copy of the weights and two
scalars (2.7 GB, 730 keys), of random numbers. Side by side, interleaved, medians: `cp`, and `cp` with an fsync; renaming in
place on a private file, with its inspection and without; repair by renaming and the compacting copy, synced to the disk or
not (`unsynced`), with a sha256 or without; and the usual way, load_file + rename + save_file. All repairs compare each kept
tensor bit for bit. Each step is a separate process; the kernel reports its peak memory (except for `cp`); the clock runs
inside, without imports. Then the inspection of a 5 GB training .pt, a sparse file that holds only its pickle and directory.
`--depth 2` is a quick try. docs/decisions/0013-durable-against-durable.md explains the limits.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import MIB, say
from benchmarks.report import RESULTS, about, save
from model_cache.architectures import published
from model_cache.layouts.f5_tensors import expected_keys

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY = 2545

# Each prints the seconds of its work, and the KiB at most resident. (wait4 would count the parent that it was forked from.)
HEAD = "import sys, time\nfrom pathlib import Path\nsource, target = Path(sys.argv[1]), Path(sys.argv[2])\n"
CLOCK = "begun = time.monotonic()\n"
TOLD = (
    "print(time.monotonic() - begun)\n"
    "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
)
COPY = "import os, subprocess\n"
RUN_CP = "subprocess.run(['cp', '--reflink=never', str(source), str(target)], check=True)\n"
SYNC = "descriptor = os.open(target, os.O_RDONLY)\nos.fsync(descriptor)\n"
REPAIR = "from model_cache.layouts.repair import repair\n"
PRIVATE = (
    HEAD
    + COPY
    + "from model_cache.layouts.inspection import inspect\nfrom model_cache.layouts.repair import rename_private\n"
    + RUN_CP
    + SYNC
)
STEPS = {
    "cp": HEAD + COPY + CLOCK + RUN_CP + TOLD,
    "cp and fsync": HEAD + COPY + CLOCK + RUN_CP + SYNC + TOLD,
    "inspect and rename in place": PRIVATE + CLOCK + "rename_private(target, inspect(target))\n" + TOLD,
    "rename in place": PRIVATE + "found = inspect(target)\n" + CLOCK + "rename_private(target, found)\n" + TOLD,
    **{
        f"{name}{kind}": HEAD + REPAIR + CLOCK + f"assert repair(source, target{words}).how == '{how}'\n" + TOLD
        for name, how in (("repair by renaming", "renamed-copy"), ("compacting copy", "compacting-copy"))
        for kind, words in (("", ""), (", unsynced", ", durable=False"), (", with sha256", ", digest=True"))
    },
    "load_file, rename, save_file": (
        HEAD + "from safetensors.torch import load_file, save_file\n" + CLOCK
        + "weights = load_file(source)\n"
        + "save_file({name.removeprefix('ema.'): tensor for name, tensor in weights.items()}, target)\n" + TOLD
    ),
    "halved": HEAD + REPAIR + CLOCK + "assert repair(source, target, dtype='fp16').how == 'converted'\n" + TOLD,
}  # fmt: skip
INSPECT = HEAD + "from model_cache.layouts.inspection import inspect\n" + CLOCK + "inspect(source)\n" + TOLD
DURABLE, PLAIN = "cp and fsync", "cp"
LIMITS = (
    ("rename in place", PLAIN, 0.02),
    ("inspect and rename in place", PLAIN, 0.02),
    ("repair by renaming", DURABLE, 1.2),
    ("compacting copy", DURABLE, 1.3),
    ("repair by renaming, unsynced", PLAIN, 1.2),
    ("compacting copy, unsynced", PLAIN, 1.3),
    ("repair by renaming", PLAIN, 1.2),
    ("compacting copy", PLAIN, 1.3),
)
MOST_MIB = 150
DOUBLED = "compacting copy"


def make_file(path: Path, names: Iterable[str], shapes: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of random float32; a name's shape is that of the tensor that it ends with."""
    entries: dict[str, Any] = {}
    end = 0
    for name in names:
        shape = next((shapes[key] for key in (name.split(".", 1)[1], name.split(".", 2)[-1]) if key in shapes), ())
        begin, end = end, end + 4 * _product(shape)
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    block = (np.random.default_rng(0).standard_normal(MIB // 4) * 0.05).astype("<f4").tobytes()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for done in range(0, end, MIB):
            file.write(block[: end - done])


def make_training_file(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A trainer's .pt: model, EMA with its counters, and Adam's two moments; the weights themselves are holes."""
    import torch

    def weights(prefix: str) -> dict[str, Any]:
        return {f"{prefix}{name}": torch.empty(shape) for name, shape in shapes.items()}

    moments = {
        number: {"step": torch.tensor(1.0), "exp_avg": torch.empty(shape), "exp_avg_sq": torch.empty(shape)}
        for number, shape in enumerate(shapes.values())
    }
    ema = weights("ema_model.") | {"initted": torch.tensor(1.0), "step": torch.tensor(1)}
    with torch.serialization.skip_data():
        torch.save(
            {
                "model_state_dict": weights(""),
                "ema_model_state_dict": ema,
                "optimizer_state_dict": {"state": moments, "param_groups": [{"lr": 1e-4, "params": [*moments]}]},
                "scheduler_state_dict": {"last_epoch": 1},
                "update": 1,
            },
            path,
        )


def measured(script: str, source: Path, target: Path) -> tuple[float, float]:
    """(seconds of the work, MiB at most resident) of a process."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir()
    command = [sys.executable, "-c", script, str(source), str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a step failed: {done.stderr[-500:]}")
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak) / 1024


def steps(folder: Path, single: Path, double: Path, rounds: int) -> dict[str, Any]:
    """Every step on its file, `rounds` times in a random order; the first round isn't counted."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in STEPS}
    order = random.Random(0)  # noqa: S311 - the order of the rounds
    for number in range(rounds + 1):
        for name in order.sample(list(STEPS), len(STEPS)):
            os.sync()  # so that no step waits for another's writes
            found = measured(
                STEPS[name], double if name.startswith(DOUBLED) else single, folder / "out" / "model.safetensors"
            )
            say(f"{number}/{rounds} {name}: {found[0]:.3f} s, {found[1]:.0f} MiB")
            if number:
                runs[name].append(found)
    shutil.rmtree(folder / "out")
    medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in runs.items()}
    return {
        name: {
            "median_s": round(medians[name], 4),
            "all_s": [round(seconds, 4) for seconds, _ in found],
            "times_cp": round(medians[name] / medians["cp"], 4),
            "times_cp_and_fsync": round(medians[name] / medians["cp and fsync"], 4),
            "peak_mib": round(max(peak for _, peak in found)),
        }
        for name, found in runs.items()
    }


def inspected(folder: Path, shapes: dict[str, tuple[int, ...]], rounds: int) -> dict[str, Any]:
    """The inspection of a trainer's file: of the call, and of the whole command."""
    path = folder / "model_last.pt"
    make_training_file(path, shapes)
    runs = [measured(INSPECT, path, folder / "out" / "x") for _ in range(rounds)]
    command = [sys.executable, "-m", "model_cache", "inspect", str(path), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    return {
        "file_gb": round(path.stat().st_size / 1e9, 2),
        "median_s": round(statistics.median(seconds for seconds, _ in runs), 4),
        "peak_mib": round(max(peak for _, peak in runs)),
        "verdict": told["verdict"],
        "reason": told["reason"],
        "exit_code": done.returncode,
    }


def verdicts(found: dict[str, Any], inspection: dict[str, Any]) -> dict[str, bool]:
    """Whether each limit holds in this run, including those of a durable copy against a plain `cp`."""
    times = {PLAIN: "times_cp", DURABLE: "times_cp_and_fsync"}
    held = {f"{name} <= {limit} x {what}": found[name][times[what]] <= limit for name, what, limit in LIMITS}
    held |= {f"{name} <= {MOST_MIB} MiB": found[name]["peak_mib"] <= MOST_MIB for name, _, _ in LIMITS}
    return held | {
        "inspect <= 0.5 s": inspection["median_s"] <= 0.5,
        "inspect <= 100 MiB": inspection["peak_mib"] <= 100,
    }


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for one in shape:
        size *= one
    return size


def main() -> None:
    """One JSON object, and a file of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--depth", type=int, default=22, help="blocks of the model (default 22: full size)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--folder", type=Path, help="the disk to measure on (default: the system's temporary folder)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    arguments = parser.parse_args()
    shapes = expected_keys({**published("F5TTS_v1_Base").arch, "depth": arguments.depth}, VOCABULARY)
    with tempfile.TemporaryDirectory(prefix="checkpoints-", dir=arguments.folder) as name:
        folder = Path(name)
        single, double = folder / "ema.safetensors", folder / "double.safetensors"
        make_file(single, [f"ema.{key}" for key in shapes], shapes)
        names = [f"ema.ema_model.{key}" for key in shapes] + [f"ema.online_model.{key}" for key in shapes]
        make_file(double, [*names, "ema.initted", "ema.step"], shapes)
        sizes = {"single_gb": round(single.stat().st_size / 1e9, 3), "double_gb": round(double.stat().st_size / 1e9, 3)}
        found = steps(folder, single, double, arguments.rounds)
        inspection = inspected(folder, shapes, arguments.rounds)
        report = {
            "what": "checkpoint files: seconds and memory of each step, medians",
            **about(folder),
            "files": sizes,
            "steps": found,
            "inspect": inspection,
            "holds": verdicts(found, inspection),
        }
    rows = [
        {"step": name, "median, s": one["median_s"], "times cp": one["times_cp"]}
        | {"times cp and fsync": one["times_cp_and_fsync"], "peak, MiB": one["peak_mib"]}
        for name, one in found.items()
    ]
    save(report, arguments.out, f"checkpoints-{report['machine']['file_system']}", rows)


if __name__ == "__main__":
    main()
