"""The action `check`: whether any recording says its text, and when each word is said."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloning import keys
from cloning.audio.decoding import Recording
from cloning.checking import Problem, Speech, Verdict, evidence_of, judge, timed_words
from cloning.checking.subtitles import subtitles
from cloning.checking.windows import shares, windows
from cloning.clock import Stopwatch
from cloning.generate.job_tasks import JobTasks
from cloning.generate.proof.prover import summarised
from cloning.generate.proof.recogniser import Recogniser
from cloning.generate.proof.timing import SpokenWord
from cloning.jobs.results import BESIDE_TYPES
from cloning.ports import Alignment, Unaligned
from cloning.reading.reader import read
from cloning.reading.spans import Reading
from cloning.requests.check import Check
from cloning.service import Call, Service


@dataclass(frozen=True)
class _Part:
    """One window of the recording, from `begin_s`, and the part of the reading, from `start`, that it should say."""

    speech: Speech
    begin_s: float
    start: int
    alignment: Alignment | Unaligned
    heard: str | None


def checked_recording(service: Service, request: Check, recording: Recording, call: Call) -> dict[str, Any]:
    """The blocks of the reply. Raises TranscriptionFailed, and Unavailable in its kinds."""
    watch = Stopwatch(("queue", "check", "keep"), service.clock.monotonic)
    tasks = JobTasks(service.gpu, watch, call.check_stopped)
    recogniser = Recogniser(service, tasks, None, call.check_stopped, call.delivery_id)
    normalize = request.normalize == "auto" and request.language is not None
    reading = read(request.text, request.language, normalize=normalize)
    parts = _parts(recogniser, recording, reading, request)
    verdicts = [_verdict(recogniser, part, request) for part in parts]
    told = [_told(part, verdict, heard, reading) for part, (verdict, heard) in zip(parts, verdicts, strict=True)]
    check = summarised([(verdict, len(part.speech.text)) for part, (verdict, _) in zip(parts, verdicts, strict=True)])
    reply: dict[str, Any] = {
        "duration": round(recording.duration, 4),
        "check": {**check, "chunks": told, "recogniser": recogniser.model},
    }
    if request.check == "full" and recogniser.phone_model:
        reply["check"]["phones"] = recogniser.phone_model
    words = _words(parts, reading, request.text) if request.words or request.subtitles else []
    if request.words:
        reply["words"] = [word.to_json(has_turns=False) for word in words]
    if request.subtitles:
        reply["files"] = _stored_subtitles(service, request, call, words, recording.duration)
    return {**reply, "warnings": list(reading.warnings), "timings": watch.to_json()}


def _parts(recogniser: Recogniser, recording: Recording, reading: Reading, request: Check) -> list[_Part]:
    """The recording and its text in windows that the recogniser takes; if there are several, each is transcribed to find its share of the text."""
    rate = recording.sample_rate
    cuts = windows(recording.samples, rate)

    def speech(begin: int, end: int, start: int, finish: int) -> Speech:
        return Speech(recording.samples[begin:end], rate, reading.text[start:finish], request.language)

    heard: list[str | None] = [None]
    stretches = [(0, len(reading.text))]
    if len(cuts) > 1:
        said = [recogniser.hear(speech(begin, end, 0, 0)) for begin, end in cuts]
        heard, stretches = list(said), shares(reading.text, said)
    parts = []
    for (begin, end), (start, finish), one in zip(cuts, stretches, heard, strict=True):
        piece = speech(begin, end, start, finish)
        parts.append(_Part(piece, begin / rate, start, recogniser.align(piece), one))
    return parts


def _verdict(recogniser: Recogniser, part: _Part, request: Check) -> tuple[Verdict, str | None]:
    evidence = evidence_of(part.speech, part.alignment)
    verdict = judge(part.speech, part.alignment, evidence=evidence)
    if verdict.state == "unavailable" or (request.check == "fast" and verdict.state == "passed"):
        return verdict, None
    heard = part.heard if part.heard is not None else recogniser.hear(part.speech)
    language, normalize = request.language, request.normalize == "auto" and request.language is not None
    verdict = recogniser.fully_judged(
        part.speech, part.alignment, evidence, heard, lambda text: read(text, language, normalize=normalize).text
    )
    return verdict, heard if request.heard else None


def _told(part: _Part, verdict: Verdict, heard: str | None, reading: Reading) -> dict[str, Any]:
    problems = [_of_problem(problem, part, reading) for problem in verdict.problems]
    told: dict[str, Any] = {"state": verdict.state, "start": round(part.begin_s, 3), "score": round(verdict.score, 3)}
    told |= {"wer": verdict.wer, "worst_run": verdict.worst_run, "problems": problems}
    if verdict.phones is not None:
        told["phones"] = verdict.phones
    if verdict.reason:
        told["reason"] = verdict.reason
    return told if heard is None else {**told, "heard": heard}


def _of_problem(problem: Problem, part: _Part, reading: Reading) -> dict[str, Any]:
    start = None
    if problem.text_start is not None:
        at = part.start + problem.text_start
        start = reading.source(at, at + max(1, len(problem.word)))[0]
    return {"kind": problem.kind.value, "word": problem.word, "text_start": start}


def _words(parts: Sequence[_Part], reading: Reading, text: str) -> list[SpokenWord]:
    found: list[SpokenWord] = []
    for part in parts:
        for word in timed_words(part.speech, part.alignment):
            start, end = reading.source(part.start + word.text_start, part.start + word.text_end)
            times = [None if at is None else round(at + part.begin_s, 3) for at in (word.start, word.end)]
            found.append(SpokenWord(0, text[start:end], start, end, times[0], times[1], word.confidence))
    return SpokenWord.merged(found)


def _stored_subtitles(
    service: Service, request: Check, call: Call, words: Sequence[SpokenWord], length_s: float
) -> dict[str, Any]:
    """
    Store the subtitles among the results of the job whose speech it is, else of this delivery, under the digest of their content.

    No record names them, so `expire` removes them when they are old, and `delete` with the job.
    """
    owner = request.job_id or (call.delivery_id if keys.is_id(call.delivery_id) else service.new_id())
    life = service.store.url_life(service.settings.url_expires_s)
    files: dict[str, Any] = {}
    for form in request.subtitles or ():
        body = subtitles(words, [request.text], form, length_s=length_s)
        sha256 = hashlib.sha256(body).hexdigest()
        key = keys.result(owner, sha256, form)
        service.store.put(key, body, content_type=BESIDE_TYPES[form])
        url = service.store.url(key, expires_s=life.seconds)
        files[form] = {"key": key, "bytes": len(body), "sha256": sha256, "url": url}
    return files
