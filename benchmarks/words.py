"""
How well checked speech is checked: faults found, right speech passed, words timed.

`python -m benchmarks.words` lays known texts over recordings of people with faults cut into them (benchmarks/faults.py) and over the
same recordings without, and counts the verdicts of `fast`, `full`, and `full` without the phone model (`PHONE_CHECK=off`). One half of the clips is what the constants of
cloning/checking/score.py were set on; the other one is reported.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.faults import LATER_KINDS, RATE, Case, Clip, cases_of
from benchmarks.listener import Listener
from benchmarks.report import RESULTS, about, save
from benchmarks.spoken import clips_in, right_cases, right_pairs, spaced
from cloning.checking import SLOWER, Speech, Verdict, edits_of, judge, timed_words
from cloning.ports import Alignment, F5Parameters, PhoneModel, Reference, Transcriber
from engines.f5.engine import F5Engine
from local.talker import CFG_STRENGTH, STEPS, find_talker
from local.whisper import make_whisper
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from worker.models import f5_files

SEED = 1
EACH = 6  # faults of a kind in a clip
REPORTED, SET_ON = 60, 30  # faults of a kind in each half
GOALS = {"removed": (0.9, 0.97), "doubled": (0.9, 0.97), "leaked": (0.9, 0.97), "loop": (0.9, 0.97)}
GOALS |= {"exchanged": (0.0, 0.95), "extra": (0.0, 0.95), "own": (0.0, 0.95)}
CHECKS = ("fast", "full", "full without phones")
_WHISPER = Path(__file__).resolve().parent.parent / ".cache" / "whisper-base"
_SENTENCE = "The driver drove quickly from the lake to the office."
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


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
    without_phones: Verdict
    lowest: float
    tuned_on: bool


def all_cases(clips: Sequence[Clip]) -> list[Case]:
    """The benchmark's cases: right speech and faults, fewer of these from the clips that the constants are set on."""
    chance, later = np.random.default_rng(SEED), np.random.default_rng(SEED + 1)
    right = [case for clip in clips for case in right_cases(clip)]
    faulty = [case for clip in clips for case in cases_of(clip, clips, EACH, chance)]
    faulty += [case for clip in clips for case in cases_of(clip, clips, EACH, later, LATER_KINDS)]
    usable = {clip.name for clip in clips if not clip.parts_only}
    set_on = {clip.name for clip in clips[1::2]}
    kept = [
        case
        for is_set_on, most in ((False, REPORTED), (True, SET_ON))
        for kind in dict.fromkeys(case.kind for case in faulty)
        for case in _evenly(
            [
                case
                for case in faulty
                if case.kind == kind and (case.clip in set_on) is is_set_on and case.clip in usable
            ],
            most,
        )
    ]
    return [case for case in (*right, *right_pairs(clips)) if case.clip in usable] + kept


def _evenly(cases: Sequence[Case], most: int) -> list[Case]:
    """So many of the cases, as many from each clip as there are."""
    seen: Counter[str] = Counter()
    numbered = []
    for case in cases:
        numbered.append((seen[case.clip], case))
        seen[case.clip] += 1
    return [case for _, case in sorted(numbered, key=lambda one: one[0])[:most]]


def judged(cases: Iterable[Case], clips: Sequence[Clip], listener: Listener) -> list[Judged]:
    """Every case with its verdicts."""
    set_on = {clip.name for clip in clips[1::2]}
    made = []
    for case in cases:
        alignment = listener.align(case.samples, case.text)
        reference = case.reference or next(clip.text for clip in clips if clip.text not in case.text)
        speech = Speech(case.samples, RATE, case.text, language="en", reference_text=reference)
        fast = judge(speech, alignment)
        full, without_phones = (fast, fast) if fast.state == "failed" else _fully(listener, speech, alignment)
        lowest = min(token.log_probability for token in alignment.tokens)
        made.append(Judged(case, fast, full, without_phones, lowest, case.clip in set_on))
    return made


def _fully(listener: Listener, speech: Speech, alignment: Alignment) -> tuple[Verdict, Verdict]:
    """As the worker does, and as it does without a phone model. (What `fast` fails `full` fails too: more doubts are never less.)"""
    hearings = listener.hear(speech.samples, speech.text)
    guessed = listener.guess(speech.samples, speech.text)
    edits = edits_of(speech, alignment, hearings, read, guessed)
    weights = listener.rescore(speech.samples, speech.text, [edit.text for edit in edits])
    rescored = list(zip(edits, weights, strict=True))
    without = judge(speech, alignment, hearings[0], read, rescored)
    if without.state == "failed":
        return without, without
    added = listener.added(speech.samples, speech.text)
    return judge(speech, alignment, hearings[0], read, rescored, added=added), without


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
        "full without phones": _share(one.without_phones.state == "failed" for one in cases),
        "score alone": _share(one.lowest < -5 for one in cases),
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
        words = timed_words(Speech(sound, RATE, clip.text, language="en"), listener.align(sound, clip.text))
        for place, seconds, begins in edges:
            told = words[place].start if begins else words[place].end
            untimed += told is None
            errors += [] if told is None else [abs(told - seconds)]
    quantiles = np.quantile(errors, [0.5, 0.95]).round(3).tolist()
    return {"edges": len(errors) + untimed, "without_time": untimed, "median_s": quantiles[0], "p95_s": quantiles[1]}


def costs(transcriber: Transcriber, phones: PhoneModel) -> dict[str, float]:
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
    transcriber.guess(samples[:RATE], RATE, _SENTENCE, language="en")
    rate = engine.sample_rate
    aligned, fast_s = _timed(lambda: transcriber.align(samples, rate, _SENTENCE, language="en"))
    _, heard_s = _timed(lambda: transcriber.hear(samples, rate, language="en"))
    _, known_s = _timed(lambda: transcriber.hear(samples, rate, language="en", knowing=_SENTENCE))
    _, slower_s = _timed(lambda: transcriber.hear(samples, round(rate * SLOWER), language="en", knowing=_SENTENCE))
    guessed, guessed_s = _timed(lambda: transcriber.guess(samples, rate, _SENTENCE, language="en"))
    _, rescored_s = _timed(lambda: transcriber.rescore(samples, rate, _SENTENCE, guessed, language="en"))
    _, judged_s = _timed(lambda: judge(Speech(samples, rate, _SENTENCE, language="en"), aligned))
    phones.added(samples, rate, _SENTENCE, language="en")  # its process starts
    _, phones_s = _timed(lambda: phones.added(samples, rate, _SENTENCE, language="en"))
    fast_s = round(fast_s + judged_s, 3)
    full_s = round(fast_s + heard_s + known_s + slower_s + guessed_s + rescored_s, 3)
    audio_s = len(samples) / rate
    return {
        "audio_s": audio_s,
        "small_checkpoint_s": spoken_s,
        "fast_s": fast_s,
        "full_s": full_s,
        "phones_s": phones_s,
    }


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
    passed = {f"right: {check} fails 2 %": shares["right"][check] <= 0.02 for check in CHECKS}
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
    try:
        clips = clips_in(args.speech)
    except ValueError as error:
        parser.error(str(error))
    listener = Listener.open(args.whisper or make_whisper(_WHISPER), args.answers)
    cases = judged(all_cases(clips), clips, listener)
    times = word_times(clips, listener)
    listener.close()
    reported = rows_of([one for one in cases if not one.tuned_on])
    report = {
        "what": f"Checked speech: {len(cases)} cases of {len(clips)} clips, whisper-base; the reported half (see benchmarks/README.md for what was set with it in view)",
        **about(args.results),
        "seed": SEED,
        "clips": [clip.name for clip in clips],
        "reported": reported,
        "set_on": rows_of([one for one in cases if one.tuned_on]),
        "word_times": times,
        "one_sentence": costs(listener.transcriber, listener.phones),
        "holds": holds(reported, times),
    }
    save(report, args.results, "words", reported)


if __name__ == "__main__":
    main()
