"""A voice's record, and the content of an upload."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from cloning.audio.canonical import SAMPLE_RATE
from cloning.keys import is_id
from cloning.language import Language
from cloning.records import Digest, KeyedRecord, Label, Moment, Record

_SHORTEST_S, _LONGEST_S = 0.5, 15.0
_BYTES_PER_S = 2 * SAMPLE_RATE
_MOST_HEADER_BYTES = 4096
_Number = Annotated[int, Field(ge=-(10**9), le=10**9)] | float


def _name(value: str) -> str:
    if not is_id(value):
        raise ValueError("should be a voice's name")
    return value


def _words(value: str) -> str:
    if not any(character.isalnum() for character in value):
        raise ValueError("should hold words")
    return value


class VoiceAudio(Record):
    """The canonical audio that a record names. `duration` is in seconds, `sample_rate` in Hz; `gain_db` raised a quiet recording."""

    sha256: Digest
    bytes: int = Field(ge=1, le=10**9)
    duration: float = Field(ge=_SHORTEST_S, le=_LONGEST_S)
    sample_rate: int = Field(SAMPLE_RATE, ge=SAMPLE_RATE, le=SAMPLE_RATE)
    clipped: bool
    gain_db: float = Field(0.0, ge=-100, le=100)

    @model_validator(mode="after")
    def _is_as_long_as_it_says(self) -> Self:
        beside = self.bytes - self.duration * _BYTES_PER_S
        if not -_BYTES_PER_S / 1000 <= beside <= _MOST_HEADER_BYTES:
            raise ValueError("bytes and duration should be of the same audio")
        return self


class VoiceWarning(Record):
    """A warning about the uploaded file, such as a dead channel."""

    code: Annotated[str, Field(max_length=64)]
    message: Label


class VoiceTranscript(Record):
    """The words of the canonical audio, and their source: a recogniser's name, or 'caller'."""

    text: Annotated[str, Field(max_length=5000), AfterValidator(_words)]
    made_by: Label
    made_at: Moment


class Consent(Record):
    """The speaker's consent. `given` is None if it was never asked for (an older deployment's voice)."""

    given: bool | None
    statement: Annotated[str, Field(max_length=2000)] | None
    recorded_at: Moment


class Voice(KeyedRecord):
    """
    A voice's record, as stored at voices/<voice>/voice.json.

    `edition` is part of the audio's key if the audio replaced another one, so that no two uploads ever share a key.
    """

    kind: ClassVar[str] = "voice"
    named_by: ClassVar[str] = "voice"
    advice: ClassVar[str] = "upload it again with replace: true, or delete it"

    voice: Annotated[str, AfterValidator(_name)]
    audio: VoiceAudio
    transcript: VoiceTranscript | None
    language: Language | None
    consent: Consent
    measured: Annotated[dict[Annotated[str, Field(max_length=64)], _Number], Field(max_length=64)]
    created_at: Moment
    adopted: bool = False
    warnings: Annotated[tuple[VoiceWarning, ...], Field(max_length=64, strict=False)] = ()
    edition: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None

    def says_nothing_beyond(self, stored: "Voice") -> bool:
        """Whether this upload repeats `stored`; fields that it leaves open count as equal."""
        return (
            self.audio.sha256 == stored.audio.sha256
            and (
                self.transcript is None
                or (stored.transcript is not None and self.transcript.text == stored.transcript.text)
            )
            and self.language in (None, stored.language)
            and (self.consent.given, self.consent.statement)
            in ((None, None), (stored.consent.given, stored.consent.statement))
        )


@dataclass(frozen=True)
class Listed:
    """A voice of which only the name is known: a bare file not used yet, or a damaged record."""

    voice: str
    problem: str | None = None


@dataclass(frozen=True)
class NewVoice:
    """The fields of an upload besides its audio."""

    voice: str
    consent: bool | str | None
    language: str | None
    transcript: str | None
    adopted: bool = False
