"""The words of a voice's recording, transcribed once and stored with the voice."""

from collections.abc import Callable
from threading import Event

from cloning.audio.decoding import Recording
from cloning.errors import TranscriptionFailed
from cloning.generate.device_recovery import CPU_MAY_HELP, DEVICE_FAILED, HEARING, Recovery, devices_of, log_failure
from cloning.planning.pace import is_plausible
from cloning.ports import Transcript, keep_going
from cloning.service import Service
from cloning.voices.record import Voice


def transcribed(
    service: Service,
    voice: Voice,
    *,
    device_fallback: bool = False,
    before_step: Callable[[], None] = keep_going,
    stopped: Event | None = None,
    job: str | None = None,
) -> tuple[Voice, str | None]:
    """
    Return the voice with its transcript, made from the stored, clipped audio if there is none yet. On the GPU's thread only.

    With `device_fallback` the CPU transcribes if the GPU can't; then return also why. `before_step` is called
    before each step of the recogniser and may raise to stop; `stopped` ends the decoding. `job` is for the log.
    The record is read again first: a job that waited for the GPU behind another job of the voice finds the words there.
    Raises TranscriptionFailed if the transcript can't be what was said.
    """
    before_step()
    voice = service.voices.get(voice.voice, stopped=stopped)
    if voice.transcript:
        return voice, None
    voice, path = service.voices.with_audio(voice)
    recording = service.decoder.recording(path.read_bytes(), stopped=stopped)
    devices = devices_of(service, fallback=device_fallback)
    reason = None
    for device in devices:
        try:
            heard = _hear(service, recording, voice.language, device, before_step, job)
            break
        except CPU_MAY_HELP as failure:
            if device == devices[-1]:
                raise
            log_failure(failure, job)
            reason = f"{failure.code}: {failure.message}"
        service.transcribers.unload(forget=True)
    if not is_plausible(heard.text, recording.duration):
        raise TranscriptionFailed(
            f"{len(heard.text)} characters were heard in {recording.duration:.1f} s, which nobody can say; "
            "upload the voice with replace: true and its transcript, or another recording",
        )
    return service.voices.with_transcript(voice, heard.text, heard.model), reason


def _hear(
    service: Service,
    recording: Recording,
    language: str | None,
    device: str | None,
    before_step: Callable[[], None],
    job: str | None,
) -> Transcript:
    """Transcribe the recording; `device_recovery.HEARING` has the remedies for a failing device. Raises TranscriptionFailed, and Unavailable in its kinds."""
    recovery = Recovery(HEARING, job=job)
    while True:
        try:
            transcriber = service.transcribers.get(service.settings.asr_model, device=device)
            samples, rate = recording.samples, recording.sample_rate
            return transcriber.transcribe(samples, rate, language=language, before_step=before_step)
        except DEVICE_FAILED as failure:
            if (remedy := recovery.next(failure)) is None:
                raise
        remedy.apply(service)
