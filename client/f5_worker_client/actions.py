"""The worker's actions as flows: the request, and how its reply is read."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

from f5_worker_client.errors import Failed, InvalidRequest, NotFound, of_status
from f5_worker_client.http_server import call
from f5_worker_client.queue import LARGEST_BYTES, OK, Call, Link, Reply, asked
from f5_worker_client.replies import Checked, Dictionary, Expired, JobState, Reading, Speech, Voice
from f5_worker_client.steps import Flow

R = TypeVar("R")
T = TypeVar("T")
_DIGITS_OF_AN_ID = 32
_CALLS = frozenset({"job_id", "delivery"})  # say nothing about how it should sound


class SpeakOptions(TypedDict, total=False):
    """The optional fields of `generate` (docs/api.md); `more` takes any other by name."""

    language: str
    engine: str
    profile: str
    checkpoint: str
    seed: int
    speed: float
    normalize: Literal["auto", "off"]
    dictionary: str
    say: Mapping[str, str]
    check: Literal["off", "fast", "full"]
    draws: int
    redraw_speed: float
    on_mismatch: Literal["accept", "fail"]
    words: bool
    subtitles: list[str]
    format: str
    job_id: str
    more: Mapping[str, Any]


class UploadOptions(TypedDict):
    """The optional fields of `upload`."""

    language: NotRequired[str]
    transcript: NotRequired[str]
    transcribe_now: NotRequired[bool]
    replace: NotRequired[bool]


class ReadOptions(TypedDict):
    """The optional fields of `read`."""

    voice: NotRequired[str]
    language: NotRequired[str]
    normalize: NotRequired[Literal["auto", "off"]]
    dictionary: NotRequired[str]
    say: NotRequired[Mapping[str, str]]
    engine: NotRequired[str]


class CheckOptions(TypedDict):
    """The optional fields of `check`."""

    language: NotRequired[str]
    normalize: NotRequired[Literal["auto", "off"]]
    check: NotRequired[Literal["fast", "full"]]
    heard: NotRequired[bool]
    words: NotRequired[bool]
    subtitles: NotRequired[list[str]]


def speech_request(text: str, voice: str, options: SpeakOptions) -> dict[str, Any]:
    """
    Make the input of a `generate`. Without a `job_id`, one is made from all other fields.

    So the same request, sent again by this process or another, finds the same job.
    """
    more = dict(options.get("more", {}))
    known = {name: value for name, value in options.items() if name != "more" and value is not None}
    fields = {"action": "generate", "text": text, "voice": voice, **known, **more}
    return {**fields, "job_id": fields.get("job_id") or job_id_of(fields)}


def job_id_of(fields: Mapping[str, Any]) -> str:
    """An id from the digest of a request."""
    shaping = {name: value for name, value in fields.items() if name not in _CALLS}
    digest = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()
    return f"speech-{digest[:_DIGITS_OF_AN_ID]}"


def speak(link: Link, request: Call) -> Flow[Speech]:
    """Speak; `request` comes from `speech_request`."""
    return _told(Speech.of, (yield from call(link, request)))


def upload(
    link: Link, recording: Path | str | bytes, voice: str, options: UploadOptions, *, consent: bool | str
) -> Flow[Voice]:
    """Store a voice from a file, a URL, or the bytes of a file."""
    fields = {"action": "upload", "voice": voice, "consent": consent, **options, **_recording(recording)}
    return _told(Voice.of, (yield from call(link, Call(fields))))


def voices(link: Link) -> Flow[list[Voice]]:
    """All voices, page by page."""
    replies = yield from _pages(link, {"action": "voices", "limit": 100})
    return _told(lambda pages: [Voice.of(entry) for page in pages for entry in page["voices"]], replies)


def store_dictionary(link: Link, name: str, say: Mapping[str, str], *, replace: bool) -> Flow[Dictionary]:
    """Store respellings of words under a name."""
    fields = {"action": "dictionary", "dictionary": name, "say": dict(say), **({"replace": True} if replace else {})}
    return _told(Dictionary.of, (yield from call(link, Call(fields))))


def dictionaries(link: Link) -> Flow[list[Dictionary]]:
    """All dictionaries, page by page."""
    replies = yield from _pages(link, {"action": "dictionaries", "limit": 100})
    return _told(lambda pages: [Dictionary.of(entry) for page in pages for entry in page["dictionaries"]], replies)


def expire(link: Link, older_than_days: float, *, dry_run: bool) -> Flow[Expired]:
    """Remove old jobs with their results, call by call."""
    fields = {"action": "expire", "older_than_days": older_than_days, "dry_run": dry_run}
    return _told(Expired.of, (yield from _pages(link, fields)))


def _pages(link: Link, fields: Mapping[str, Any]) -> Flow[list[Reply]]:
    """The replies to a request, until one names no next page."""
    pages: list[Reply] = []
    cursor: dict[str, Any] = {}
    while True:
        pages.append((yield from call(link, Call({**fields, **cursor}))))
        if pages[-1].get("next_cursor") is None:
            return pages
        cursor = {"cursor": pages[-1]["next_cursor"]}


def status(link: Link, job_id: str) -> Flow[JobState]:
    """Ask for a job's state."""
    return _told(JobState.of, (yield from call(link, Call({"action": "status", "job_id": job_id}))))


def result(link: Link, job_id: str) -> Flow[Speech]:
    """A finished job's speech, with a fresh URL."""
    return _told(Speech.of, (yield from call(link, Call({"action": "result", "job_id": job_id}))))


def cancel(link: Link, job_id: str) -> Flow[JobState]:
    """
    Ask a job to stop.

    A job that still waits in RunPod's queue is unknown to the worker; if its id is RunPod's, it is cancelled there.
    """
    try:
        return _told(JobState.of, (yield from call(link, Call({"action": "cancel", "job_id": job_id}))))
    except NotFound:
        if link.address.is_http_server:
            raise
        answer = yield from asked(link, "POST", f"cancel/{job_id}")
        if answer.status != OK:
            raise
        state = answer.json() or {}
        nothing = {"done": 0, "total": 0}
        return JobState.of({"job_id": job_id, "status": state.get("status", "CANCELLED"), "progress": nothing})


def delete(link: Link, kind: Literal["voice", "job_id", "dictionary"], name: str) -> Flow[None]:
    """Delete a voice, a finished job, or a dictionary. If an earlier try removed it but its answer was lost, that counts as success."""
    request = Call({"action": "delete", kind: name})
    try:
        yield from call(link, request)
    except NotFound:
        if request.posts == 1:
            raise


def read(link: Link, text: str, options: ReadOptions) -> Flow[Reading]:
    """How a text would be read; no job begins."""
    return _told(Reading.of, (yield from call(link, Call({"action": "read", "text": text, **options}))))


def check(link: Link, recording: Path | str | bytes, text: str, options: CheckOptions) -> Flow[Checked]:
    """Compare a recording with its text."""
    fields = {"action": "check", "text": text, **options, **_recording(recording)}
    return _told(Checked.of, (yield from call(link, Call(fields))))


def health(link: Link) -> Flow[Reply]:
    """The worker's health; starts a worker if none is up."""
    return (yield from call(link, Call({"action": "health"})))


def queue_health(link: Link) -> Flow[Reply]:
    """RunPod's count of jobs and workers; starts nothing. A worker's own HTTP server has no queue."""
    if link.address.is_http_server:
        return {}
    answer = yield from asked(link, "GET", "health")
    if answer.status != OK:
        raise of_status(answer.status, "")
    return answer.json() or {}


def _told(of: Callable[[R], T], reply: R) -> T:
    """Read a reply. Raises Failed if it has another form, as from a much older worker."""
    try:
        return of(reply)
    except (KeyError, TypeError, AttributeError) as error:
        raise Failed(
            "WORKER_FAILED", f"the worker's reply can't be read ({error!r}): is it of another version?"
        ) from None


def _recording(source: Path | str | bytes) -> dict[str, str]:
    """The field for the recording."""
    if isinstance(source, str) and source.startswith(("https://", "http://")):
        return {"audio_url": source}
    data = source if isinstance(source, bytes) else _file(Path(source))
    audio = base64.b64encode(data).decode()
    if len(audio) > LARGEST_BYTES:
        raise InvalidRequest(
            "INVALID_REQUEST",
            f"the recording has {len(data) / 1e6:.1f} MB and a request carries {LARGEST_BYTES * 0.75 / 1e6:.0f} MB: "
            "cut it (60 s at most are taken, 300 s of speech to check), send it as FLAC or MP3, or give a URL",
        )
    return {"audio": audio}


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest("INVALID_REQUEST", f"{path} can't be read: {error.strerror}") from None
