"""
One generate: check, plan, claim, hear; for each device, for each engine: load and speak; store, complete. Read it downward.

The order is the guarantee: everything that can be refused is refused first; the audio and its manifest are in the bucket before the
record says COMPLETED; the record says so before anybody is told.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloning.audio.canonical import encode_pcm16
from cloning.clock import Stopwatch
from cloning.errors import CheckpointUnusable, Interrupted, ServiceError
from cloning.failures import of_claimed_job
from cloning.generate.candidates import (
    Candidate,
    Choice,
    candidates_of,
    check_candidates,
    nobody_spoke,
    note_unusable,
    told_of_fallback,
)
from cloning.generate.chunk_store import ChunkStore, removed_at_the_end
from cloning.generate.cost import cost_of
from cloning.generate.device_recovery import CPU_MAY_HELP, DeviceUse, devices_of, log_failure
from cloning.generate.job_tasks import JobTasks
from cloning.generate.job_voices import JobVoices
from cloning.generate.progress.parts import SpeechParts
from cloning.generate.progress.reports import Reports
from cloning.generate.proof.checks import Proof, proof_of
from cloning.generate.proof.draws import Take, drawn
from cloning.generate.proof.prover import ProvedSpeech, Prover
from cloning.generate.proof.recogniser import Recogniser
from cloning.generate.respellings import respellings_of
from cloning.generate.script import Script, Scripts, language_of_all
from cloning.generate.speaker import Speaker, weights_of
from cloning.generate.speaking import ChunkByChunk
from cloning.generate.spoken import Spoken
from cloning.generate.synthesis import Tally
from cloning.jobs.claim import Claim, Heartbeat, LeaseLost, lost_to_another
from cloning.jobs.record import Effort, Job
from cloning.jobs.results import ResultWriter
from cloning.jobs.store import Busy, Finished
from cloning.names import EngineName
from cloning.planning.f5 import SAMPLE_RATE
from cloning.ports.gpu import GpuTask
from cloning.requests.generate import Generate
from cloning.service import Call, Service

log = logging.getLogger(__name__)

# `load_import` and `load_fetch` run side by side.
_PHASES = (
    "queue", "voice", "transcript", "load", "load_import", "load_fetch", "load_weights", "infer", "keep", "encode", "upload",
)  # fmt: skip
_POLL_S = 1.0
# The part of the execution timeout after which nothing is drawn again: what follows must still be encoded and stored.
_USABLE = 0.8


def run_to_the_end(service: Service, request: Generate, call: Call) -> Job:
    """
    The job's final record, whoever did it: the store's if it was done before, another worker's if that one is at it, else ours.

    The text goes to `Scripts` and comes back as a plan; who may speak is decided without it.

    Raises the ServiceError that the caller should see.
    """
    job_id, digest = request.job_id or call.delivery_id, request.digest()
    known = service.jobs.find(job_id)
    if known is not None and known.status.is_final and known.request_digest == digest:
        return known
    service.breaker.check()
    candidates = candidates_of(request.wishes(), service.settings)
    proof = proof_of(request, service.settings, {one.engine for one in candidates})
    watch = Stopwatch(_PHASES + (("check",) if proof.needs_recogniser else ()), service.clock.monotonic)
    with watch.timing("voice"):
        names = dict.fromkeys(turn.voice for turn in request.speeches())
        voices = {name: service.voices.get(name, stopped=call.stopped) for name in names}
    candidates = check_candidates(service.engines, candidates, request.wishes(), of_voice=language_of_all(voices))
    if proof.needs_recogniser:
        service.transcribers.check(service.settings.asr_model)
    scripts = Scripts(service, request, candidates, voices, respellings_of(service, request))
    scripts.refuse_too_large(service.settings.max_reply_mb, job_id)
    seed = service.draw_seed() if request.seed is None else request.seed
    is_new, may_create = known is None, True
    while True:
        call.check_stopped(job_id)
        match service.jobs.claim(job_id, digest, seed, delivery=call.delivery_id, is_new=is_new, may_create=may_create):
            case Finished(job):
                return job
            case Busy():
                service.clock.sleep(_POLL_S)
            case Claim() as claim:
                chunks = removed_at_the_end(
                    claim,
                    service.store,
                    service.in_background,
                    is_checked=proof.policy is not None,
                    has_parts=request.parts,
                )
                with lost_to_another(claim), chunks:
                    return Generation(service, request, call, claim, scripts, proof, watch).run()
        is_new = may_create = False  # who deletes the job from here on doesn't want it


class Generation:
    """One attempt at a job that this worker has claimed."""

    def __init__(
        self,
        service: Service,
        request: Generate,
        call: Call,
        claim: Claim,
        scripts: Scripts,
        proof: Proof,
        watch: Stopwatch,
    ) -> None:
        self._service = service
        self._request = request
        self._candidates = scripts.candidates
        self._claim = claim
        self._scripts = scripts
        self._reports = Reports(service, call, claim)
        check = self._reports.before_step
        self._voices = JobVoices(service, request, call, watch, candidates=scripts.candidates, before_step=check)
        self._proof = proof
        self._watch = watch
        self._tasks = JobTasks(service.gpu, watch, check)
        self._tally = Tally()
        self._results = ResultWriter(service.store, service.jobs, claim, check)
        self._ends_at = watch.now() + service.settings.execution_timeout_s * _USABLE
        self._failed_engines: dict[EngineName, ServiceError] = {}

    def run(self) -> Job:
        """Speak, store, complete. Whatever fails is in the record (if the store lets us) before it is raised."""
        try:
            with Heartbeat(self._claim, self._service.jobs.lease_s):
                result = self._speak()
                parts = self._reports.parts
                self._results.complete(result, self._effort(), parts.parts if parts else None)
        except LeaseLost:
            raise
        except (Exception, SystemExit) as error:  # a library's sys.exit must not end the worker with the job untold
            raise self._recorded(self._service.failure(error)) from error
        finally:
            self._results.remove_unless_named()
        return self._claim.job

    def _speak(self) -> dict[str, Any]:
        first = next(one for one in self._candidates if not one.problem)  # the others will hardly be asked
        with self._service.engines.prefetch(first.found):
            voices, audio = self._voices.with_audio(self._scripts.voices, self._claim.job.job_id)
            if voices != self._scripts.voices:  # one was heard, or replaced: other words, another plan
                self._scripts = self._scripts.again(voices)
            # As far as is known before one is loaded.
            self._reports.total = len(self._scripts.of(self._candidates[0]).plan.chunks)
            spoken = self._infer(audio)
        return self._store_result(spoken)

    def _infer(self, audio: Mapping[str, Path]) -> Spoken:
        """The speech, of the first device that does it. Another device speaks the whole text: its noise is another, and so is the voice."""
        devices = devices_of(self._service, fallback=self._request.device_fallback)
        reason = None
        for device in devices:
            try:
                return self._infer_on(device, reason, audio)
            except CPU_MAY_HELP as failure:
                if device == devices[-1]:
                    raise
                log_failure(failure, self._claim.job.job_id)
                reason = f"{failure.code}: {failure.message}"
            self._forget_engines()
        raise AssertionError("the last device's failure is raised")

    def _infer_on(self, device: str | None, reason: str | None, audio: Mapping[str, Path]) -> Spoken:
        """The speech, of the first engine whose checkpoint can be used on that device. Raises CheckpointUnusable if none can."""
        self._failed_engines.clear()
        for candidate in self._candidates:
            if self._failed_engines:
                self._forget_engines()  # before this one needs the memory
            with self._service.gpu.using(weights_of(candidate.found, device)):
                try:
                    speaker = self._load(candidate, device)
                except CheckpointUnusable as error:
                    note_unusable(candidate, error, self._failed_engines, job=self._claim.job.job_id)
                    continue
                script = self._script(candidate, speaker)
                proved = self._chunks(candidate, speaker, script, audio, device)
            choice = Choice(candidate, speaker.facts, script.plan.language, dict(self._failed_engines))
            used = DeviceUse(self._service.settings.device, speaker.facts.device.split(" ")[0], reason)
            return Spoken(choice, script, self._scripts.voices, proved, used, self._voices.heard_elsewhere)
        raise nobody_spoke(self._failed_engines)

    def _load(self, candidate: Candidate, device: str | None) -> Speaker:
        """Raises CheckpointUnusable, and what the device, the hub and the bucket do."""
        if candidate.problem:
            raise candidate.problem

        def load() -> Speaker:
            self._reports.begin()
            told = {"language": self._scripts.language, "job": self._claim.job.job_id}
            part = self._watch.parts_of("load")
            return Speaker(self._service, candidate.found, device, self._reports.before_step, **told, part=part)

        return self._tasks.run("load", [GpuTask(weights_of(candidate.found, device), 0.0, load)])[0]

    def _script(self, candidate: Candidate, speaker: Speaker) -> Script:
        """What the loaded engine speaks, with the job's seeds. Raises InvalidText, InvalidRequest."""
        script = self._scripts.of_loaded(candidate, speaker.alphabet)
        self._reports.planned(len(script.plan.chunks))
        return replace(script, plan=script.plan.seeded(self._claim.job.seed))

    def _chunks(
        self, candidate: Candidate, speaker: Speaker, script: Script, audio: Mapping[str, Path], device: str | None
    ) -> ProvedSpeech:
        """Spoken, checked as the request asks, and joined; with the times of its words. Raises SpeechMismatch."""
        job, store, reports = self._claim.job, self._service.store, self._reports
        references, parameters = self._scripts.references(script, audio), candidate.parameters
        form = self._request.form_of_parts()
        reports.parts = SpeechParts(store, job, script.plan, form) if form else None
        kept = ChunkStore(store, job, speaker.facts, parameters, references)
        chunks = ChunkByChunk(script.plan, references, parameters, speaker, self._tasks, kept, self._tally, reports)
        recogniser = Recogniser(self._service, self._tasks, device, reports.before_step, job.job_id)
        prover = Prover(self._proof, recogniser, references, self._service.clock, self._time_left)
        texts = [turn.text for turn in self._request.speeches()]
        with kept:
            if prover.checker:
                takes = drawn(chunks, prover.checker, job.seed)
            else:
                waves = chunks.speak(script.plan.chunks)
                takes = {chunk.index: Take(chunk, 0, waves[chunk.index]) for chunk in script.plan.chunks}
        return prover.proved(script, takes, texts, parameters)

    def _store_result(self, spoken: Spoken) -> dict[str, Any]:
        job, script, audio_format = self._claim.job, spoken.script, self._request.format
        pcm = spoken.speech.finished.pcm
        with self._watch.timing("encode"):
            data = encode_pcm16(pcm, SAMPLE_RATE, audio_format)
        told = spoken.to_json(self._request.wishes(), self._service.settings)
        proved = script.to_json(spoken.speech.warnings) | spoken.speech.to_json()
        proved |= cost_of(self._watch.to_json(), self._service.settings.gpu_price_per_second)
        manifest = spoken.manifest(job, self._tally, self._service.worker) | told | proved
        with self._watch.timing("upload"):
            self._reports.store_parts(self._results)
            audio = self._results.save(data, audio_format, manifest)
            files = self._results.save_beside(audio["key"], spoken.speech.files)
        timings = self._watch.to_json()
        log.info("job.spoken", extra={"job": job.job_id, "chunks": len(script.plan.chunks), "timings": timings, **told})
        return {
            "duration": round(len(pcm) / SAMPLE_RATE, 4),
            "audio": audio,
            **({"files": files} if files else {}),
            **told,
            **proved,
            "manifest": manifest,
            "timings": timings,
        }

    def _time_left(self) -> float:
        return self._ends_at - self._watch.now()

    def _recorded(self, failure: ServiceError) -> ServiceError:
        job = self._claim.job
        whose = {"job_id": job.job_id} if isinstance(failure, Interrupted) else {}
        error = of_claimed_job(failure, [attempt.outcome for attempt in job.attempts])
        error = error.copied(**told_of_fallback(self._candidates, self._failed_engines), **whose)
        try:
            error = self._claim.fail(error, self._effort())
        except LeaseLost:  # what became of the job is the other worker's to tell
            raise
        except Exception as untold:  # noqa: BLE001 - a full disk, no descriptors: the lease lapses, and the job can be taken over
            log.warning("job.failure_not_recorded", extra={"job": job.job_id, "kind": type(untold).__name__})
        facts = {"job": self._claim.job.job_id, "code": error.code, "attempt": self._claim.job.attempt}
        engines = {name: value for name, value in error.details.items() if name.startswith(("engine_", "fallback_"))}
        log.info("job.failed", extra={**facts, **engines})
        return error

    def _effort(self) -> Effort:
        made, reused = self._tally.made, self._tally.reused
        return Effort(timings=self._watch.to_json(), chunks_made=made, chunks_reused=reused)

    def _forget_engines(self) -> None:
        """What a failed attempt has left leaves the memory."""
        self._service.gpu.run(lambda: self._service.engines.unload(forget=True))
