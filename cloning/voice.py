"""A voice's record, and what an upload says."""

from dataclasses import dataclass
from datetime import datetime

from cloning.audio import SAMPLE_RATE
from cloning.records import Record


class VoiceAudio(Record):
    """The canonical audio that a record names. `duration` in seconds, `sample_rate` in Hz, `gain_db` of a quiet recording."""

    sha256: str
    bytes: int
    duration: float
    sample_rate: int = SAMPLE_RATE
    clipped: bool
    gain_db: float = 0.0


class VoiceTranscript(Record):
    """What is said in the canonical audio, and who says so: a recogniser's name, or 'caller'."""

    text: str
    made_by: str
    made_at: datetime


class Consent(Record):
    """Whether the speaker agreed. `given` is None where nobody was asked (an older deployment's voice)."""

    given: bool | None
    statement: str | None
    recorded_at: datetime


class Voice(Record):
    """A voice's record, as stored at voices/<voice>/voice.json."""

    voice: str
    audio: VoiceAudio
    transcript: VoiceTranscript | None
    language: str | None
    consent: Consent
    measured: dict[str, int | float]
    created_at: datetime
    adopted: bool = False

    def says_nothing_beyond(self, stored: "Voice") -> bool:
        """Whether an upload of this is an upload of `stored` again: what it leaves open counts as agreed."""
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
    """A voice of which only the name is known: a bare file that nobody used yet, or one whose record is damaged."""

    voice: str
    problem: str | None = None


@dataclass(frozen=True)
class NewVoice:
    """Everything an upload says of a voice besides its sound."""

    voice: str
    consent: bool | str | None
    language: str | None
    transcript: str | None
    adopted: bool = False
