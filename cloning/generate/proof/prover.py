"""Everything that a request asks beyond speech, made by one recogniser: a check of each chunk, the times of its words, subtitles."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cloning.checking import Problem, Verdict
from cloning.checking.subtitles import subtitles
from cloning.errors import SpeechMismatch
from cloning.generate.proof.checks import ChunkChecker, Proof, speech_of
from cloning.generate.proof.draws import Take
from cloning.generate.proof.recogniser import Recogniser
from cloning.generate.proof.timing import Places, SpokenWord, spoken_words
from cloning.generate.script import Script
from cloning.generate.synthesis import Finished, finished, segments_of
from cloning.planning.f5 import SAMPLE_RATE, Chunk
from cloning.ports import Alignment, Clock, Parameters, Reference, Samples, Unaligned


@dataclass(frozen=True)
class ProvedSpeech:
    """
    The whole speech and its verdicts.

    `drawn` are the chunks of which a later draw than the first is used, by place; `files` are the files beside it in the bucket, by extension.
    """

    finished: Finished
    drawn: Mapping[int, Chunk]
    check: dict[str, Any] | None = None
    warnings: tuple[dict[str, object], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fields for reply, record and manifest; not for the log, because they quote the text."""
        return {} if self.check is None else {"check": self.check}


class Prover:
    """Proves one job's speech as `proof` asks; `references` are the voices by passage, `checker` is for its chunks (None: no check)."""

    def __init__(
        self,
        proof: Proof,
        recogniser: Recogniser,
        references: Sequence[Reference],
        clock: Clock,
        time_left: Callable[[], float],
    ) -> None:
        self._proof = proof
        self._recogniser = recogniser
        self._references = references
        self.checker = ChunkChecker(proof.policy, recogniser, references, clock, time_left) if proof.policy else None

    def proved(
        self, script: Script, takes: Mapping[int, Take], texts: Sequence[str], parameters: Parameters
    ) -> ProvedSpeech:
        """The speech of the job; `texts` are the caller's, by turn. Raises SpeechMismatch."""
        failed = [index for index, take in takes.items() if take.has_failed]
        if self._proof.policy and self._proof.policy.fails and failed:
            raise _mismatch(failed, takes)
        waves = {index: take.samples for index, take in takes.items()}
        speech = finished(
            segments_of(waves, script.plan.pauses, script.plan.cross_fade_duration),
            last_silence_s=script.plan.pause_s,
            remove_silence=parameters.remove_silence,
        )
        drawn = {index: take.chunk for index, take in takes.items() if take.draw}
        if not self._proof.needs_recogniser:
            return ProvedSpeech(speech, drawn)
        where = Places(script, texts, has_turns=self._proof.has_turns)
        check = self._check(script, takes, where)
        return ProvedSpeech(
            speech, drawn, check, tuple(_warnings(failed, len(takes))), self._files(script, takes, where, speech)
        )

    def _check(self, script: Script, takes: Mapping[int, Take], where: Places) -> dict[str, Any] | None:
        if self.checker is None:
            return None
        judged = [(takes[chunk.index].verdict, len(chunk.text)) for chunk in script.plan.chunks]
        return {
            **summarised([(verdict, size) for verdict, size in judged if verdict]),
            "draws": self.checker.draws,
            "chunks": [_of_chunk(chunk, takes[chunk.index], where) for chunk in script.plan.chunks],
            "recogniser": self._recogniser.model,
            **({"phones": self.checker.phone_model} if self.checker.phone_model else {}),
            "control": [one.to_json() for one in self.checker.controls.values()],
            **self._likeness(takes, script.plan.chunks),
        }

    def _likeness(self, takes: Mapping[int, Take], chunks: Sequence[Chunk]) -> dict[str, Any]:
        """How alike each voice's speech is to its own recording, if there is a speaker model."""
        if not self._recogniser.has_speaker_model:
            return {}
        by_voice: dict[str, tuple[Reference, list[Samples]]] = {}
        for chunk in chunks:
            reference = self._references[chunk.passage]
            by_voice.setdefault(reference.sha256, (reference, []))[1].append(takes[chunk.index].samples)
        values = [self._recogniser.likeness(np.concatenate(waves), one) for one, waves in by_voice.values()]
        return {"similarity": [None if value is None else round(value, 3) for value in values]}

    def _files(self, script: Script, takes: Mapping[int, Take], where: Places, speech: Finished) -> dict[str, bytes]:
        if not self._proof.needs_times:
            return {}
        known = self.checker.alignments if self.checker else {}

        def aligned(chunk: Chunk) -> Alignment | Unaligned:
            take = takes[chunk.index]
            found = known.get((chunk.index, take.draw))
            return found or self._recogniser.align(speech_of(chunk, take.samples, self._references[chunk.passage]))

        waves = {index: take.samples for index, take in takes.items()}
        chunks = [takes[chunk.index].chunk for chunk in script.plan.chunks]
        words = spoken_words(chunks, where, self._references, waves, aligned, speech)
        return _files_of(words, where.texts, self._proof, len(speech.pcm) / SAMPLE_RATE)


def summarised(verdicts: Sequence[tuple[Verdict, int]]) -> dict[str, Any]:
    """Combine several verdicts into one; each comes with the length of its text."""
    states = {verdict.state for verdict, _ in verdicts}
    heard = [(verdict.wer, size) for verdict, size in verdicts if verdict.wer is not None]
    total = sum(size for _, size in heard)
    return {
        "state": next(state for state in ("failed", "unavailable", "passed") if state in states),
        "wer": round(sum(wer * size for wer, size in heard) / total, 4) if total else None,
        "worst_run": max((verdict.worst_run or 0 for verdict, _ in verdicts if verdict.wer is not None), default=None),
    }


def _files_of(words: Sequence[SpokenWord], texts: Sequence[str], proof: Proof, length_s: float) -> dict[str, bytes]:
    told = [word.to_json(has_turns=proof.has_turns) for word in words]
    files = {form: subtitles(words, texts, form, length_s=length_s) for form in proof.subtitles}
    return ({"words": json.dumps(told, ensure_ascii=False).encode()} if proof.words else {}) | files


def _of_chunk(chunk: Chunk, take: Take, where: Places) -> dict[str, Any]:
    verdict = take.verdict
    assert verdict is not None  # noqa: S101 - every chunk of a checked job has one
    problems = [_of_problem(problem, chunk, where) for problem in verdict.problems]
    told: dict[str, Any] = {
        "state": verdict.state,
        "draw": take.draw + 1,
        "speed": take.chunk.speed,
        "score": round(verdict.score, 3),
    }
    told |= {"wer": verdict.wer, "worst_run": verdict.worst_run, "problems": problems}
    if verdict.phones is not None:
        told["phones"] = verdict.phones
    if verdict.reason:
        told["reason"] = verdict.reason
    return told if take.heard is None else {**told, "heard": take.heard}


def _of_problem(problem: Problem, chunk: Chunk, where: Places) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": problem.kind.value, "word": problem.word, "text_start": None}
    if problem.text_start is not None:
        turn, start, _ = where.source(chunk, problem.text_start, problem.text_start + max(1, len(problem.word)))
        told |= {"text_start": start} | ({"turn": turn} if where.has_turns else {})
    return told


def _warnings(failed: Sequence[int], total: int) -> Iterable[dict[str, object]]:
    if failed:
        yield {
            "code": "CHECK",
            "message": f"{len(failed)} of {total} chunks don't say their text for certain, in any of their draws: the best draw of each was "
            "taken; see check.chunks, listen, and send another seed or more draws, or `language` if the text has another one than its voice",
        }


def _mismatch(failed: Sequence[int], takes: Mapping[int, Take]) -> SpeechMismatch:
    verdicts = [verdict for index in failed if (verdict := takes[index].verdict)]
    problems = {problem.kind.value for verdict in verdicts for problem in verdict.problems}
    return SpeechMismatch(
        f"{len(failed)} of {len(takes)} chunks don't say their text in any draw: send another seed, more draws, or on_mismatch 'accept' to "
        "take the best; or `language` if the text has another one than its voice",
        chunks=failed[:50], problems=sorted(problems),
    )  # fmt: skip
