"""
One generate: check, plan, claim; an attempt (cloning.generate.attempt) does the rest. Read it downward.

Everything that can be refused is refused first, before anything is stored or a model is loaded.
"""

from cloning.clock import Stopwatch
from cloning.generate.attempt import Generation
from cloning.generate.candidates import candidates_of, check_candidates
from cloning.generate.chunk_store import removed_at_the_end
from cloning.generate.proof.prover import proof_of
from cloning.generate.respellings import respellings_of
from cloning.generate.script import Scripts, language_of_all
from cloning.jobs.claim import Claim, lost_to_another
from cloning.jobs.record import Job
from cloning.jobs.store import Busy, Finished
from cloning.requests.generate import Generate
from cloning.service import Call, Service

# `load_import` and `load_fetch` run side by side.
_PHASES = (
    "queue", "voice", "transcript", "load", "load_import", "load_fetch", "load_weights", "infer", "keep", "encode", "upload",
)  # fmt: skip
_POLL_S = 1.0


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
    proof = proof_of(request, service.settings)
    watch = Stopwatch(_PHASES + (("check",) if proof.needs_recogniser else ()), service.clock.monotonic)
    candidates = candidates_of(request.wishes(), service.settings)
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
        match service.jobs.claim(job_id, digest, seed, is_new=is_new, may_create=may_create):
            case Finished(job):
                return job
            case Busy():
                service.clock.sleep(_POLL_S)
            case Claim() as claim:
                chunks = removed_at_the_end(
                    claim, service.store, service.in_background, is_checked=proof.policy is not None
                )
                with lost_to_another(claim), chunks:
                    return Generation(service, request, call, claim, scripts, proof, watch).run()
        is_new = may_create = False  # who deletes the job from here on doesn't want it
