"""A finished speech, and what reply, record, manifest and log say of how it came about."""

from dataclasses import dataclass
from typing import Any

from cloning.generate.candidates import Choice
from cloning.generate.device_recovery import DeviceUse
from cloning.generate.script import Script
from cloning.generate.speaking import Tally
from cloning.jobs.record import Job
from cloning.parameters import EngineWishes
from cloning.ports import Samples
from cloning.settings import Settings
from cloning.versions import versions
from cloning.voices.record import Voice


@dataclass(frozen=True)
class Spoken:
    """A speech: who spoke it, what, in whose voice, and on which device; `heard_elsewhere` says why the CPU heard the voice."""

    choice: Choice
    script: Script
    voice: Voice
    samples: Samples
    device: DeviceUse
    heard_elsewhere: str | None

    def to_json(self, wishes: EngineWishes, settings: Settings) -> dict[str, Any]:
        """For reply, record, manifest and log."""
        return self.choice.to_json(wishes, settings) | self.device.to_json()

    def manifest(self, job: Job, tally: Tally, worker: str) -> dict[str, Any]:
        """What really spoke and with which values: no request is needed to read it."""
        return {
            **self.choice.manifest(),
            "chunks": self.script.plan.to_json(),
            "voice": self.voice.voice,
            "voice_sha256": self.voice.audio.sha256,
            "transcript_by": self.voice.transcript.made_by if self.voice.transcript else None,
            "transcript_device_fallback_reason": self.heard_elsewhere,
            "seed": job.seed,
            "chunks_reused": tally.reused,
            "chunks_frugal": tally.frugal,
            "worker": worker,
            "attempt": job.attempt,
            "versions": versions(),
        }
