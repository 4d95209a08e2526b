"""The shapes of the replies. None uses the top-level keys `error` and `refresh_worker`, which RunPod's SDK removes."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from cloning.audio.canonical import SAMPLE_RATE
from cloning.dictionaries.record import Dictionary
from cloning.dictionaries.record import Listed as ListedDictionary
from cloning.errors import JobCancelled, JobFailed, JobNotFinished, NotFound, ResultTooLarge, StorageUnavailable
from cloning.jobs.record import Attempt, Job, JobStatus, ResultFile
from cloning.ports import NoSuchObject, TooLarge
from cloning.reading.spans import Reading
from cloning.records import damaged
from cloning.requests.encoding import encode_base64
from cloning.requests.generate import Delivery
from cloning.service import Service
from cloning.voices.record import Listed, Voice

Reply = dict[str, Any]
_UNKNOWN_END = (
    "the URL ends before expires_at if the session token that signed it does, and the worker does not know when that is: "
    "set AWS_CREDENTIAL_EXPIRATION"
)
# The rest of a reply, besides inline audio, is far below this.
_ROOM_BYTES = 50_000
# Words beyond this part of a reply, or beside too much inline audio, are left to their file.
_SHARE_OF_WORDS = 0.2
WORDS = "words"
# How many parts a reply lists: of a job that runs, and of one that is asked for them.
_LAST_PARTS, _PAGE = 16, 100
# What to do about audio that is too large for a reply.
_SEND_SMALLER = "ask for delivery 'url', or a format like mp3 or ogg"
_ASK_FOR_URL = "the speech is in the bucket: ask `result` for it, with this job_id and delivery 'url'"
# A record's result goes into the reply unchanged, except for the reply's own fields.
_NOT_FROM_A_RECORD = {"job_id", "status", "audio_url", "audio", "files", "words", "parts", "error", "refresh_worker"}
_AUDIO_NOT_FROM_A_RECORD = {"base64", "expires_at"}


def voice_reply(voice: Voice) -> Reply:
    """A voice's record as callers see it; `warnings` only if there are some."""
    warnings = [one.model_dump() for one in voice.warnings]
    return {
        "voice": voice.voice,
        "duration": voice.audio.duration,
        "sample_rate": voice.audio.sample_rate,
        "clipped": voice.audio.clipped,
        "gain_db": voice.audio.gain_db,
        "sha256": voice.audio.sha256,
        "language": voice.language,
        "transcript": voice.transcript.text if voice.transcript else None,
        "transcript_by": voice.transcript.made_by if voice.transcript else None,
        "consent": voice.consent.model_dump(mode="json"),
        "measured": voice.measured,
        "adopted": voice.adopted,
        "created_at": when(voice.created_at),
    } | ({"warnings": warnings} if warnings else {})


def listed_reply(entry: Voice | Listed) -> Reply:
    """A voice in a page; for a bare file or a damaged record only the known fields."""
    if isinstance(entry, Voice):
        return voice_reply(entry)
    return {"voice": entry.voice, "adopted": False} | ({"problem": entry.problem} if entry.problem else {})


def dictionary_reply(dictionary: Dictionary) -> Reply:
    """A dictionary as callers see it; `words` is how many it has."""
    return {
        "dictionary": dictionary.dictionary,
        "words": len(dictionary.say),
        "sha256": dictionary.sha256,
        "created_at": when(dictionary.created_at),
        "replaced_at": when(dictionary.replaced_at),
    }


def listed_dictionary_reply(entry: Dictionary | ListedDictionary) -> Reply:
    """A dictionary in a page; for an unreadable one its name and the reason."""
    if isinstance(entry, Dictionary):
        return dictionary_reply(entry)
    return {"dictionary": entry.dictionary, "problem": entry.problem}


def reading_reply(reading: Reading) -> Reply:
    """How a text is read; all places are code points."""
    return {
        "reading": reading.text,
        "spans": [span.to_json() for span in reading.spans],
        "pauses": [asdict(pause) for pause in reading.pauses],
        "normalized_in": reading.normalised_in,
        "warnings": list(reading.warnings),
    }


def status_reply(job: Job, now: datetime) -> Reply:
    """A job's state. A failure of the job is in `failure`, because the status call itself did not fail."""
    reply: Reply = {
        "job_id": job.job_id,
        "status": "INTERRUPTED" if job.is_interrupted(now) else job.status.value,
        "progress": job.progress.model_dump(),
        "attempt": job.attempt,
        "attempts": [_attempt(one) for one in job.attempts],
        "cancel_requested": job.cancel_requested,
        "created_at": when(job.created_at),
        "started_at": when(job.started_at),
        "finished_at": when(job.finished_at),
    }
    if job.failure:
        reply["failure"] = job.failure.model_dump(mode="json")
    return reply


def parts_reply(service: Service, job: Job, after: int | None = None) -> Reply:
    """
    `parts`, if the job has any: the stored part of the speech, with the last parts, or with those `after` a place.

    `next_after` is where to continue, if there are more.
    """
    if job.parts is None:
        return {}
    items, form = job.parts.items, job.parts.format
    first, last = (max(0, len(items) - _LAST_PARTS), len(items)) if after is None else (after + 1, after + 1 + _PAGE)
    told: Reply = {
        "ready": len(items),
        "seconds": round(sum(part.samples for part in items) / SAMPLE_RATE, 4),
        "format": form,
        "sample_rate": SAMPLE_RATE,
        "items": _listed_parts(service, job, range(first, min(last, len(items)))),
    }
    return {"parts": told if after is None else {**told, "next_after": last - 1 if last < len(items) else None}}


def _listed_parts(service: Service, job: Job, places: range) -> list[Reply]:
    parts, found = job.parts, job.part_keys()
    if parts is None or not places:
        return []
    life = service.store.url_life(service.settings.url_expires_s)
    expires_at = when(service.clock.now() + timedelta(seconds=life.seconds))
    begin = sum(part.samples for part in parts.items[: places[0]])
    chain = list(accumulate((part.pcm_sha256 for part in parts.items), _chained, initial=""))
    listed: list[Reply] = []
    for place in places:
        part = parts.items[place]
        told = {"index": place, "offset": _seconds(begin), "duration": _seconds(part.samples), **part.model_dump()}
        url = service.store.url(found[place], expires_s=life.seconds)
        order = {"follows": chain[place], "chain": chain[place + 1]}
        listed.append({**told, **order, "key": found[place], "url": url, "expires_at": expires_at})
        begin += part.samples
    return listed


def _chained(before: str, pcm_sha256: str) -> str:
    """A digest of all parts up to one: a listener who has heard other parts before sees that it doesn't follow."""
    return hashlib.sha256(f"{before} {pcm_sha256}".encode()).hexdigest()[:16]


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 4)


def _attempt(attempt: Attempt) -> Reply:
    effort = attempt.effort
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "claimed_at": when(attempt.claimed_at),
        "ended_at": when(attempt.ended_at),
        "outcome": attempt.outcome,
        "chunks_made": effort.chunks_made if effort else None,
        "chunks_reused": effort.chunks_reused if effort else None,
        "seconds": effort.timings.get("total") if effort else None,
    }


def result_reply(service: Service, job: Job, delivery: Delivery) -> Reply:
    """
    A finished job's result.

    Raises JobNotFinished, JobFailed, JobCancelled, ResultTooLarge, RecordDamaged, and NotFound if the audio is gone.

    (A URL is signed without checking that the audio exists: following it shows that as soon, and a check is one more request.)
    """
    if job.status is not JobStatus.COMPLETED:
        raise _no_result(job, service.clock.now())
    made = _made_by(job)
    stored = {name: value for name, value in (job.result or {}).items() if name not in _NOT_FROM_A_RECORD}
    audio = {name: value for name, value in made.items() if name not in _AUDIO_NOT_FROM_A_RECORD}
    reply: Reply = {"job_id": job.job_id, "status": job.status.value, "audio_url": None, **stored, "audio": audio}
    if delivery in ("url", "both"):
        life = service.store.url_life(service.settings.url_expires_s)
        reply["audio_url"] = service.store.url(audio["key"], expires_s=life.seconds)
        audio["expires_at"] = when(service.clock.now() + timedelta(seconds=life.seconds))
        if not life.is_certain:
            audio["expires_note"] = _UNKNOWN_END
    if delivery in ("inline", "both"):
        refuse_too_large(audio["bytes"], service.settings.max_reply_mb, job.job_id, _ASK_FOR_URL)
        audio["base64"] = encode_base64(_bytes_of(service, job.job_id, audio["key"], audio["bytes"], audio["sha256"]))
    limit_mb = service.settings.max_reply_mb
    room = min(limit_mb * 1e6 * _SHARE_OF_WORDS, limit_mb * 1e6 - _ROOM_BYTES - len(audio.get("base64", "")))
    return {**reply, **parts_reply(service, job), **_files(service, job, room)}


def speech_of(service: Service, job: Job) -> bytes:
    """The speech file of a finished job. Raises as `result_reply`."""
    if job.status is not JobStatus.COMPLETED:
        raise _no_result(job, service.clock.now())
    audio = _made_by(job)
    return _bytes_of(service, job.job_id, audio["key"], audio["bytes"], audio["sha256"])


def _files(service: Service, job: Job, room: float) -> Reply:
    """The words with their times, if they fit into so many bytes, and a URL of every file beside the speech."""
    told: Reply = {}
    life = service.store.url_life(service.settings.url_expires_s)
    for file in job.files:
        url = service.store.url(file.key, expires_s=life.seconds)
        told.setdefault("files", {})[file.kind] = {**file.model_dump(exclude={"kind"}), "url": url}
        if file.kind == WORDS:
            told["words"] = _words_of(service, file) if file.bytes <= room else None
    return told


def _words_of(service: Service, file: ResultFile) -> list[dict[str, Any]] | None:
    """The words; None if they are gone or damaged: the speech may still be there."""
    try:
        body = service.store.get(file.key, most=file.bytes).body
    except (NoSuchObject, TooLarge):
        return None
    if hashlib.sha256(body).hexdigest() != file.sha256:
        return None
    words: list[dict[str, Any]] = json.loads(body)
    return words


def _made_by(job: Job) -> dict[str, Any]:
    """The audio's fields in the record of a completed job. Raises RecordDamaged if some are missing."""
    audio = job.audio
    if job.result is None or audio is None or None in (audio.sha256, audio.bytes):
        raise damaged(Job, job.job_id, "it is COMPLETED but names no audio")
    return dict(job.result["audio"])


def _bytes_of(service: Service, job_id: str, key: str, size: int, sha256: str) -> bytes:
    """An object of the result, verified; one of another size is not even fetched."""
    try:
        body = service.store.get(key).body if service.store.head(key).size == size else b""
    except NoSuchObject:
        raise NotFound(
            f"job {job_id!r} is done, but its audio is no longer in the bucket; delete the job and generate again",
            job_id=job_id,
        ) from None
    if hashlib.sha256(body).hexdigest() != sha256:
        raise StorageUnavailable("the result arrived damaged; ask again, or ask for delivery 'url'")
    return body


def refuse_too_large(audio_bytes: float, max_reply_mb: float, job_id: str, cure: str = _SEND_SMALLER) -> None:
    """Raise ResultTooLarge, which names the cure, if audio of this size, in base64, would not fit into a reply."""
    limit = int((max_reply_mb * 1e6 - _ROOM_BYTES) * 3 / 4)
    if audio_bytes > limit:
        raise ResultTooLarge(
            f"inline audio would have {audio_bytes / 1e6:.1f} MB and a reply carries {limit / 1e6:.1f} MB; {cure}",
            job_id=job_id, bytes=int(audio_bytes), limit=limit,
        )  # fmt: skip


def _no_result(job: Job, now: datetime) -> JobFailed | JobCancelled | JobNotFinished:
    if job.status is JobStatus.FAILED and job.failure:
        message = f"job {job.job_id!r} failed: {job.failure.code}: {job.failure.message}"
        return JobFailed(message, job_id=job.job_id, failure=job.failure.model_dump(mode="json"))
    if job.status is JobStatus.CANCELLED:
        return JobCancelled(f"job {job.job_id!r} was cancelled; it has no result", job_id=job.job_id)
    chunks = f"({job.progress.done} of {job.progress.total} chunks)"
    if job.is_interrupted(now):
        return _abandoned(job, chunks)
    return JobNotFinished(
        f"job {job.job_id!r} is {job.status.value} {chunks}; ask again later",
        job_id=job.job_id, status=job.status.value, retry_after_s=2,
    )  # fmt: skip


def _abandoned(job: Job, chunks: str) -> JobNotFinished:
    """The error for an interrupted job; RunPod redelivers a dead worker's job, but not a cancelled, timed-out or failed one."""
    why = f" since {job.failure.code}" if job.failure else ""
    failure = {"failure": job.failure.model_dump(mode="json")} if job.failure else {}
    return JobNotFinished(
        f"job {job.job_id!r} is INTERRUPTED {chunks} and no worker has it{why}: if RunPod calls it IN_QUEUE or IN_PROGRESS it goes "
        "to another worker; else send the generate again with the same job_id to go on, or cancel it",
        job_id=job.job_id, status="INTERRUPTED", **failure,
    )  # fmt: skip


def when(moment: datetime | None) -> str | None:
    """Format a time as ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
