"""
The solver: ours beside the official path, with the small checkpoint on the CPU. Interleaved, medians and spread.

`python -m benchmarks.solver` measures one stream (NFE 32 and 16), 16 one-chunk utterances at once (the official path with its own
thread pool, ours in packs of 1 to 16: the knee), and how far each path in half precision is from float32's mel. `--arch
F5TTS_v1_Base` takes the full size, which wants minutes on a CPU.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assembly import f5_files
from benchmarks.machine import say
from benchmarks.report import RESULTS, about, save
from benchmarks.worker import SPOKEN, TEXT, recording
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5 import F5Engine
from engines.tiny import TINY, make_checkpoint
from local.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find

CROWD = 16
LEAST = 2.0


def load(folder: Path, arch: str) -> tuple[F5Engine, F5Engine]:
    """The official and the fast engine, of the same random weights."""
    checkpoint = make_checkpoint(folder / "made", arch=arch)
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(checkpoint)))
    files = f5_files(local, None)
    return F5Engine.load(files, "cpu", "official"), F5Engine.load(files, "cpu", "fast")


def reference() -> Reference:
    """The voice."""
    import soundfile

    path = recording()
    return Reference(path, SPOKEN, hashlib.sha256(path.read_bytes()).hexdigest(), soundfile.info(path).duration)


def interleaved(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Seconds by name: the median and the slowest less the fastest, after one unmeasured round."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, one in work.items():
            begun = time.perf_counter()
            one()
            if number:
                spent[name].append(time.perf_counter() - begun)
                say(f"{name}: {spent[name][-1]:.2f} s")
    return {
        name: {"median_s": round(statistics.median(values), 4), "spread_s": round(max(values) - min(values), 4)}
        for name, values in spent.items()
    }


def one_stream(official: F5Engine, fast: F5Engine, voice: Reference, nfe: int, rounds: int) -> dict[str, Any]:
    """One utterance after the other."""

    def speak(engine: F5Engine) -> Callable[[], object]:
        return lambda: engine.speak(voice, TEXT, seed=0, parameters=F5Parameters(nfe_step=nfe))

    seconds = interleaved({"official": speak(official), "fast": speak(fast)}, rounds)
    return {"nfe": nfe, **seconds, "times": _ratio(seconds, "official", "fast")}


def crowd(official: F5Engine, fast: F5Engine, voice: Reference, nfe: int, rounds: int) -> dict[str, Any]:
    """16 utterances at once: upstream's threads, and ours in packs."""
    utterances = [Utterance(voice, TEXT, seed, F5Parameters(nfe_step=nfe)) for seed in range(CROWD)]

    def in_packs(size: int) -> Callable[[], object]:
        return lambda: [fast.speak_many(utterances[n : n + size]) for n in range(0, CROWD, size)]

    work = {"official thread pool": lambda: pool(official, voice, nfe)}
    packs = {f"packs of {size}": in_packs(size) for size in (1, 2, 4, 16)}
    seconds = interleaved({**work, **packs}, rounds)
    best = min(packs, key=lambda name: seconds[name]["median_s"])
    times = {name: _ratio(seconds, "official thread pool", name) for name in packs}
    return {"nfe": nfe, "utterances": CROWD, "seconds": seconds, "throughput_times_official": times, "knee": best}


def pool(engine: F5Engine, voice: Reference, nfe: int) -> object:
    """infer_batch_process with all texts at once, as upstream means it."""
    audio, text = engine._prepared(voice)  # noqa: SLF001 - what an engine keeps to itself
    return next(
        engine._f5.infer_batch_process(  # noqa: SLF001
            (audio, 24_000), text, [TEXT] * CROWD, engine._model, engine._vocoder,  # noqa: SLF001
            progress=None, nfe_step=nfe, device="cpu",
        )
    )  # fmt: skip


def half_precision(folder: Path, voice: Reference, steps: tuple[int, ...]) -> list[dict[str, Any]]:
    """How far both paths' mels in half precision are from float32's, all from the same noise; relative root mean squares."""
    from engines import sampler

    official, truth = load(folder, TINY)
    fast = truth._fast  # noqa: SLF001
    assert fast is not None
    rows = []
    utterance = Utterance(voice, TEXT, 0, F5Parameters())
    prepared = _prepared(truth, voice)
    condition = fast._condition(utterance, prepared, fast._voice(utterance, prepared))  # noqa: SLF001
    noise = sampler._noise(condition, condition.mel.half())  # noqa: SLF001
    half = official._model.half()  # noqa: SLF001
    for nfe in steps:
        guidance = sampler.Guidance(nfe, 2.0, -1.0)
        with _noise(sampler, noise):
            true = sampler.Sampler(truth._model).solve([condition], guidance)[0]  # noqa: SLF001
        ours = sampler.Sampler(half).solve([condition], guidance)[0]
        theirs = _official(half, condition, guidance)
        rows.append({"nfe": nfe, "fast": _distance(ours, true), "official": _distance(theirs, true)})
        say(str(rows[-1]))
    return rows


def _prepared(engine: F5Engine, voice: Reference) -> Any:
    from engines.f5_fast import Prepared

    return Prepared(*engine._prepared(voice))  # noqa: SLF001


def _official(model: Any, condition: Any, guidance: Any) -> Any:
    import torch

    torch.manual_seed(condition.seed)
    return model.sample(
        cond=condition.mel[None],
        text=condition.tokens[None],
        duration=condition.frames,
        steps=guidance.steps,
        cfg_strength=guidance.cfg_strength,
        sway_sampling_coef=guidance.sway_sampling_coef,
    )[0][0]


@contextmanager
def _noise(sampler: Any, noise: Any) -> Iterator[None]:
    """While this is open, every solve starts from this noise."""
    original, sampler._noise = sampler._noise, lambda *_: noise.clone()  # noqa: SLF001
    try:
        yield
    finally:
        sampler._noise = original  # noqa: SLF001


def _distance(mel: Any, truth: Any) -> float:
    return round(float((mel.float() - truth).square().mean().sqrt() / truth.square().mean().sqrt()), 5)


def _ratio(seconds: dict[str, dict[str, float]], of: str, by: str) -> float:
    return round(seconds[of]["median_s"] / seconds[by]["median_s"], 2)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The report."""
    import torch

    official, fast = load(folder, options.arch)
    voice = reference()
    streams = [one_stream(official, fast, voice, nfe, options.rounds) for nfe in options.nfe]
    many = crowd(official, fast, voice, options.nfe[-1], options.rounds)
    best = max(many["throughput_times_official"].values())
    return {
        "what": "F5-TTS on the CPU: the official path and ours, the same samples",
        **about(folder),
        "arch": options.arch,
        "threads": torch.get_num_threads(),
        "one_stream": streams,
        "crowd": many,
        "half_precision_distance": half_precision(folder / "half", voice, tuple(options.half)),
        "holds": {f"throughput of {CROWD} >= {LEAST} x the official thread pool": best >= LEAST},
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
    many = report["crowd"]
    times = many["throughput_times_official"]
    return rows + [
        row(f"{many['utterances']} at NFE {many['nfe']}, {name}", one, times.get(name, 1.0))
        for name, one in many["seconds"].items()
    ]


if __name__ == "__main__":
    main()
