"""
Raw input -> one frozen request, or InvalidRequest that says which field, which value and what would do.

Past `parse` nothing is a raw dict and nothing is checked twice. `endpoint` is read as the older name of `action`, and the
field names of older clients as today's (cloning.requests.older_names).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from cloning.errors import InvalidRequest, UnknownAction
from cloning.language import Language
from cloning.names import BALANCED, EngineName, ProfileName
from cloning.parameters import PROFILES, EngineWishes, engines_with, values_of_all
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
    speakable,
    speech,
)
from cloning.requests.misplaced import is_json, refuse_misplaced
from cloning.requests.older_names import OLDER_ACTIONS, todays_names
from cloning.requests.problems import explained, shown, suggestion

_MOST_FIELDS = 64
AudioFormat = Literal["wav", "flac", "mp3", "ogg"]
Delivery = Literal["url", "inline", "both"]


class Upload(Request):
    """Store a voice. Exactly one of `audio`, `audio_url` and `audio_key` brings the recording."""

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
    language: Language | None = Field(None, description="language of the recording ('en', 'pt'); unset: recognised")
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


class Generate(Request):
    """
    Speak a text with a voice.

    The values that shape the sound are those of F5-TTS's own command line and of XTTS's own `inference`. Each engine takes its own,
    and refuses the other's by name; what is unset is the profile's. With a fallback every engine that may speak must know them.
    """

    action = "generate"
    text: Annotated[str, AfterValidator(speakable)] = Field(
        description="what to say; numbers, symbols and abbreviations are best written as words"
    )
    voice: VoiceId = Field(description="the name of an uploaded voice")
    language: Language | None = Field(
        None,
        description="language of the text ('en', 'pt'); refused if the checkpoint is known not to speak it. Unset: the voice's; "
        "`xtts` needs one that it speaks, `f5` then takes the text as it comes, and warns if that one isn't the checkpoint's",
    )
    engine: EngineName | None = Field(None, description="who speaks; unset: the deployment's `ENGINE`")
    fallback: list[EngineName] | None = Field(
        None,
        max_length=8,
        description="engines that may speak, in this order, if the checkpoint of the one before can't be used; `[]`: none, the job fails; unset: the deployment's `FALLBACK`",
    )
    profile: ProfileName | None = Field(None, description="a set of values, by intent; unset: `balanced`")
    checkpoint: Id | None = Field(
        None,
        description="a checkpoint of the catalogue, for `engine`; unset: the deployment's `CHECKPOINT` or `XTTS_CHECKPOINT`",
    )
    require_commercial: bool = Field(
        default=False, description="refuse a checkpoint whose weights don't allow commercial use"
    )
    device_fallback: bool = Field(
        default=False, description="let the CPU hear and speak, slowly, where the GPU can't; reply and manifest say so"
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="same seed, same samples (in half precision with `BATCH_CHUNKS` over 1: but for rounding); unset: drawn, and reported",
    )
    speed: float | None = Field(
        None, ge=0.3, le=2.0, description="speaking rate; 2 is twice as fast; not beside `fix_duration`"
    )
    cross_fade_duration: float | None = Field(None, ge=0, le=1, description="seconds of cross-fade between chunks")
    remove_silence: bool | None = Field(
        None, description="shorten silences of over 1 s in the result (below -50 dBFS, lower where the speech is quiet)"
    )
    nfe_step: int | None = Field(None, ge=1, le=64, description="`f5`: number of function evaluations (solver steps)")
    cfg_strength: float | None = Field(None, ge=0, le=10, description="`f5`: strength of classifier-free guidance")
    sway_sampling_coef: float | None = Field(None, ge=-1, le=1, description="`f5`: sway sampling coefficient")
    target_rms: float | None = Field(
        None,
        gt=0,
        le=1,
        description="`f5`: a reference quieter than this is heard at this level; the speech keeps the reference's own",
    )
    fix_duration: float | None = Field(
        None, gt=1, le=3600, description="`f5`: seconds of reference and speech together; unset: by the text's length"
    )
    temperature: float | None = Field(None, ge=0.05, le=2, description="`xtts`: higher is livelier, with more mistakes")
    top_p: float | None = Field(None, gt=0, le=1, description="`xtts`: draw from the likeliest tokens of this share")
    top_k: int | None = Field(None, ge=1, le=1000, description="`xtts`: draw from that many of the likeliest tokens")
    repetition_penalty: float | None = Field(None, ge=1, le=20, description="`xtts`: over 1, tokens seldom come again")
    num_beams: int | None = Field(None, ge=1, le=4, description="`xtts`: beams of the search; the time grows with them")
    length_penalty: float | None = Field(
        None, ge=-10, le=10, description="`xtts`: over 0, beams prefer longer speech; needs several `num_beams`"
    )
    gpt_cond_chunk_len: int | None = Field(
        None, ge=1, le=12, description="`xtts`: seconds of the pieces in which the reference is heard"
    )
    sound_norm_refs: bool | None = Field(None, description="`xtts`: bring the reference to one level first")
    format: AudioFormat = Field("wav", description="wav (PCM16), flac, mp3 or ogg (Opus)")
    delivery: Delivery = Field("url", description="url (presigned), inline (base64) or both")
    job_id: Id | None = Field(None, description="your own id, to make the request repeatable; unset: RunPod's job id")

    def wishes(self) -> EngineWishes:
        """All that decides who speaks, and how: without the text."""
        return EngineWishes(
            self.engine,
            None if self.fallback is None else tuple(self.fallback),
            self.checkpoint,
            self.profile or BALANCED,
            self.values(),
            self.language,
            self.require_commercial,
        )

    def values(self) -> dict[str, Any]:
        """The values that shape the sound, as far as the request gives them."""
        return {name: value for name in values_of_all() if (value := getattr(self, name)) is not None}

    def digest(self) -> str:
        """sha256 over everything that shapes the result, or may refuse it: one id can't stand for two requests."""
        # What is left at its default is left out: a release with one more option must not turn redeliveries into conflicts.
        shaping = self.model_dump(mode="json", exclude={"job_id", "delivery"}, exclude_defaults=True)
        usual = () if self.profile else [name for name, value in self.values().items() if _is_usual(name, value)]
        shaping = {name: value for name, value in shaping.items() if name not in usual}
        return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def _is_usual(name: str, value: object) -> bool:
    """Whether every engine that knows the value has it so by default."""
    return all(getattr(PROFILES[engine][BALANCED], name) == value for engine in engines_with(name))


class Status(Request):
    """How a job stands."""

    action = "status"
    job_id: Id = Field(description="the job's id")


class Result(Request):
    """What a finished job made, with a fresh URL."""

    action = "result"
    job_id: Id = Field(description="the job's id")
    delivery: Delivery = Field("url", description="url (presigned), inline (base64) or both")


class Voices(Request):
    """The voices in the bucket, page by page."""

    action = "voices"
    limit: int = Field(50, ge=1, le=100, description="voices in one reply")
    cursor: VoicesCursor | None = Field(None, description="`next_cursor` of the reply before")


class Delete(Request):
    """Remove a voice, or a finished job with its result."""

    action = "delete"
    voice: VoiceId | None = Field(None, description="the voice to remove")
    job_id: Id | None = Field(None, description="the job to remove")

    @model_validator(mode="after")
    def _one_target(self) -> "Delete":
        if (self.voice is None) == (self.job_id is None):
            raise ValueError("send either voice or job_id")
        return self


class Expire(Request):
    """Remove what is old: ended and abandoned jobs with their results, chunks of ended jobs, and what no record names."""

    action = "expire"
    older_than_days: float = Field(ge=0, le=36_500, description="what was last written earlier is old")
    dry_run: bool = Field(default=False, description="count, and remove nothing")
    limit: int = Field(200, ge=1, le=1000, description="jobs and results to look at in this call")
    cursor: ExpireCursor | None = Field(None, description="`next_cursor` of the reply before")


class Cancel(Request):
    """Ask a running job to stop; it does between two steps of the model."""

    action = "cancel"
    job_id: Id = Field(description="the job's id")


class Health(Request):
    """Versions, whether the bucket answers, what is loaded on which device."""

    action = "health"


AnyRequest = Upload | Generate | Status | Result | Voices | Delete | Expire | Cancel | Health
REQUESTS: dict[str, type[AnyRequest]] = {
    request.action: request for request in (Upload, Generate, Status, Result, Voices, Delete, Expire, Cancel, Health)
}
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
    names = todays_names(fields.keys(), model.model_fields)
    fields = {name: fields[sent] for name, sent in names.items()}
    _refuse_lone_surrogates(fields)
    try:
        return model.model_validate(fields, context=limits)
    except ValidationError as error:
        raise explained(error, fields, model.action, model) from None


def _take_action(fields: dict[str, object]) -> str:
    """Removes `action` and `endpoint` from the fields and gives the action's name; none means generate."""
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
    """JSON may escape half a character; no text encoding can carry it further."""
    for name, value in fields.items():
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidRequest(f"{name} holds half of a character (a lone surrogate); send valid Unicode", field=name)
