"""A stand-in for the worker, with the voices and speech that the page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloning.errors import ServiceError, VoiceExists
from http_api.port import Reply
from tests.http_worker import MADE, StandIn

HEARD = "Some call me nature."
READING = "It cost five dollars."
LICENCE = "made with a stand-in: not for sale"
STATEMENT = "I am the speaker and I agree."


def entry(name: str, transcript: str | None = HEARD) -> Reply:
    """A voice in the list."""
    return {
        "voice": name,
        "duration": 7.9,
        "sample_rate": 24_000,
        "clipped": True,
        "gain_db": 6.0,
        "language": "en",
        "transcript": transcript,
        "consent": {"given": True, "statement": STATEMENT, "recorded_at": MADE},
        "measured": {"duration": 13.3, "clipped_share": 0.002, "snr_db": 24.0},
        "warnings": [{"code": "DEAD_CHANNEL", "message": "the right channel is silent"}],
        "created_at": MADE,
    }


@dataclass
class Narrator(StandIn):
    """A worker whose parts are as long as first parts are, with words spread evenly in them. `refusal` answers every upload."""

    seconds: float = 4.0
    refusal: ServiceError | None = None
    stored: dict[str, Reply] = field(default_factory=lambda: {name: entry(name) for name in ("anna", "bert")})

    def sent(self, action: str) -> list[Mapping[str, Any]]:
        """The requests of an action that have arrived."""
        return [call for call in self.calls if call.get("action") == action]

    def _voices(self, _: Mapping[str, Any]) -> Reply:
        return {"voices": list(self.stored.values()), "count": len(self.stored), "next_cursor": None}

    def _upload(self, fields: Mapping[str, Any]) -> Reply:
        if self.refusal:
            raise self.refusal
        name = fields["voice"]
        if name in self.stored and not fields.get("replace"):
            raise VoiceExists(f"there is another voice {name!r}; send replace: true", voice=name)
        self.stored[name] = entry(name, fields.get("transcript", HEARD))
        self.voices.append(name)
        return {**self.stored[name], "status": "STORED"}

    def _delete(self, fields: Mapping[str, Any]) -> Reply:
        self.stored.pop(fields["voice"], None)
        return super()._delete(fields)

    def _read(self, _: Mapping[str, Any]) -> Reply:
        pause = {"at": 8, "seconds": 0.5, "text_start": 0, "text_end": 0}
        warning = {"code": "READ_AS_IS", "message": "3/4 stays as it is", "spans": []}
        return {"reading": READING, "spans": [], "pauses": [pause], "normalized_in": "en", "warnings": [warning]}

    def _finish(self, job_id: str, job: Any, wave: NDArray[np.int16]) -> None:
        super()._finish(job_id, job, wave)
        job.result |= {
            "license_notice": LICENCE,
            "engine_used": "f5",
            "profile_applied": "balanced",
            "warnings": [{"code": "PACE", "message": "this text is spoken slowly"}],
            "cost": {"usd": 0.00042, "seconds": 2.2, "price_per_second": 0.00019, "of": "turns"},
        }
        if job.fields.get("words"):
            job.result["words"] = words_of(job.fields["text"], self.parts * self.seconds)


def words_of(text: str, seconds: float) -> list[Reply]:
    """Words with their places in a text, spread evenly in time."""
    spoken = text.split()
    share = seconds / len(spoken)
    words, place = [], 0
    for number, word in enumerate(spoken):
        start = text.index(word, place)
        place = start + len(word)
        times = {"start": number * share, "end": (number + 1) * share}
        words.append({"text": word, **times, "text_start": start, "text_end": place, "confidence": 1.0})
    return words
