"""A finished speech, and its facts for reply, record, manifest and log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloning.generate.candidates import Choice
from cloning.generate.device_recovery import DeviceUse
from cloning.generate.proof.prover import ProvedSpeech
from cloning.generate.script import Script
from cloning.generate.synthesis import Tally
from cloning.jobs.record import Job
from cloning.parameters import EngineWishes
from cloning.settings import Settings
from cloning.versions import versions
from cloning.voices.record import Voice


@dataclass(frozen=True)
class Spoken:
    """A speech: the engine, the script, the voices and the device; `heard_elsewhere` says why the CPU transcribed a voice."""

    choice: Choice
    script: Script
    voices: Mapping[str, Voice]
    speech: ProvedSpeech
    device: DeviceUse
    heard_elsewhere: str | None

    def to_json(self, wishes: EngineWishes, settings: Settings) -> dict[str, Any]:
        """The fields for reply, record, manifest and log."""
        return self.choice.to_json(wishes, settings) | self.device.to_json()

    def manifest(self, job: Job, tally: Tally, worker: str) -> dict[str, Any]:
        """The facts of what really spoke and with which values; they can be read without the request."""
        return {
            **self.choice.manifest(),
            "chunks": self.script.plan.to_json(self.speech.drawn),
            **self._of_voices(),
            "transcript_device_fallback_reason": self.heard_elsewhere,
            "seed": job.seed,
            "chunks_reused": tally.reused,
            "chunks_frugal": tally.frugal,
            "worker": worker,
            "attempt": job.attempt,
            "versions": versions(),
        }

    def _of_voices(self) -> dict[str, Any]:
        first, *others = [_of_voice(voice) for voice in self.voices.values()]
        return {**first, "voices": [first, *others]} if others else first


def _of_voice(voice: Voice) -> dict[str, Any]:
    return {
        "voice": voice.voice,
        "voice_sha256": voice.audio.sha256,
        "transcript_by": voice.transcript.made_by if voice.transcript else None,
    }
