"""The voices of one job: their words, transcribed if nobody has done so yet, and their audio on this disk."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from cloning.clock import Stopwatch
from cloning.generate.candidates import Candidate, needs_transcript
from cloning.generate.transcribe import transcribed
from cloning.requests.generate import Generate
from cloning.service import Call, Service
from cloning.voices.record import Voice


class JobVoices:
    """
    Fetches and transcribes voices for one attempt. `before_step` may raise to stop.

    `heard_elsewhere` says why the CPU transcribed one, if it did.
    """

    def __init__(
        self,
        service: Service,
        request: Generate,
        call: Call,
        watch: Stopwatch,
        *,
        candidates: tuple[Candidate, ...],
        before_step: Callable[[], None],
    ) -> None:
        self._service = service
        self._device_fallback = request.device_fallback
        self._call = call
        self._watch = watch
        self._needs_words = needs_transcript(candidates)
        self._before_step = before_step
        self.heard_elsewhere: str | None = None

    def with_audio(self, voices: Mapping[str, Voice], job: str) -> tuple[dict[str, Voice], dict[str, Path]]:
        """The voices by name, with their words if an engine that may speak needs them, and their audio. `job` is for the log."""
        found = {name: self._with_audio(voice, job) for name, voice in voices.items()}
        return {name: voice for name, (voice, _) in found.items()}, {name: path for name, (_, path) in found.items()}

    def _with_audio(self, voice: Voice, job: str) -> tuple[Voice, Path]:
        """Return the voice with its audio, even if it is replaced while it is transcribed or fetched."""
        while True:
            with self._watch.timing("voice"):
                voice, path = self._service.voices.with_audio(voice)
            if voice.transcript or not self._needs_words:
                return voice, path
            voice = self._on_gpu(partial(self._transcribed, voice, job), job)

    def _transcribed(self, voice: Voice, job: str) -> Voice:
        with self._watch.timing("transcript"):
            voice, self.heard_elsewhere = transcribed(
                self._service,
                voice,
                device_fallback=self._device_fallback,
                before_step=self._before_step,
                stopped=self._call.stopped,
                job=job,
            )
        return voice

    def _on_gpu(self, work: Callable[[], Voice], job: str) -> Voice:
        """Run the work and return its result; the wait for the GPU counts as `queue`."""
        begun = self._watch.now()

        def owned() -> Voice:
            self._watch.add("queue", self._watch.now() - begun)
            self._call.check_stopped(job)
            return work()

        return self._service.gpu.run(owned, stopped=self._call.stopped)
