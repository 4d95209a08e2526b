"""
Raw input -> one frozen request, or InvalidRequest that says which field, which value and what would do.

Past `parse` nothing is a raw dict and nothing is checked twice. `endpoint` is read as the older name of `action`, and the
field names of older clients as today's (cloning.requests.older_names).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from cloning.errors import InvalidRequest, UnknownAction
from cloning.language import Language
from cloning.requests.check import Check
from cloning.requests.fields import (
    ExpireCursor,
    Id,
    Limits,
    NewVoiceId,
    Request,
    VoiceId,
    VoicesCursor,
    audio_bytes,
    consent_statement,
    speech,
)
from cloning.requests.generate import Delivery, Generate
from cloning.requests.misplaced import is_json, refuse_misplaced
from cloning.requests.older_names import OLDER_ACTIONS, OLDER_TIMINGS, todays_names, with_timings
from cloning.requests.problems import explained, shown, suggestion
from cloning.requests.texts import Dictionaries, Read, StoreDictionary

_MOST_FIELDS = 64
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Upload(Request):
    """Store a voice. Exactly one of `audio`, `audio_url` and `audio_key` gives the recording."""

    action = "upload"
    voice: NewVoiceId = Field(
        description="the voice's name: 1 to 64 letters, digits, '.', '_', '-'; a trailing '.wav' is dropped"
    )
    audio: Annotated[bytes, BeforeValidator(audio_bytes)] | None = Field(
        None, description="the recording, base64: WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A/AAC or WebM; 1 to 60 s"
    )
    audio_url: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="a public http(s) URL of the recording"
    )
    audio_key: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="the key of a recording in the bucket, below `uploads/` (`AUDIO_KEY_PREFIXES`)"
    )
    consent: (
        Annotated[bool | Annotated[str, Field(min_length=1, max_length=500)], BeforeValidator(consent_statement)] | None
    ) = Field(
        None,
        description='true, or a sentence on how the speaker agreed to be cloned (at least two words; a word like `"no"` is refused, and a sentence that says no counts as false); recorded with the voice',
    )
    language: Language | None = Field(
        None,
        description="language of the recording ('en', 'pt'); unset: recognised for the transcript alone, and numbers in texts are read only if `generate` sends a language",
    )
    transcript: Annotated[str, Field(max_length=2000), AfterValidator(speech)] | None = Field(
        None, description="the exact words of the recording; refused if speech was cut off (beyond 12 s, or too quiet)"
    )
    transcribe_now: bool = Field(
        default=False, description="make the transcript in this call (loads the speech recogniser)"
    )
    replace: bool = Field(default=False, description="overwrite a voice of that name")

    @model_validator(mode="after")
    def _one_source(self) -> "Upload":
        given = [name for name in ("audio", "audio_url", "audio_key") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"send exactly one of audio, audio_url and audio_key; got {', '.join(given) or 'none'}")
        return self


class Status(Request):
    """A job's state and progress."""

    action = "status"
    job_id: Id = Field(description="the job's id")
    parts_after: int | None = Field(
        None,
        ge=-1,
        le=10**6,
        description="list the parts after this index (-1: from the first one on), at most 100; unset: the last 16",
    )


class Result(Request):
    """A finished job's result, with a fresh URL."""

    action = "result"
    job_id: Id = Field(description="the job's id")
    delivery: Delivery = Field("url", description="url (presigned), inline (base64) or both")


class Voices(Request):
    """The voices in the bucket, page by page."""

    action = "voices"
    limit: int = Field(50, ge=1, le=100, description="voices in one reply")
    cursor: VoicesCursor | None = Field(None, description="`next_cursor` of the reply before")


class Delete(Request):
    """
    Remove a voice, a dictionary, or a job with its result.

    A job that runs is a CONFLICT: `cancel` it, and wait for CANCELLED. The `job_id` may be used again at once, for any text. Of the job only the id, the time of the
    call and digests of the ids of its last 20 RunPod jobs stay, until `expire` removes them: for a day a late delivery of one of those (RunPod's `/retry`, too) gets
    JOB_NOT_FOUND, and doesn't make the job again.
    """

    action = "delete"
    voice: VoiceId | None = Field(None, description="the voice to remove")
    job_id: Id | None = Field(None, description="the job to remove")
    dictionary: Id | None = Field(None, description="the dictionary to remove")

    @model_validator(mode="after")
    def _one_target(self) -> "Delete":
        if sum(target is not None for target in (self.voice, self.job_id, self.dictionary)) != 1:
            raise ValueError("send either voice, job_id or dictionary")
        return self


class Expire(Request):
    """Remove old objects: ended and INTERRUPTED jobs with their results, chunks of ended jobs, and results and chunks that no record names."""

    action = "expire"
    older_than_days: float = Field(
        ge=0, le=36_500, description="objects that were last written more than so many days ago are old"
    )
    dry_run: bool = Field(default=False, description="count, and remove nothing")
    limit: int = Field(200, ge=1, le=1000, description="jobs and results to check in this call")
    cursor: ExpireCursor | None = Field(None, description="`next_cursor` of the reply before")


class Cancel(Request):
    """Ask a running job to stop; it stops between two steps of the model."""

    action = "cancel"
    job_id: Id = Field(description="the job's id")


class Health(Request):
    """Versions, whether the bucket answers, what is loaded on which device."""

    action = "health"


AnyRequest = (
    Upload
    | Generate
    | Read
    | Check
    | Status
    | Result
    | Voices
    | StoreDictionary
    | Dictionaries
    | Delete
    | Expire
    | Cancel
    | Health
)
REQUESTS: dict[str, type[AnyRequest]] = {request.action: request for request in get_args(AnyRequest)}
_KNOWN = frozenset(name for request in REQUESTS.values() for name in request.model_fields)


def parse(raw: object, limits: Limits) -> AnyRequest:
    """The request in a job's `input`. Raises InvalidRequest or one of its kinds."""
    if not isinstance(raw, Mapping):
        what = "JSON inside a string" if is_json(raw) else shown(raw)
        raise InvalidRequest(f'input is {what}; send a JSON object like {{"action": "health"}}', field="input")
    if len(raw) > _MOST_FIELDS:
        raise InvalidRequest(f"input has {len(raw)} fields; no action takes more than {_MOST_FIELDS}", field="input")
    fields = {str(name): value for name, value in raw.items()}
    refuse_misplaced({name: value for name, value in fields.items() if name not in _KNOWN})
    model = REQUESTS[_take_action(fields)]
    if model is Generate and fields.keys() & OLDER_TIMINGS:
        fields = with_timings(fields)
    names = todays_names(fields.keys(), model.model_fields)
    fields = {name: fields[sent] for name, sent in names.items()}
    _refuse_lone_surrogates(fields)
    try:
        return model.model_validate(fields, context=limits)
    except ValidationError as error:
        raise explained(error, fields, model.action, model) from None


def _take_action(fields: dict[str, object]) -> str:
    """Remove `action` and `endpoint` from the fields and return the action's name; without either it is generate."""
    given = {name: fields.pop(name) for name in ("action", "endpoint") if name in fields}
    actions = {
        OLDER_ACTIONS.get(action, action) if isinstance(action, str) else str(action) for action in given.values()
    }
    if len(actions) > 1:
        raise InvalidRequest(
            "action and endpoint disagree; endpoint is the older name of action: send one", field="action"
        )
    action = actions.pop() if actions else Generate.action
    if action not in REQUESTS:
        raise UnknownAction(
            f"unknown action {shown(action)}{suggestion(action, REQUESTS)}; the actions are {', '.join(REQUESTS)}",
            field="action", allowed=list(REQUESTS),
        )  # fmt: skip
    return action


def _refuse_lone_surrogates(fields: Mapping[str, object]) -> None:
    """Refuse half a surrogate pair: JSON may escape one, but no text encoding can carry it further."""
    for name, value in fields.items():
        if any(not text.isascii() and _LONE_SURROGATE.search(text) for text in _strings(value)):
            raise InvalidRequest(f"{name} holds half of a character (a lone surrogate); send valid Unicode", field=name)


def _strings(value: object) -> Iterator[str]:
    """Every string in the value: no field holds anything deeper than an object in a list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield inner if isinstance(inner, str) else ""
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner) if isinstance(inner, str | Mapping) else ""
