"""The actions, one short function per request."""

import platform
from datetime import timedelta

from cloning.errors import ConsentRequired, InvalidRequest, ServiceError, StorageMisconfigured
from cloning.generate.attempt import run_to_the_end
from cloning.generate.chunk_store import removed_after_cancel
from cloning.generate.proof.recording import checked_recording
from cloning.generate.read_only import read_only
from cloning.generate.transcribe import transcribed
from cloning.jobs.housekeeping import Housekeeping
from cloning.keys import is_id
from cloning.model_problems import model_problems
from cloning.names import public_name
from cloning.planning.engine_kinds import KINDS
from cloning.planning.pace import is_plausible
from cloning.ports import NoSuchObject
from cloning.replies import (
    Reply,
    dictionary_reply,
    listed_dictionary_reply,
    listed_reply,
    parts_reply,
    result_reply,
    speech_of,
    status_reply,
    voice_reply,
)
from cloning.requests.check import Check
from cloning.requests.generate import Delivery, Generate
from cloning.requests.models import (
    AnyRequest,
    Cancel,
    Delete,
    Expire,
    Health,
    Result,
    Status,
    Upload,
    Voices,
)
from cloning.requests.problems import shown
from cloning.requests.texts import Dictionaries, Read, StoreDictionary
from cloning.service import Call, Service
from cloning.versions import versions
from cloning.voices.library import read_audio
from cloning.voices.record import NewVoice, Voice

Kept = Status | Result | Voices | StoreDictionary | Dictionaries | Expire | Cancel | Health
NOT_SHARED = (
    "S3_BUCKET is not set: voices, jobs and results are on this worker's own disk, no other worker of the endpoint has them, "
    "and they are lost with it; set S3_BUCKET"
)


def perform(service: Service, request: AnyRequest, call: Call) -> Reply:
    """Do what the request asks. Raises ServiceError."""
    match request:
        case Generate():
            return generate(service, request, call)
        case Upload():
            return upload(service, request, call)
        case Check():
            return check(service, request, call)
        case Read():
            return read_only(service, request, call)
        case Delete():
            return delete(service, request, call)
        case _:
            return _kept(service, request)


def _kept(service: Service, request: Kept) -> Reply:  # noqa: PLR0911 - one return per action
    """Perform the actions that need only stored objects and this worker."""
    match request:
        case Status():
            return status(service, request)
        case Result():
            return result(service, request)
        case Voices():
            return voices(service, request)
        case StoreDictionary():
            return dictionary(service, request)
        case Dictionaries():
            return dictionaries(service, request)
        case Expire():
            return expire(service, request)
        case Cancel():
            return cancel(service, request)
        case Health():
            return health(service)


def upload(service: Service, request: Upload, call: Call) -> Reply:
    """Check a recording, make it canonical, store it, and report its measures."""
    if service.settings.require_consent and not request.consent:
        raise ConsentRequired(
            "a voice needs its speaker's consent; send consent: true, or a sentence on how it was given (a sentence that says no doesn't count)",
            field="consent",
        )
    recording = _recording(service, request, call)
    canonical, measures = service.decoder.canonical(recording, stopped=call.stopped)
    if request.transcript and canonical.clipped:
        raise InvalidRequest(
            "speech was cut off (what is beyond 12 s, or so quiet that it counts as silence), so the transcript no longer fits; "
            "leave it out (it is made automatically), or send at most 12 s of even loudness", field="transcript",
        )  # fmt: skip
    if request.transcript and not is_plausible(request.transcript, canonical.duration):
        raise InvalidRequest(
            f"the transcript has {len(request.transcript)} characters and the recording {canonical.duration:.1f} s of speech: "
            "they don't belong together; send the exact words, or leave the transcript out", field="transcript",
        )  # fmt: skip
    new = NewVoice(request.voice, request.consent, request.language, request.transcript)
    voice = service.voices.add(new, canonical, measures, replace=request.replace)
    if request.transcribe_now:
        voice = _with_words(service, voice, call)
    return {**voice_reply(voice), "status": "STORED"}


def _with_words(service: Service, voice: Voice, call: Call) -> Voice:
    """Return the voice with a transcript. A failure says that the voice is stored anyway, and which upload can change it."""

    def words() -> Voice:
        return transcribed(service, voice, before_step=call.check_stopped, stopped=call.stopped)[0]

    try:
        return service.gpu.run(words, stopped=call.stopped)
    except ServiceError as error:
        message = (
            f"{error.message} (the voice {voice.voice!r} is stored, without a transcript: the same upload tries again, "
            "one with another recording or with the transcript needs replace: true)"
        )
        raise type(error)(message, **{**error.details, "voice": voice.voice, "stored": True}) from error


def _recording(service: Service, request: Upload | Check, call: Call) -> bytes:
    if isinstance(request, Check) and request.job_id is not None:
        return speech_of(service, service.jobs.get(request.job_id))
    if request.audio is not None:
        return request.audio
    if request.audio_url is not None:
        return service.fetch_url(request.audio_url, call.stopped)
    key = request.audio_key or ""
    _refuse_other_folders(service, key)
    try:
        return read_audio(service.store, key, int(service.settings.max_audio_mb * 1e6))
    except NoSuchObject:
        raise InvalidRequest(
            f"audio_key {request.audio_key!r} names nothing in the bucket", field="audio_key"
        ) from None
    except ValueError as error:
        raise InvalidRequest(f"audio_key can't be a key: {error}", field="audio_key") from None


def _refuse_other_folders(service: Service, key: str) -> None:
    """Refuse a key outside the allowed folders without asking the bucket, so that the reply reveals nothing of its contents."""
    folders = service.settings.audio_key_prefixes
    if not key.startswith(folders):
        raise InvalidRequest(
            f"audio_key {shown(key)} is not below {' or '.join(folders)}: put the recording there and send that key "
            "(AUDIO_KEY_PREFIXES names other folders)", field="audio_key", allowed=list(folders),
        )  # fmt: skip


def generate(service: Service, request: Generate, call: Call) -> Reply:
    """Speak; the reply is the finished job's."""
    if request.job_id is None and not is_id(call.delivery_id):
        raise InvalidRequest(
            f"the delivery's id {shown(call.delivery_id)} can't name a job: send job_id, 1 to 64 letters, digits, '.', '_' or '-'",
            field="job_id",
        )
    _refuse_useless_url(service, request.delivery)
    return result_reply(service, run_to_the_end(service, request, call), request.delivery)


def check(service: Service, request: Check, call: Call) -> Reply:
    """Compare a recording with its text; only the recogniser is loaded."""
    service.transcribers.check(service.settings.asr_model)
    recording = service.decoder.recording(_recording(service, request, call), stopped=call.stopped)
    return checked_recording(service, request, recording, call)


def status(service: Service, request: Status) -> Reply:
    """Report the job's state, from the bucket."""
    job = service.jobs.get(request.job_id)
    return {**status_reply(job, service.clock.now()), **parts_reply(service, job, request.parts_after)}


def result(service: Service, request: Result) -> Reply:
    """Return the job's result, from the bucket, with a new URL."""
    _refuse_useless_url(service, request.delivery)
    return result_reply(service, service.jobs.get(request.job_id), request.delivery)


def _refuse_useless_url(service: Service, delivery: Delivery) -> None:
    if delivery != "inline" and service.settings.is_bucket_forgotten:
        raise StorageMisconfigured(
            f"delivery {delivery!r} needs a bucket, and this endpoint has none: a URL would name a file inside the worker; "
            "set S3_BUCKET, or ask for delivery 'inline'",
            field="delivery",
        )


def voices(service: Service, request: Voices) -> Reply:
    """List one page of the library. A bare file that was never used has only a name."""
    page, cursor = service.voices.page(limit=request.limit, after=request.cursor or "")
    entries = [listed_reply(one) for one in page]
    return {"voices": entries, "count": len(entries), "next_cursor": cursor}


def dictionary(service: Service, request: StoreDictionary) -> Reply:
    """Store a dictionary."""
    stored = service.dictionaries.add(request.dictionary, request.say, replace=request.replace)
    return {**dictionary_reply(stored), "status": "STORED"}


def dictionaries(service: Service, request: Dictionaries) -> Reply:
    """List one page of the dictionaries."""
    page, cursor = service.dictionaries.page(limit=request.limit, after=request.cursor or "")
    entries = [listed_dictionary_reply(one) for one in page]
    return {"dictionaries": entries, "count": len(entries), "next_cursor": cursor}


def delete(service: Service, request: Delete, call: Call) -> Reply:
    """Remove a voice, a job with its result, or a dictionary."""
    if request.voice is not None:
        service.voices.delete(request.voice)
        return {"deleted": {"voice": request.voice}}
    if request.dictionary is not None:
        service.dictionaries.delete(request.dictionary)
        return {"deleted": {"dictionary": request.dictionary}}
    service.jobs.delete(request.job_id or "", delivery=call.delivery_id)
    return {"deleted": {"job_id": request.job_id}}


def expire(service: Service, request: Expire) -> Reply:
    """Run one round of housekeeping."""
    before = service.clock.now() - timedelta(days=request.older_than_days)
    housekeeping = Housekeeping(service.store, service.jobs, before, request.dry_run)
    removed = housekeeping.run(limit=request.limit, after=request.cursor or "")
    counts = {"jobs": removed.jobs, "chunks": removed.chunks, "results": removed.results}
    skipped = {"skipped": len(removed.skipped)} if removed.skipped else {}
    return {"removed": counts, **skipped, "dry_run": request.dry_run, "next_cursor": removed.next_cursor}


def cancel(service: Service, request: Cancel) -> Reply:
    """Flag the job; the worker that runs it stops between two steps of the model. If no worker runs it, remove what it left."""
    job = service.jobs.cancel(request.job_id)
    removed_after_cancel(job, service.store, service.in_background)
    return status_reply(job, service.clock.now())


def health(service: Service) -> Reply:
    """Report whether the bucket and the GPU work, the loaded models, and models that can't be loaded. Loads nothing."""
    store, unfit = _store_health(service), service.breaker.failure
    # A bucket that doesn't answer would be waited for again.
    problems = model_problems(service.settings, service.engines, service.transcribers) if store["reachable"] else {}
    return {
        "status": "degraded" if store["problem"] or unfit or problems else "ok",
        "unfit": unfit.to_record() if unfit else None,
        "problems": [problem.to_record() for problem in problems.values()],
        "store": store,
        "engine": service.engines.loaded(),
        "transcriber": service.transcribers.loaded(),
        "gpu": service.gpu_memory(),
        "default_engine": service.settings.engine,
        "fallback": list(service.settings.fallback),
        "checkpoint": public_name(KINDS[service.settings.engine].checkpoint(service.settings)),
        "asr_model": public_name(service.settings.asr_model),
        "phone_check": service.settings.phone_check,
        "worker": service.worker,
        "python": platform.python_version(),
        "versions": versions(),
    }


def _store_health(service: Service) -> Reply:
    unreachable = _trouble(service)
    problem = unreachable or (StorageMisconfigured(NOT_SHARED) if service.settings.is_bucket_forgotten else None)
    return {
        "kind": type(service.store).__name__,
        "reachable": unreachable is None,
        "problem": problem.to_record() if problem else None,
        "conditional_writes": service.conditions.mode,
    }


def _trouble(service: Service) -> ServiceError | None:
    try:
        service.store.check()
    except ServiceError as error:
        return error
    return None
