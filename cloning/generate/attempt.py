"""
One generate, from its claim to its result in the bucket.

The order is the guarantee: everything that can be refused is refused first; the audio and its manifest are in the bucket
before the record says COMPLETED; the record says so before anybody is told.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from cloning.audio.canonical import encode_pcm16, to_pcm16
from cloning.audio.clipping import Pcm16, remove_long_silences
from cloning.clock import Stopwatch
from cloning.errors import Interrupted, JobNotFound, ServiceError
from cloning.failures import of_claimed_job
from cloning.generate.candidates import (
    Candidate,
    Choice,
    candidates_of,
    check_candidates,
    first_usable,
    needs_transcript,
    reference_for,
    told_of_fallback,
)
from cloning.generate.chunk_store import removed_at_the_end
from cloning.generate.script import Script, plan_early, script_of
from cloning.generate.speaker import DeviceUse, Speaker, on_some_device
from cloning.generate.speaking import Asker, Task, chunk_by_chunk
from cloning.generate.transcribe import transcribed
from cloning.jobs.claim import Claim, Heartbeat, JobGone, LeaseLost
from cloning.jobs.record import Effort, Job
from cloning.jobs.results import MAY_PASS, ResultWriter
from cloning.jobs.store import Busy, Finished
from cloning.names import EngineName
from cloning.planning.f5 import SAMPLE_RATE, Plan
from cloning.ports import Reference, Samples, Value
from cloning.ports.gpu import GpuTask
from cloning.requests.models import Generate
from cloning.service import Call, Service
from cloning.versions import versions
from cloning.voices.record import Voice

log = logging.getLogger(__name__)

# `load_import` and `load_fetch` run side by side.
_PHASES = (
    "queue", "voice", "transcript", "load", "load_import", "load_fetch", "load_weights", "infer", "keep", "encode", "upload",
)  # fmt: skip
_POLL_S = 1.0


def run_to_the_end(service: Service, request: Generate, call: Call) -> Job:
    """
    The job's final record, whoever did it: the store's if it was done before, another worker's if that one is at it, else ours.

    Raises the ServiceError that the caller should see.
    """
    job_id, digest = request.job_id or call.delivery_id, request.digest()
    known = service.jobs.find(job_id)
    if known is not None and known.status.is_final and known.request_digest == digest:
        return known
    service.latch.check()
    watch = Stopwatch(_PHASES, service.clock.monotonic)
    candidates = candidates_of(request, service.settings)
    with watch.timing("voice"):
        voice = service.voices.get(request.voice, stopped=call.stopped)
    check_candidates(service.engines, candidates, request, of_voice=voice.language)
    plan_early(service, request, candidates, voice, job_id)
    seed = service.draw_seed() if request.seed is None else request.seed
    is_new, may_create = known is None, True
    while True:
        call.check_stopped(job_id)
        match service.jobs.claim(job_id, digest, seed, is_new=is_new, may_create=may_create):
            case Finished(job):
                return job
            case Busy():
                service.clock.sleep(_POLL_S)
            case Claim() as claim:
                with _lost_to_another(claim), removed_at_the_end(claim, service.store, service.aside):
                    return Generation(service, request, candidates, call, claim, voice, watch).run()
        is_new = may_create = False  # who deletes the job from here on doesn't want it


@contextmanager
def _lost_to_another(claim: Claim) -> Iterator[None]:
    """The block ends quietly if another worker has taken the job over. Raises JobNotFound if the job was deleted."""
    try:
        yield
    except LeaseLost as lost:
        if isinstance(lost, JobGone):
            job_id = claim.job.job_id
            raise JobNotFound(f"job {job_id!r} was deleted while it was spoken", job_id=job_id) from None


class Generation:
    """One attempt at a job that this worker has claimed."""

    def __init__(
        self,
        service: Service,
        request: Generate,
        candidates: tuple[Candidate, ...],
        call: Call,
        claim: Claim,
        voice: Voice,
        watch: Stopwatch,
    ) -> None:
        self._service = service
        self._request = request
        self._candidates = candidates
        self._call = call
        self._claim = claim
        self._voice = voice
        self._watch = watch
        self._asker = Asker(service, call, watch, self._before_step)
        self._results = ResultWriter(service.store, service.jobs, claim, self._before_step)
        self._begun = False
        self._device: DeviceUse | None = None
        self._heard_elsewhere: str | None = None
        self._failed_engines: dict[EngineName, ServiceError] = {}

    def run(self) -> Job:
        """Speak, store, complete. Whatever fails is in the record (if the store lets us) before it is raised."""
        try:
            with Heartbeat(self._claim, self._service.jobs.lease_s):
                result = self._speak()
                self._results.complete(result, self._effort())
        except LeaseLost:
            raise
        except (Exception, SystemExit) as error:  # a library's sys.exit must not end the worker with the job untold
            raise self._recorded(self._service.failure(error)) from error
        finally:
            self._results.remove_unless_named()
        return self._claim.job

    def _recorded(self, failure: ServiceError) -> ServiceError:
        job = self._claim.job
        whose = {"job_id": job.job_id} if isinstance(failure, Interrupted) else {}
        error = of_claimed_job(failure, [attempt.outcome for attempt in job.attempts])
        error = error.copied(**told_of_fallback(self._candidates, self._failed_engines), **whose)
        try:
            self._claim.fail(error, self._effort())
        except LeaseLost:  # what became of the job is the other worker's to tell
            raise
        except Exception as untold:  # noqa: BLE001 - a full disk, no descriptors: the lease lapses, and the job can be taken over
            log.warning("job.failure_not_recorded", extra={"job": job.job_id, "kind": type(untold).__name__})
        facts = {"job": self._claim.job.job_id, "code": error.code, "attempt": self._claim.job.attempt}
        engines = {name: value for name, value in error.details.items() if name.startswith(("engine_", "fallback_"))}
        log.info("job.failed", extra={**facts, **engines})
        return error

    def _effort(self) -> Effort:
        tally = self._asker.tally
        return Effort(timings=self._watch.to_json(), chunks_made=tally.made, chunks_reused=tally.reused)

    def _speak(self) -> dict[str, Any]:
        # Its files come beside the voice and its words; only the first engine's, for the others will hardly be asked.
        with self._service.engines.prepared(self._candidates[0].checkpoint):
            reference = self._reference()
            plans = [self._script(one, reference).plan for one in self._candidates]
            with self._service.gpu.hold():
                choice, script, samples = self._infer(reference, len(plans[0].chunks))
        return self._store_result(choice, script, samples)

    def _script(self, candidate: Candidate, reference: Reference, speaker: Speaker | None = None) -> Script:
        """What that engine is to speak, by what is known of it, or by the loaded engine itself. Raises InvalidText, InvalidRequest."""
        known_early = self._service.engines.alphabet
        alphabet = speaker.alphabet if speaker else known_early(candidate.checkpoint, reference.language)
        return script_of(self._request, candidate, reference, alphabet, seed=self._claim.job.seed)

    def _reference(self) -> Reference:
        """Audio and words that belong together, though the voice may be replaced while it is heard or fetched."""
        while True:
            with self._watch.timing("voice"):
                self._voice, path = self._service.voices.with_audio(self._voice)
            if self._voice.transcript or not needs_transcript(self._candidates):
                return reference_for(self._request, self._candidates, self._voice, path)
            self._on_gpu(self._transcribe)

    def _on_gpu(self, work: Callable[[], Value]) -> Value:
        """The work's result; the wait for the GPU counts as `queue`."""
        begun = self._watch.now()

        def owned() -> Value:
            self._watch.add("queue", self._watch.now() - begun)
            self._call.check_stopped(self._claim.job.job_id)
            return work()

        return self._service.gpu.run(owned, stopped=self._call.stopped)

    def _transcribe(self) -> None:
        with self._watch.timing("transcript"):
            self._voice, self._heard_elsewhere = transcribed(
                self._service,
                self._voice,
                device_fallback=self._request.device_fallback,
                before_step=self._before_step,
                stopped=self._call.stopped,
                job=self._claim.job.job_id,
            )

    def _infer(self, reference: Reference, total: int) -> tuple[Choice, Script, Samples]:
        requested = self._service.settings.device
        (choice, script, samples), reason = on_some_device(
            self._service,
            lambda device: self._spoken(device, reference, total),
            fallback=self._request.device_fallback,
            job=self._claim.job.job_id,
        )
        self._device = DeviceUse(requested, choice.facts.device.split(" ")[0], reason)
        return choice, script, samples

    def _spoken(self, device: str | None, reference: Reference, total: int) -> tuple[Choice, Script, Samples]:
        """`total` is how many chunks the first engine will make, as far as is known before it is loaded."""
        with ExitStack() as used:
            candidate, speaker = self._loaded(used, device, reference.language, total)
            script = self._script(candidate, reference, speaker)
            if len(script.plan.chunks) != total:
                with suppress(*MAY_PASS):  # as every report: the next one tells it too
                    self._claim.report(0, len(script.plan.chunks))
            choice = Choice(candidate, speaker.facts, dict(self._failed_engines))
            task = Task(self._claim.job, script.reference, candidate.parameters, script.plan)
            return choice, script, chunk_by_chunk(self._asker, speaker, task, self._before_chunk)

    def _loaded(
        self, used: ExitStack, device: str | None, language: str | None, total: int
    ) -> tuple[Candidate, Speaker]:
        """The first engine that can be used; its weights are in use until `used` ends."""
        job_id = self._claim.job.job_id

        def load(one: Candidate) -> Speaker:
            weights = (one.checkpoint, device)

            def loaded() -> Speaker:
                self._begin(total)
                told = {"language": language, "job": job_id}
                part = self._watch.parts_of("load")
                return Speaker(self._service, one.checkpoint, device, self._before_step, **told, part=part)

            used.close()  # of the one before
            used.enter_context(self._service.gpu.using(weights))
            return self._asker.do("load", [GpuTask(weights, 0.0, loaded)])[0]

        return first_usable(
            self._candidates,
            load,
            failed=self._failed_engines,
            forget=lambda: self._service.gpu.run(lambda: self._service.engines.unload(forget=True)),
            job=job_id,
        )

    def _begin(self, total: int) -> None:
        """The GPU is ours for the first time."""
        self._before_step()
        if not self._begun:
            self._claim.start(total)
            self._begun = True
        self._claim.check_cancelled()

    def _before_chunk(self, done: int, total: int) -> None:
        """Between two chunks: tell how far it is, and learn whether it is still wanted."""
        self._before_step()
        if done:  # the start said 0
            # The heartbeat tries again; the job's end will tell if the store stays away.
            with suppress(*MAY_PASS):
                self._claim.report(done, total)
        self._claim.check_cancelled()
        self._call.send_progress({"job_id": self._claim.job.job_id, "done": done, "total": total})

    def _before_step(self) -> None:
        """Is this still our job, and still wanted, as far as it is known without asking the bucket?"""
        self._call.check_stopped(self._claim.job.job_id)
        self._claim.check_held()
        self._claim.check_cancelled()

    def _store_result(self, choice: Choice, script: Script, samples: Samples) -> dict[str, Any]:
        job_id, audio_format = self._claim.job.job_id, self._request.format
        with self._watch.timing("encode"):
            pcm = _finished(samples, remove_silence=choice.candidate.parameters.remove_silence)
            data = encode_pcm16(pcm, SAMPLE_RATE, audio_format)
        told = choice.told(self._request, self._service.settings)
        told |= self._device.to_json() if self._device else {}
        manifest = self._manifest(choice, script.plan) | told | script.told()
        with self._watch.timing("upload"):
            audio = self._results.save(data, audio_format, manifest)
        timings = self._watch.to_json()
        log.info("job.spoken", extra={"job": job_id, "chunks": len(script.plan.chunks), "timings": timings, **told})
        duration = round(len(pcm) / SAMPLE_RATE, 4)
        return {"duration": duration, "audio": audio, **told, **script.told(), "manifest": manifest, "timings": timings}

    def _manifest(self, choice: Choice, plan: Plan) -> dict[str, Any]:
        """What really spoke and with which values: no request is needed to read it."""
        return {
            **choice.manifest(plan),
            "voice": self._voice.voice,
            "voice_sha256": self._voice.audio.sha256,
            "transcript_by": self._voice.transcript.made_by if self._voice.transcript else None,
            "transcript_device_fallback_reason": self._heard_elsewhere,
            "seed": self._claim.job.seed,
            "chunks_reused": self._asker.tally.reused,
            "chunks_frugal": self._asker.tally.frugal,
            "worker": self._service.worker,
            "attempt": self._claim.job.attempt,
            "versions": versions(),
        }


def _finished(samples: Samples, *, remove_silence: bool) -> Pcm16:
    """As it will be encoded. Raises ArithmeticError if 16 bits hear nothing of it."""
    pcm = to_pcm16(samples)
    pcm = remove_long_silences(pcm, SAMPLE_RATE) if remove_silence else pcm
    if not pcm.any():
        raise ArithmeticError("the whole speech is silence")
    return pcm
