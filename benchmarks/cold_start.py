"""
A cold generate, phase by phase, compared with the plain way: `python -m benchmarks.cold_start`.

The bucket (a folder) holds a full-size F5TTS_v1_Base of 1.35 GB with its keys under `ema.`, and a voice without a transcript. Each
kind is a fresh process, interleaved, with an empty disk: the *plain* way (import f5_tts, copy the file from the bucket, load + rename
+ save, load_model, transcribe, infer); the *first* worker ever, which repairs, publishes and transcribes; a *later* worker, which
finds what the first one left in the bucket; and one on the later one's *disk*, like a mounted volume or baked weights. Compared is the
time from the process's start to its answer without the solver's, which depends on text and device. Publishing after the answer is not
included; the next process starts when it is done. An unmeasured round with the small checkpoint leaves the modules' bytecode, as the
image has it.

The plain way follows this project's original recipe, at its best: no trainer's packages to import (they are not installed), a copy
that checks nothing. `--arch tiny` is a quick try.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

from benchmarks.machine import compiled, say
from benchmarks.report import RESULTS, about, save
from benchmarks.worker import TEXT, recording
from engines.tiny import make_checkpoint

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"first": 1 / 3, "later": 1 / 5}

# Each child prints one JSON object: seconds by phase, the solver's among them.
PLAIN = """
import json, shutil, sys, time, warnings
from pathlib import Path
from types import ModuleType
begun = time.monotonic()
phases = {}
def phase(name):
    global begun
    now = time.monotonic()
    phases[name], begun = now - begun, now
folder, disk, whisper, voice = map(Path, sys.argv[1:5])
text = sys.argv[5]
warnings.simplefilter("ignore")
trainer = ModuleType("f5_tts.model.trainer"); trainer.Trainer = object
sys.modules["f5_tts.model.trainer"] = trainer
from f5_tts.infer import utils_infer as f5
from f5_tts.model import CFM, DiT
phase("import")
disk.mkdir()
raw = disk / "raw.safetensors"
shutil.copyfile(folder / "model.safetensors", raw)
phase("fetch")
from safetensors.torch import load_file, save_file
save_file({name.removeprefix("ema."): tensor for name, tensor in load_file(raw).items() if name not in ("ema.initted", "ema.step")}, disk / "model.safetensors")
phase("load + rename + save")
arch = json.loads((folder / "checkpoint.json").read_text())["architecture"]["arch"]
model = f5.load_model(DiT, arch, str(disk / "model.safetensors"), vocab_file=str(folder / "vocab.txt"), device="cpu")
vocoder = f5.load_vocoder("vocos", is_local=True, local_path=str(folder / "vocoder"), device="cpu")
phase("load_model")
import soundfile
import transformers
samples, rate = soundfile.read(voice, dtype="float32")
heard = transformers.pipeline("automatic-speech-recognition", model=str(whisper), device="cpu")({"raw": samples, "sampling_rate": rate})["text"].strip()
phase("transcribe")
solver = []
sample = CFM.sample
def timed(*args, **kwargs):
    started = time.monotonic()
    result = sample(*args, **kwargs)
    solver.append(time.monotonic() - started)
    return result
CFM.sample = timed
path, said = f5.preprocess_ref_audio_text(str(voice), heard)
samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
import torch
wave, _, _ = next(f5.infer_batch_process((torch.from_numpy(samples.T.copy()), rate), said, [text], model, vocoder, progress=None, nfe_step=1, device="cpu"))
soundfile.write(disk / "speech.wav", wave, 24000)
phase("infer")
print(json.dumps({"phases": phases, "solver": sum(solver)}), flush=True)
"""
OURS = """
import json, sys, threading, time
begun = time.monotonic()
from pathlib import Path
from cloning.clock import SystemClock
from cloning.service import Call
from cloning.settings import Settings
from worker.assembly import build
from handler import answer
bucket, disk, whisper, checkpoint, text, job = sys.argv[1:7]
Path(disk).mkdir(exist_ok=True)
service = build(Settings(data_dir=bucket, model_cache_dir=Path(disk) / "models", checkpoint=checkpoint, asr_model=whisper, device="cpu"), SystemClock(), Path(disk))
imported = time.monotonic() - begun
solver = []
def find():
    from engines.f5.solver import Sampler
    solve = Sampler.solve
    def timed(*args, **kwargs):
        started = time.monotonic()
        result = solve(*args, **kwargs)
        solver.append(time.monotonic() - started)
        return result
    Sampler.solve = timed
find()
reply = answer(service, {"text": text, "voice": "nature", "nfe_step": 1, "seed": 0}, Call(job))
assert "error" not in reply, reply
print(json.dumps({"phases": {"handler": imported, **{phase: seconds for phase, seconds in reply["timings"].items() if phase != "total"}}, "solver": sum(solver)}), flush=True)
for thread in threading.enumerate():
    if thread.name == "errands":
        thread.join()
"""


def prepare(folder: Path, arch: str) -> tuple[Path, Path]:
    """(the checkpoint as made, a recogniser's folder)"""
    from local.whisper import make_whisper

    return make_checkpoint(folder / "made", arch=arch), make_whisper(folder / "whisper")


def fill_bucket(bucket: Path, made: Path, scratch: Path) -> str:
    """Fill a new bucket with the checkpoint as published elsewhere, and a voice; return the checkpoint's name."""
    from cloning.clock import SystemClock
    from cloning.service import Call
    from cloning.settings import Settings
    from handler import answer
    from storage.folder_store import FolderStore
    from worker.assembly import build

    name: str = json.loads((made / "checkpoint.json").read_text("utf-8"))["name"]
    store = FolderStore(bucket)
    for file in sorted(one for one in made.rglob("*") if one.is_file()):
        key = f"checkpoints/{name}/{file.relative_to(made)}"
        store.upload(key, file, content_type="application/octet-stream")
    scratch.mkdir()
    service = build(Settings(data_dir=bucket, model_cache_dir=scratch / "models"), SystemClock(), scratch)
    audio = b64encode(recording().read_bytes()).decode()
    reply = answer(service, {"action": "upload", "voice": "nature", "audio": audio, "consent": True}, Call("upload"))
    assert "error" not in reply, reply
    return name


def cold(code: str, *arguments: object, bytecode: Path) -> dict[str, Any]:
    """One fresh process with the bytecode in that folder: its seconds until it answers, without the solver's, and by phase."""
    os.sync()  # so that no process waits for another's writes
    begun = time.monotonic()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=compiled(bytecode)
        ) as process:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith('{"phases"')), "")
            total = time.monotonic() - begun
        errors.seek(0)
        if process.returncode or not line:
            raise RuntimeError(f"a worker failed: {errors.read()[-500:]}")
    told = json.loads(line)
    return {"total": total, "without solver": total - told["solver"], "solver": told["solver"], **told["phases"]}


def one_round(folder: Path, made: Path, whisper: Path, number: int) -> dict[str, dict[str, Any]]:
    """Run every kind once, on a new bucket."""
    room, bytecode = folder / str(number), folder / "bytecode"
    room.mkdir()
    found = {"plain": cold(PLAIN, made, room / "plain", whisper, recording(), TEXT, bytecode=bytecode)}
    name = fill_bucket(room / "bucket", made, room / "scratch")
    for kind, disk in (("first", "first"), ("later", "later"), ("disk", "later")):
        found[kind] = cold(OURS, room / "bucket", room / disk, whisper, name, TEXT, kind, bytecode=bytecode)
    shutil.rmtree(room)
    for kind, seconds in found.items():
        say(f"{kind}: {json.dumps({name: round(value, 2) for name, value in seconds.items()})}")
    return found


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The report."""
    made, whisper = prepare(folder, options.arch)
    one_round(folder, make_checkpoint(folder / "tiny"), whisper, 0)  # leaves the bytecode
    rounds = [one_round(folder, made, whisper, number) for number in range(1, options.rounds + 1)]
    seconds = {
        kind: {phase: round(statistics.median(one[kind][phase] for one in rounds), 3) for phase in rounds[0][kind]}
        for kind in rounds[0]
    }
    plain = seconds["plain"]["without solver"]
    times = {kind: round(one["without solver"] / plain, 3) for kind, one in seconds.items()}
    return {
        "what": "a cold generate of one chunk at NFE 1 on the CPU, seconds; each kind a fresh process",
        **about(folder),
        "arch": options.arch,
        "checkpoint_bytes": (made / "model.safetensors").stat().st_size,
        "rounds": options.rounds,
        "seconds": seconds,
        "spread_without_solver": {
            kind: round(
                max(one[kind]["without solver"] for one in rounds) - min(one[kind]["without solver"] for one in rounds),
                3,
            )
            for kind in rounds[0]
        },
        "times_plain": times,
        "holds": {f"{kind} <= {limit:.2f} x plain": times[kind] <= limit for kind, limit in LIMITS.items()},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description="A cold generate by phase.")
    parser.add_argument("--arch", default="F5TTS_v1_Base", help="'tiny' or a configuration (default F5TTS_v1_Base)")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes of each kind (default 3)")
    parser.add_argument("--folder", type=Path, help="disk to work on (default: the system's temporary folder)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        report = measure(Path(folder), options)
    rows = [
        {"worker": kind, "without solver, s": one["without solver"], "spread, s": report["spread_without_solver"][kind]}
        | {"times plain": report["times_plain"][kind], "solver, s": one["solver"]}
        for kind, one in report["seconds"].items()
    ]
    save(report, options.results, "cold-start", rows)


if __name__ == "__main__":
    main()
