"""The request to speak: text, voice, engine, values, checks and delivery."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, model_validator

from cloning.errors import InvalidRequest
from cloning.language import Language
from cloning.names import BALANCED, EngineName, ProfileName
from cloning.parameters import PROFILES, REDRAW_SPEED, EngineWishes, engines_with, values_of_all
from cloning.requests.fields import Id, Request, Say, VoiceId, refuse_too_long, speakable

AudioFormat = Literal["wav", "flac", "mp3", "ogg"]
Delivery = Literal["url", "inline", "both"]
SubtitleFormat = Literal["srt", "vtt", "ass"]
CheckMode = Literal["off", "fast", "full"]
PartFormat = Literal["wav", "flac", "ogg"]
CHECK_DETAILS = ("draws", "redraw_speed", "on_mismatch", "heard")  # fields that do nothing without a check


class Turn(BaseModel):
    """One voice's turn in a text of several voices: its words and the silence after them."""

    model_config = Request.model_config

    voice: VoiceId = Field(description="the name of an uploaded voice")
    text: Annotated[str, AfterValidator(speakable)] = Field(description="the text of the turn")
    pause_ms: int = Field(
        300, ge=0, le=10_000, description="silence after it, in milliseconds; not after the last turn"
    )


class Generate(Request):
    """
    Speak a text with a voice, or `turns` with several.

    The values that shape the sound are those of F5-TTS's own command line and of XTTS's own `inference`. Each engine takes its own
    and refuses the other's by name; the profile sets the others. With a fallback every engine that may speak must have them.
    """

    action = "generate"
    text: Annotated[str, AfterValidator(speakable)] | None = Field(
        None,
        description="the text to speak; `[pause:500ms]` or `[pause:1.5s]` (at most 10 s) is silence; required unless there are `turns`",
    )
    voice: VoiceId | None = Field(None, description="the name of an uploaded voice; required unless there are `turns`")
    turns: list[Turn] | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="instead of `text` and `voice`: several voices, one after another, each turn with `voice`, `text` and `pause_ms` (silence after it, 0 to 10000, usually 300)",
    )
    normalize: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: numbers, dates, money, abbreviations and the like are read as people read them in the text's language, if that is known; `off`: the text is spoken as it is",
    )
    say: Say | None = Field(None, description='respellings of whole words: `{"GIF": "jif"}`')
    dictionary: Id | None = Field(
        None, description="the name of a stored dictionary of respellings; those in `say` are used first"
    )
    language: Language | None = Field(
        None,
        description="language of the text ('en', 'pt'); refused if the checkpoint is known not to speak it. Unset: the voice's; "
        "`xtts` must speak it; `f5` takes the text as it is, and warns if the checkpoint doesn't speak the voice's language",
    )
    engine: EngineName | None = Field(None, description="the engine that speaks; unset: the deployment's `ENGINE`")
    fallback: list[EngineName] | None = Field(
        None,
        max_length=8,
        description="engines that may speak, in this order, if the checkpoint of the one before can't be used; `[]`: none, the job fails; unset: the deployment's `FALLBACK`",
    )
    profile: ProfileName | None = Field(None, description="a named set of values; unset: `balanced`")
    checkpoint: Id | None = Field(
        None,
        description="a checkpoint of the catalogue, for `engine`; unset: the deployment's `CHECKPOINT` or `XTTS_CHECKPOINT`",
    )
    require_commercial: bool = Field(
        default=False, description="refuse a checkpoint whose weights don't allow commercial use"
    )
    device_fallback: bool = Field(
        default=False,
        description="let the CPU transcribe and speak, slowly, if the GPU can't; reply and manifest say so",
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="same seed, same samples (in half precision with `BATCH_CHUNKS` over 1: except for rounding); unset: drawn at random, and reported",
    )
    speed: float | None = Field(
        None, ge=0.3, le=2.0, description="speaking rate; 2 is twice as fast; not with `fix_duration`"
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
        description="`f5`: a quieter reference is raised to this level for the model; the speech keeps the reference's own level",
    )
    fix_duration: float | None = Field(
        None,
        gt=1,
        le=3600,
        description="`f5`: seconds of reference and speech together; unset: derived from the text's length",
    )
    temperature: float | None = Field(None, ge=0.05, le=2, description="`xtts`: higher is livelier, with more mistakes")
    top_p: float | None = Field(None, gt=0, le=1, description="`xtts`: draw from the likeliest tokens of this share")
    top_k: int | None = Field(None, ge=1, le=1000, description="`xtts`: draw from that many of the likeliest tokens")
    repetition_penalty: float | None = Field(
        None, ge=1, le=20, description="`xtts`: values over 1 make repeated tokens rarer"
    )
    num_beams: int | None = Field(None, ge=1, le=4, description="`xtts`: beams of the search; the time grows with them")
    length_penalty: float | None = Field(
        None, ge=-10, le=10, description="`xtts`: over 0, beams prefer longer speech; needs `num_beams` over 1"
    )
    gpt_cond_chunk_len: int | None = Field(
        None, ge=1, le=12, description="`xtts`: length in seconds of the pieces into which the reference is split"
    )
    sound_norm_refs: bool | None = Field(None, description="`xtts`: normalise the reference's level first")
    check: CheckMode | None = Field(
        None,
        description="check by a recogniser that the speech says the text, chunk by chunk: `fast` scores the text against the sound; `full` also transcribes it; `off`. Unset: the deployment's `CHECK`, or `fast` with the profile `ultra_quality`",
    )
    draws: int | None = Field(
        None,
        ge=1,
        le=4,
        description="how often a chunk is spoken at most, the first time included. It is spoken again, with another seed (and by `f5` slower: `redraw_speed`), if it fails the check or was transcribed with different words. Unset: the deployment's `CHECK_DRAWS`, or 3 with `ultra_quality`",
    )
    redraw_speed: float | None = Field(
        None,
        ge=0.8,
        le=1,
        description=f"`f5`: the further draws of a chunk are spoken at this part of `speed`; `1`: at the same speed; not with `fix_duration`. Unset: {REDRAW_SPEED}",
    )
    on_mismatch: Literal["accept", "fail"] | None = Field(
        None,
        description="if no draw passes: `accept` uses the best and warns, `fail` fails the job; unset: the deployment's `ON_MISMATCH`",
    )
    heard: bool = Field(default=False, description="report what the recogniser heard, if the check transcribed")
    words: bool = Field(default=False, description="report when each word is spoken")
    subtitles: list[SubtitleFormat] | None = Field(
        None, min_length=1, max_length=3, description="subtitles to store beside the speech: `srt`, `vtt`, `ass`"
    )
    parts: bool = Field(
        default=False,
        description="store the speech in parts while it is made, so that it can be heard early; not with `remove_silence`",
    )
    parts_format: PartFormat | None = Field(
        None, description="format of the parts: wav, flac or ogg (Opus); unset: `format`, or flac with mp3"
    )
    first_chunk_s: float | None = Field(
        None,
        ge=1,
        le=10,
        description="approximate length of the first chunk in seconds, so that sound comes sooner; unset: as long as the others. It changes the chunks, and so the samples",
    )
    format: AudioFormat = Field("wav", description="wav (PCM16), flac, mp3 or ogg (Opus)")
    delivery: Delivery = Field("url", description="url (presigned), inline (base64) or both")
    job_id: Id | None = Field(None, description="your own id, to make the request repeatable; unset: RunPod's job id")

    @model_validator(mode="after")
    def _text_or_turns(self, info: ValidationInfo) -> "Generate":
        for name in ("text", "voice"):
            self._refuse_missing(name)
        if self.turns and self.fix_duration is not None:
            raise InvalidRequest(
                "fix_duration is the length of one voice's speech: leave it out with turns", field="fix_duration"
            )
        refuse_too_long("turns", sum(len(turn.text) for turn in self.turns or ()), info)
        for name in CHECK_DETAILS:
            if self.check == "off" and getattr(self, name):
                raise InvalidRequest(f"{name} does nothing with check 'off': leave one of them out", field=name)
        self._refuse_parts()
        return self

    def _refuse_parts(self) -> None:
        if self.parts and self.remove_silence:
            raise InvalidRequest(
                "remove_silence needs the whole speech, and parts are sent before it is complete: leave one of them out",
                field="remove_silence",
            )
        if self.parts_format and not self.parts:
            raise InvalidRequest(
                "parts_format does nothing without parts: send parts true, or leave it out", field="parts_format"
            )

    def form_of_parts(self) -> PartFormat | None:
        """The format of the parts; None if there are to be none."""
        if not self.parts:
            return None
        return self.parts_format or (self.format if self.format != "mp3" else "flac")

    def _refuse_missing(self, name: str) -> None:
        if self.turns is not None and getattr(self, name) is not None:
            raise InvalidRequest(f"send either {name} or turns, which has a {name} in each turn", field=name)
        if self.turns is None and getattr(self, name) is None:
            what = "should be a string; got None" if name in self.model_fields_set else "is missing"
            raise InvalidRequest(f"field {name!r} {what}: {type(self).model_fields[name].description}", field=name)

    def speeches(self) -> tuple[Turn, ...]:
        """The turns; `text` and `voice` are one."""
        return tuple(self.turns or [Turn.model_construct(voice=self.voice or "", text=self.text or "", pause_ms=0)])

    def wishes(self) -> EngineWishes:
        """Everything but the text that decides which engine speaks, and how."""
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
        """The request's values that shape the sound."""
        return {name: value for name in values_of_all() if (value := getattr(self, name)) is not None}

    def digest(self) -> str:
        """sha256 over everything that shapes the result, or may refuse it, so that one id can't stand for two requests."""
        # What is left at its default is left out: a release with one more option must not turn redeliveries into conflicts.
        shaping = self.model_dump(mode="json", exclude={"job_id", "delivery"}, exclude_defaults=True)
        usual = () if self.profile else [name for name, value in self.values().items() if _is_usual(name, value)]
        shaping = {name: value for name, value in shaping.items() if name not in usual}
        return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def _is_usual(name: str, value: object) -> bool:
    """Whether it is the default value of every engine that has it."""
    return all(getattr(PROFILES[engine][BALANCED], name) == value for engine in engines_with(name))
