"""OpenAI's fields as those of a generate."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from http_api.errors import Failed
from http_api.options import OPENAI_VOICES, Options
from http_api.port import Reply
from http_api.sound.encoding import Format

# What a generate takes beside its text and voice, under its own name. Not `turns`, which need no voice, `remove_silence`, which needs the
# whole speech, and those that this route sets itself.
GENERATE_FIELDS = frozenset(
    [
        "normalize",
        "say",
        "dictionary",
        "language",
        "engine",
        "fallback",
        "profile",
        "checkpoint",
        "require_commercial",
        "device_fallback",
        "seed",
        "cross_fade_duration",
        "nfe_step",
        "cfg_strength",
        "sway_sampling_coef",
        "target_rms",
        "fix_duration",
        "temperature",
        "top_p",
        "top_k",
        "repetition_penalty",
        "num_beams",
        "length_penalty",
        "gpt_cond_chunk_len",
        "sound_norm_refs",
        "check",
        "draws",
        "redraw_speed",
        "on_mismatch",
        "heard",
        "words",
        "subtitles",
        "job_id",
        "first_chunk_s",
    ]
)
ENGINES = ("f5", "xtts")
JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_LARGEST_SEED = 2**63 - 1
# OpenAI's own models, and their dated versions: whatever the deployment speaks with.
OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_FIRST_CHUNK_S = 3.0
_MOST_NAMED = 20


class VoiceId(BaseModel):
    """A voice by its id, which is its name."""

    id: str


class Speech(BaseModel):
    """
    The fields that OpenAI's clients send.

    Every field of a generate (docs/api.md) except `turns` and `remove_silence` may be added: `seed`, `language`, `profile` ... Other
    fields are ignored, and named in the response's `x-ignored-fields`.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"model": "tts-1", "input": "Hello!", "voice": "anna", "response_format": "mp3"}]
        },
    )

    model: str | None = Field(
        None,
        description="`f5`, `xtts` or a checkpoint's name; unset, and with OpenAI's own names: what the deployment speaks with",
    )
    input: str = Field(description="the text")
    voice: str | VoiceId | None = Field(
        None,
        description="a voice's name, or `{\"id\": name}`; unset, and for OpenAI's own names: the deployment's `VOICE_ALIASES` and `DEFAULT_VOICE`",
    )
    response_format: Format = Field(
        "mp3", description="24 kHz, mono; `pcm` is 16 bits, little-endian; `opus` is in Ogg"
    )
    speed: float | None = Field(None, description="speaking rate, 0.3 to 2; OpenAI's 4 is more than the models can do")
    stream_format: Literal["audio", "sse"] = Field("audio", description="`sse`: events, with the sound in base64")
    instructions: str | None = Field(None, description="ignored, and named in `x-ignored-fields`")
    # These go into headers, also where no worker checks them.
    job_id: str | None = Field(
        None, pattern=JOB_ID, description="your own id of the job, to make the request repeatable"
    )
    seed: int | None = Field(None, strict=True, ge=0, le=_LARGEST_SEED, description="same seed, same samples")

    @property
    def _others(self) -> Mapping[str, Any]:
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}

    @property
    def ignored(self) -> str:
        """The names of the fields without an effect, safe for a header."""
        names = sorted(self._others.keys() - GENERATE_FIELDS) + ["instructions"] * (self.instructions is not None)
        return ", ".join(quote(name[:64], safe="") for name in names[:_MOST_NAMED])

    def generate(self, options: Options, new_id: str) -> Reply:
        """The fields of the generate. Raises Failed."""
        own = {name: value for name, value in self._others.items() if name in GENERATE_FIELDS}
        named = {"job_id": self.job_id or new_id, "seed": self.seed, "speed": self.speed}
        plain = {name: value for name, value in named.items() if value is not None}
        early = {"parts": True, "parts_format": "flac", "format": "flac", "first_chunk_s": _FIRST_CHUNK_S}
        text_and_voice = {"text": self.input, "voice": self._voice(options)}
        return {**early, **plain, **self._who(), **own, **text_and_voice}

    @property
    def names(self) -> Mapping[str, str]:
        """The names of a generate's fields, as this request calls them."""
        return {"text": "input"} | dict.fromkeys(self._who(), "model")

    def _who(self) -> Mapping[str, str]:
        if self.model is None or self.model.startswith(OPENAI_MODELS):
            return {}
        return {"engine" if self.model in ENGINES else "checkpoint": self.model}

    @property
    def named_voice(self) -> str | None:
        """The voice as the request names it."""
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice

    def _voice(self, options: Options) -> str:
        name = self.named_voice
        if name is not None and name in options.aliases:
            return options.aliases[name]
        if name is None or name in OPENAI_VOICES:
            name = options.default_voice or name
        if name is None:
            raise Failed("INVALID_REQUEST", "name a voice; the deployment has no DEFAULT_VOICE", param="voice")
        return name
