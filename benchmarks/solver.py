"""
The solver: ours compared with the official path, with the small checkpoint on the CPU. Interleaved, medians and spread.

`python -m benchmarks.solver` measures one stream (NFE 32 and 16), 16 one-chunk utterances at once with references of several
lengths (the official path by one call, which has its own thread pool, and by a call for each, as requests arrive; ours one by one,
and all in one call, which chooses its own batches), and how far each path in half precision is from float32's mel. `--arch
F5TTS_v1_Base` uses the full size, which takes minutes on a CPU.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.paths import condition, half_distances, interleaved, pool, ratio
from benchmarks.report import RESULTS, about, save
from benchmarks.worker import SPOKEN, TEXT, recording
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5.engine import F5Engine
from engines.tiny import TINY, make_checkpoint
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from worker.models import f5_files

POOL, CALLS = "official, its thread pool", "official, a call for each"
ONE_BY_ONE, AT_ONCE = "ours, one by one", "ours, at once"
REFERENCES_S = (1.5, 3.0, 5.3)
CROWD = 16
LEAST = 2.0


def load(folder: Path, arch: str) -> tuple[F5Engine, F5Engine]:
    """The official and the fast engine, of the same random weights."""
    checkpoint = make_checkpoint(folder / "made", arch=arch)
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(checkpoint)))
    files = f5_files(local, None)
    return F5Engine.load(files, "cpu", "official"), F5Engine.load(files, "cpu", "fast")


def reference(folder: Path, seconds: float = REFERENCES_S[-1]) -> Reference:
    """The voice: so much of the recording's beginning, and of its words by their share of it."""
    import soundfile

    samples, rate = soundfile.read(recording())
    samples = samples[: round(seconds * rate)]
    path = folder / f"{seconds}.wav"
    soundfile.write(path, samples, rate)
    words = SPOKEN[: round(len(SPOKEN) * seconds / REFERENCES_S[-1])]
    return Reference(path, words, hashlib.sha256(path.read_bytes()).hexdigest(), len(samples) / rate)


def one_stream(official: F5Engine, fast: F5Engine, voice: Reference, nfe: int, rounds: int) -> dict[str, Any]:
    """One utterance after the other."""

    def speak(engine: F5Engine) -> Callable[[], object]:
        return lambda: engine.speak(voice, TEXT, seed=0, parameters=F5Parameters(nfe_step=nfe))

    seconds = interleaved({"official": speak(official), "fast": speak(fast)}, rounds)
    return {"nfe": nfe, **seconds, "times": ratio(seconds, "official", "fast")}


def crowd(official: F5Engine, fast: F5Engine, voice: Reference, nfe: int, rounds: int) -> dict[str, Any]:
    """16 utterances at once: upstream's threads, in one call and in a call for each; and ours."""
    parameters = F5Parameters(nfe_step=nfe)
    utterances = [Utterance(voice, TEXT, seed, parameters) for seed in range(CROWD)]

    def call_for_each() -> object:
        with ThreadPoolExecutor(CROWD) as requests:
            return list(requests.map(lambda _: pool(official, voice, [TEXT], parameters), range(CROWD)))

    seconds = interleaved(
        {
            POOL: lambda: pool(official, voice, [TEXT] * CROWD, parameters),
            CALLS: call_for_each,
            ONE_BY_ONE: lambda: [fast.speak_many([one]) for one in utterances],
            AT_ONCE: lambda: fast.speak_many(utterances),
        },
        rounds,
    )
    return {
        "nfe": nfe,
        "utterances": CROWD,
        "reference_s": round(voice.duration, 3),
        "frames": condition(fast, utterances[0]).frames,
        "seconds": seconds,
        "throughput_times_official": {name: ratio(seconds, POOL, name) for name in (ONE_BY_ONE, AT_ONCE)},
        "throughput_times_a_call_for_each": {name: ratio(seconds, CALLS, name) for name in (ONE_BY_ONE, AT_ONCE)},
    }


def half_precision(folder: Path, voice: Reference, steps: tuple[int, ...]) -> list[dict[str, Any]]:
    """How far both paths' mels in half precision are from float32's, with the small checkpoint."""
    official, truth = load(folder, TINY)
    one = condition(truth, Utterance(voice, TEXT, 0, F5Parameters()))
    return half_distances(official._model.half(), truth._model, one, steps)  # noqa: SLF001 - what an engine keeps to itself


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The report."""
    import torch

    official, fast = load(folder, options.arch)
    voice = reference(folder)
    streams = [one_stream(official, fast, voice, nfe, options.rounds) for nfe in options.nfe]
    crowds = [
        crowd(official, fast, reference(folder, seconds), options.nfe[-1], options.rounds)
        for seconds in options.references
    ]
    return {
        "what": "F5-TTS on the CPU: the official path and ours, the same samples",
        **about(folder),
        "arch": options.arch,
        "threads": torch.get_num_threads(),
        "one_stream": streams,
        "crowds": crowds,
        "half_precision_distance": half_precision(folder / "half", voice, tuple(options.half)),
        "holds": {
            f"throughput of {CROWD}, reference of {many['reference_s']} s, >= {LEAST} x {what}": many[times][AT_ONCE]
            >= LEAST
            for many in crowds
            for what, times in (
                ("the official thread pool", "throughput_times_official"),
                ("a call for each", "throughput_times_a_call_for_each"),
            )
        },
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solver", description="Ours beside the official solver.")
    parser.add_argument("--arch", default=TINY, help="'tiny' (default) or a configuration such as F5TTS_v1_Base")
    parser.add_argument(
        "--nfe", nargs="+", type=int, default=[32, 16], help="solver steps; the last one's crowd is measured"
    )
    parser.add_argument(
        "--half", nargs="*", type=int, default=[8, 16, 32], help="steps of the half precision comparison"
    )
    parser.add_argument(
        "--references", nargs="+", type=float, default=list(REFERENCES_S), help="seconds of the crowds' references"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds (default 3)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = measure(Path(folder), options)
    save(report, options.results, "solver", rows_of(report))


def rows_of(report: dict[str, Any]) -> list[dict[str, object]]:
    """One line for each way of speaking."""

    def row(what: str, seconds: dict[str, float], times: float) -> dict[str, object]:
        return {
            "what": what,
            "median, s": seconds["median_s"],
            "spread, s": seconds["spread_s"],
            "times official": times,
        }

    rows = []
    for one in report["one_stream"]:
        rows += [
            row(f"one stream, NFE {one['nfe']}, official", one["official"], 1.0),
            row(f"one stream, NFE {one['nfe']}, fast", one["fast"], one["times"]),
        ]
    return rows + [
        row(
            f"{many['utterances']} at NFE {many['nfe']}, reference of {many['reference_s']} s, {name}",
            one,
            ratio(many["seconds"], POOL, name),
        )
        for many in report["crowds"]
        for name, one in many["seconds"].items()
    ]


if __name__ == "__main__":
    main()
