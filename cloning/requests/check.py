"""The request to check an existing recording."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cloning.language import Language
from cloning.requests.fields import Id, Request, audio_bytes, speakable
from cloning.requests.generate import SubtitleFormat


class Check(Request):
    """
    Compare any recording with its text, and time its words.

    Exactly one of `audio`, `audio_url`, `audio_key` and `job_id` gives the recording. Only the subtitles are stored.
    """

    action = "check"
    text: Annotated[str, AfterValidator(speakable)] = Field(description="the text that the recording should say")
    audio: Annotated[bytes, BeforeValidator(audio_bytes)] | None = Field(
        None, description="the recording, base64, in a format that `upload` takes; at most 300 s"
    )
    audio_url: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="a public http(s) URL of the recording"
    )
    audio_key: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="the key of a recording in the bucket, below `uploads/` (`AUDIO_KEY_PREFIXES`)"
    )
    job_id: Id | None = Field(None, description="a finished job, whose speech is the recording")
    language: Language | None = Field(None, description="language of the text ('en', 'pt'); unset: recognised")
    normalize: Literal["auto", "off"] = Field(
        "auto", description="`auto`: the text is compared as people read it in its language; `off`: as it is"
    )
    check: Literal["fast", "full"] = Field(
        "full", description="`fast` scores the text against the sound; `full` also transcribes it"
    )
    heard: bool = Field(default=False, description="report what the recogniser heard, if the check transcribed")
    words: bool = Field(default=False, description="report when each word is spoken")
    subtitles: list[SubtitleFormat] | None = Field(
        None, min_length=1, max_length=3, description="subtitles to store: `srt`, `vtt`, `ass`"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Check":
        sources = ("audio", "audio_url", "audio_key", "job_id")
        given = [name for name in sources if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"send exactly one of audio, audio_url, audio_key and job_id; got {', '.join(given) or 'none'}"
            )
        return self
