"""
What checking and drawing again gains and costs, on the small checkpoint that says words (local/talker).

Each unseen sentence of its evaluation is spoken through the worker's own `generate` twice, with one draw and with four, `check: full`.
The judge of the word error rate is another decoding than the check's: a search with five beams, sampled where that fails. `--bound` adds
about what a check could gain that chose as well as the judge itself: the judge takes the best of four other draws.
"""

import argparse
import io
import json
import multiprocessing
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from benchmarks import report
from cloning.clock import SystemClock
from cloning.parameters import REDRAW_SPEED
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.imports.transformers import import_transformers
from handler import answer
from local.talker import CFG_STRENGTH, STEPS, TALKER, find_talker
from local.whisper import make_whisper
from training import grammar
from training.words import errors, score, words_of
from worker.assembly import build

WHAT = "Drawing again: word error rate of the small checkpoint's speech with one draw and with up to four, judged by another decoding"
LIMIT = 0.6  # of the error rate with one draw
_RATE = 16_000
_RESAMPLED = 10_000
# How the checkpoint's training texts were made (training.data): seed, and texts for each voice.
_GRAMMAR_SEED, _TRAINED = 1, 6000
_UNSEEN = 400
_NEXT_SEED = 1000  # further on than any sentence's


class Way(NamedTuple):
    """
    How each sentence is spoken: by a job with a check and at most so many `draws`, or without a check by `tries` jobs, of which the judge takes the best.

    Further draws are at `redraw_speed` of the first one's.
    """

    draws: int
    tries: int = 1
    redraw_speed: float = REDRAW_SPEED

    @property
    def name(self) -> str:
        return str(self.draws) if self.draws else f"best of {self.tries}"


WAYS = (Way(1), Way(4))
BOUND = Way(0, tries=4)


class Judge:
    """Whisper with five beams, warmer where a hearing repeats itself: not the check's own greedy decoding."""

    def __init__(self, folder: Path) -> None:
        transformers = import_transformers()
        self._hear: Any = transformers.pipeline("automatic-speech-recognition", model=str(folder), device="cpu")
        self._how = {
            "language": "en", "task": "transcribe", "num_beams": 5, "max_new_tokens": 100,
            "temperature": (0.0, 0.4, 0.8), "compression_ratio_threshold": 2.0, "logprob_threshold": -1.0,
        }  # fmt: skip

    def hear(self, data: bytes) -> str:
        """The words in a file."""
        import soxr

        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        audio = np.asarray(soxr.resample(samples, rate, _RATE))
        heard = self._hear({"raw": audio, "sampling_rate": _RATE}, generate_kwargs=self._how, return_timestamps=True)
        return str(heard["text"])


def sentences(count: int, skip: int = 0) -> list[tuple[int, str, str]]:
    """
    Seed, voice and text of sentences that the model has never seen, without the first `skip`: the evaluation's 100, then 300 others.

    The voices take turns.
    """
    results = json.loads((TALKER / "evaluation.json").read_text("utf-8"))["results"]
    unseen = next(one for one in results if (one["system"], one["set"]) == (f"model, NFE {STEPS}", "unseen"))
    known = {one["text"]: one["voice"] for one in unseen["utterances"]}
    voices = list(known.values())[:2]
    trained = {text for voice in voices for text in grammar.training(_GRAMMAR_SEED, voice, _TRAINED)}
    others = [text for text in grammar.unseen(_GRAMMAR_SEED, _UNSEEN, trained) if text not in known]
    everything = [*known.items(), *((text, voices[place % 2]) for place, text in enumerate(others))]
    return [(seed, voice, text) for seed, (text, voice) in enumerate(everything)][skip : skip + count]


def spoken(service: Service, voice: str, text: str, seed: int, way: Way) -> tuple[dict[str, Any], float]:
    """The reply, and the seconds that it took."""
    request = {
        "text": text, "voice": voice, "seed": seed, "nfe_step": STEPS, "cfg_strength": CFG_STRENGTH,
        "job_id": f"s{seed}-{way.draws}",
    }  # fmt: skip
    if way.draws:
        request |= {"check": "full", "draws": way.draws}
    if way.draws > 1:
        request["redraw_speed"] = way.redraw_speed
    begun = time.monotonic()
    reply = answer(service, request, Call("redraws"))
    if reply.get("status") != "COMPLETED":
        raise RuntimeError(f"sentence {seed} failed: {reply}")
    return reply, time.monotonic() - begun


def measured(
    service: Service, judge: Judge, lines: Sequence[tuple[int, str, str]], way: Way
) -> tuple[dict[str, Any], list[int]]:
    """The figures of all sentences, and each one's errors."""
    counts, replies, seconds = list[tuple[int, int]](), list[dict[str, Any]](), 0.0
    for seed, voice, text in lines:
        meant, wrong = words_of(text), list[int]()
        for number in range(way.tries):
            reply, took = spoken(service, voice, text, seed + number * _NEXT_SEED, way)
            wrong.append(errors(words_of(judge.hear(service.store.get(reply["audio"]["key"]).body)), meant))
            replies.append(reply)
            seconds += took
        counts.append((min(wrong), len(meant)))
    rate = score(counts, 0)
    row = {
        "draws": way.draws or way.name, "wer": round(rate.rate, 4), "low": round(rate.low, 4), "high": round(rate.high, 4),
        "errors": rate.errors, "words": rate.words, **_of_checks(replies),
        "seconds a sentence": round(seconds / len(counts), 2),
    }  # fmt: skip
    return row, [wrong for wrong, _ in counts]


def _of_checks(replies: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """How many sentences passed, and which of their draws was taken; None without a check."""
    checks = [reply["check"] for reply in replies if reply.get("check")]
    if not checks:
        return {"passed": None, "mean draw taken": None}
    taken = [max(chunk["draw"] for chunk in check["chunks"]) for check in checks]
    passed = sum(check["state"] == "passed" for check in checks)
    return {"passed": passed, "mean draw taken": round(sum(taken) / len(taken), 2)}


def ratio_of(before: Sequence[int], after: Sequence[int]) -> tuple[float, float, float]:
    """Errors after, over errors before, with the 95 % interval from drawing as many sentences again, with replacement."""
    table = np.array([before, after], np.int64).T
    drawn = table[np.random.default_rng(0).integers(len(table), size=(_RESAMPLED, len(table)))].sum(1)
    low, high = np.quantile(drawn[:, 1] / np.maximum(drawn[:, 0], 1), (0.025, 0.975))
    return sum(after) / max(sum(before), 1), float(low), float(high)


def row_of(job: tuple[Path, int, int, Way]) -> tuple[dict[str, Any], list[int]]:
    """The figures of so many sentences (and how many are left out before), by a worker of its own in that folder."""
    folder, count, skip, way = job
    (folder / "scratch").mkdir(parents=True)
    whisper, talker = make_whisper(folder / "whisper"), find_talker()
    settings = Settings(
        data_dir=folder / "bucket", model_cache_dir=folder / "models", checkpoint=str(talker.folder),
        vocoder_path=talker.folder / "vocoder", asr_model=str(whisper), device="cpu",
    )  # fmt: skip
    service = build(settings, SystemClock(), folder / "scratch")
    for voice, prompt in talker.prompts.items():
        audio = b64encode(prompt.recording.read_bytes()).decode()
        upload = {"action": "upload", "voice": voice, "audio": audio, "transcript": prompt.words, "language": "en"}
        answer(service, {**upload, "consent": True}, Call("upload"))
    return measured(service, Judge(whisper), sentences(count, skip), way)


def run(count: int, skip: int, ways: Sequence[Way], folder: Path) -> dict[str, Any]:
    """The report; two rows at a time are measured side by side, each in a process of its own."""
    with ProcessPoolExecutor(len(WAYS), mp_context=multiprocessing.get_context("spawn")) as pool:
        measurements = list(pool.map(row_of, [(folder / way.name, count, skip, way) for way in ways]))
    wrong = [errors_of_each for _, errors_of_each in measurements]
    ratio, low, high = ratio_of(wrong[0], wrong[1])
    told = f"with {ways[1].draws} draws the errors are at most {LIMIT} of those with one (here {ratio:.3f}, {low:.2f} to {high:.2f})"
    return {
        "what": WHAT,
        **report.about(folder),
        "sentences": len(wrong[0]),
        "left out before": skip,
        "redraw_speed": ways[1].redraw_speed,
        "rows": [row for row, _ in measurements],
        "errors by sentence": {way.name: " ".join(map(str, each)) for way, each in zip(ways, wrong, strict=True)},
        "holds": {told: ratio <= LIMIT},
    }


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=report.RESULTS)
    parser.add_argument("--count", type=int, default=100, help="sentences")
    parser.add_argument("--skip", type=int, default=0, help="sentences to leave out before them")
    parser.add_argument(
        "--bound", action="store_true", help="also what the judge itself would gain, if it chose the draws"
    )
    slower = "of further draws, as a part of the first one's speed (1: no slower)"
    parser.add_argument("--redraw-speed", type=float, default=REDRAW_SPEED, help=slower)
    options = parser.parse_args()
    if not sentences(options.count, options.skip):
        parser.error(f"no sentence is left: there are {_UNSEEN} that the model has never seen")
    with tempfile.TemporaryDirectory() as scratch:
        ways = [WAYS[0], WAYS[1]._replace(redraw_speed=options.redraw_speed), *([BOUND] if options.bound else [])]
        found = run(options.count, options.skip, ways, Path(scratch))
    name = f"redraws-after-{options.skip}" if options.skip else "redraws"
    report.save(found, options.results, name, found["rows"])


if __name__ == "__main__":
    main()
