"""
How well checked speech is checked: faults found, right speech passed, words timed.

`python -m benchmarks.words` lays known texts over recordings of people with faults cut into them (benchmarks/faults.py) and over the
same recordings without, and counts the verdicts of `fast` and `full`. One half of the clips is what the constants of
cloning/checking/score.py were set on; the other one is reported.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.faults import RATE, Case, Clip, cases_of
from benchmarks.report import RESULTS, about, save
from benchmarks.spoken import clips_in, right_cases, right_pairs, spaced
from cloning.checking import Speech, Verdict, judge, timed_words
from cloning.ports import Alignment, F5Parameters, Reference, Samples, Token, Transcriber
from engines.f5.engine import F5Engine
from engines.whisper import WhisperTranscriber
from local.talker import CFG_STRENGTH, STEPS, find_talker
from local.whisper import make_whisper
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from worker.models import f5_files

SEED, EACH = 1, 3
GOALS = {"removed": (0.9, 0.97), "doubled": (0.9, 0.97), "leaked": (0.9, 0.97), "loop": (0.9, 0.97)}
GOALS |= {"exchanged": (0.0, 0.95), "extra": (0.0, 0.95)}
_WHISPER = Path(__file__).resolve().parent.parent / ".cache" / "whisper-base"
_SENTENCE = "The driver drove quickly from the lake to the office."
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass
class Listener:
    """A recogniser whose answers are kept in a file: a second run costs nothing."""

    transcriber: Transcriber
    file: Path | None
    answers: dict[str, Any]

    @classmethod
    def open(cls, whisper: Path, file: Path | None) -> "Listener":
        """Load the recogniser, and what is in the file."""
        known = json.loads(file.read_text("utf-8")) if file and file.exists() else {}
        return cls(WhisperTranscriber.load(str(whisper), "cpu"), file, known)

    def listen(self, samples: Samples, text: str) -> tuple[Alignment, str]:
        """The alignment and what is heard."""
        key = hashlib.sha256(samples.tobytes() + text.encode()).hexdigest()[:24]
        if key not in self.answers:
            self.answers[key] = self._ask(samples, text)
        alignment, heard = self.answers[key]
        tokens = [Token(**token) for token in (*alignment["tokens"], alignment["end"])]
        attended = np.array(alignment["attended"], np.float32)
        return Alignment(tuple(tokens[:-1]), tokens[-1], attended, alignment["model"]), heard

    def _ask(self, samples: Samples, text: str) -> tuple[dict[str, Any], str]:
        alignment = self.transcriber.align(samples, RATE, text, language="en")
        heard = self.transcriber.hear(samples, RATE, language="en")
        assert isinstance(alignment, Alignment), alignment
        return as_json(alignment), heard

    def close(self) -> None:
        """Write the file."""
        if self.file:
            self.file.write_text(json.dumps(self.answers), "utf-8")


def as_json(alignment: Alignment) -> dict[str, Any]:
    """The alignment as plain values."""
    return asdict(alignment) | {"attended": [round(float(one), 5) for one in alignment.attended]}


def read(text: str) -> str:
    """Small numbers as words: the recogniser writes figures."""
    return " ".join(
        _NUMBERS[int(word)] if word.isdigit() and int(word) < len(_NUMBERS) else word
        for word in text.replace("-", " - ").replace(".", " . ").replace(",", " , ").split()
    )


@dataclass(frozen=True)
class Judged:
    """A case with its verdicts, and whether the constants were set on its clip."""

    case: Case
    fast: Verdict
    full: Verdict
    lowest: float
    tuned_on: bool


def all_cases(clips: Sequence[Clip]) -> list[Case]:
    """The benchmark's cases: right speech and faults."""
    chance = np.random.default_rng(SEED)
    right = [case for clip in clips for case in right_cases(clip)]
    faulty = [case for clip in clips for case in cases_of(clip, clips, EACH, chance)]
    usable = {clip.name for clip in clips if not clip.parts_only}
    return [case for case in (*right, *right_pairs(clips), *faulty) if case.clip in usable]


def judged(cases: Iterable[Case], clips: Sequence[Clip], listener: Listener) -> list[Judged]:
    """Every case with its verdicts."""
    halves = {clip.name: place % 2 == 1 for place, clip in enumerate(clips)}
    made = []
    for case in cases:
        alignment, heard = listener.listen(case.samples, case.text)
        reference = case.reference or next(clip.text for clip in clips if clip.text not in case.text)
        speech = Speech(case.samples, RATE, case.text, language="en", reference_text=reference)
        lowest = min(token.log_probability for token in alignment.tokens)
        verdicts = judge(speech, alignment), judge(speech, alignment, heard, read)
        made.append(Judged(case, *verdicts, lowest, halves[case.clip]))
    return made


def rows_of(cases: Sequence[Judged]) -> list[dict[str, Any]]:
    """A row for each kind: the share that fails by each check, and by a plain one beside it."""
    kinds = dict.fromkeys(one.case.kind.split(":")[0] for one in cases)
    return [_row(kind, [one for one in cases if one.case.kind.split(":")[0] == kind]) for kind in kinds]


def _row(kind: str, cases: Sequence[Judged]) -> dict[str, Any]:
    return {
        "kind": kind,
        "cases": len(cases),
        "fast": _share(one.fast.state == "failed" for one in cases),
        "full": _share(one.full.state == "failed" for one in cases),
        "score alone": _share(one.lowest < -5 for one in cases),
        "any word differs": _share(bool(one.full.wer) for one in cases),
    }


def _share(flags: Iterable[bool]) -> float:
    told = list(flags)
    return round(sum(told) / max(len(told), 1), 3)


def word_times(clips: Sequence[Clip], listener: Listener) -> dict[str, Any]:
    """How far word times are from edges that are known, because silences were put there."""
    chance = np.random.default_rng(SEED)
    errors: list[float] = []
    untimed = 0
    for clip in clips:
        if clip.parts_only:
            continue
        sound, edges = spaced(clip, chance)
        words = timed_words(Speech(sound, RATE, clip.text, language="en"), listener.listen(sound, clip.text)[0])
        for place, seconds, begins in edges:
            told = words[place].start if begins else words[place].end
            untimed += told is None
            errors += [] if told is None else [abs(told - seconds)]
    quantiles = np.quantile(errors, [0.5, 0.95]).round(3).tolist()
    return {"edges": len(errors) + untimed, "without_time": untimed, "median_s": quantiles[0], "p95_s": quantiles[1]}


def costs(transcriber: Transcriber) -> dict[str, float]:
    """Seconds of one sentence on this machine: spoken by the small checkpoint, laid over, heard."""
    talker = find_talker()
    name, prompt = next(iter(talker.prompts.items()))
    with tempfile.TemporaryDirectory() as folder:
        found = find(str(talker.folder))
        local = CheckpointCache(FolderStore(Path(folder) / "bucket"), Path(folder) / "models").local(found)
        engine = F5Engine.load(f5_files(local, None), "cpu", "auto")
        reference = Reference(prompt.recording, prompt.words, name, soundfile.info(prompt.recording).duration)
        parameters = F5Parameters(nfe_step=STEPS, cfg_strength=CFG_STRENGTH)
        samples, spoken_s = _timed(lambda: engine.speak(reference, _SENTENCE, seed=SEED, parameters=parameters))
    transcriber.align(samples[:RATE], RATE, _SENTENCE, language="en")  # what is made once
    _, fast_s = _timed(lambda: transcriber.align(samples, engine.sample_rate, _SENTENCE, language="en"))
    _, more_s = _timed(lambda: transcriber.hear(samples, engine.sample_rate, language="en"))
    audio_s = len(samples) / engine.sample_rate
    return {"audio_s": audio_s, "small_checkpoint_s": spoken_s, "fast_s": fast_s, "full_s": fast_s + more_s}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and its seconds."""
    begun = time.perf_counter()
    made = work()
    return made, round(time.perf_counter() - begun, 3)


def holds(rows: Sequence[dict[str, Any]], times: dict[str, Any]) -> dict[str, bool]:
    """Which goals are reached."""
    shares = {row["kind"]: row for row in rows}
    found = {
        f"{kind}: {check} finds {goal:.0%}": shares[kind][check] >= goal
        for kind, goals in GOALS.items()
        for check, goal in zip(("fast", "full"), goals, strict=True)
        if goal
    }
    passed = {f"right: {check} fails 2 %": shares["right"][check] <= 0.02 for check in ("fast", "full")}
    return (
        found
        | passed
        | {
            "word times: median 60 ms": times["median_s"] <= 0.06,
            "word times: 95 % within 200 ms": times["p95_s"] <= 0.2,
        }
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words", description=__doc__)
    parser.add_argument("--speech", type=Path, action="append", default=[], help="folder with unpacked packages")
    parser.add_argument("--whisper", type=Path, help="folder of another recogniser than the small one")
    parser.add_argument("--answers", type=Path, help="file that keeps the recogniser's answers")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    clips = clips_in(args.speech)
    listener = Listener.open(args.whisper or make_whisper(_WHISPER), args.answers)
    cases = judged(all_cases(clips), clips, listener)
    times = word_times(clips, listener)
    listener.close()
    reported = rows_of([one for one in cases if not one.tuned_on])
    report = {
        "what": f"Checked speech: {len(cases)} cases of {len(clips)} clips, whisper-base; the half that nothing was set on",
        **about(args.results),
        "seed": SEED,
        "clips": [clip.name for clip in clips],
        "reported": reported,
        "set_on": rows_of([one for one in cases if one.tuned_on]),
        "word_times": times,
        "one_sentence": costs(listener.transcriber),
        "holds": holds(reported, times),
    }
    save(report, args.results, "words", reported)


if __name__ == "__main__":
    main()
