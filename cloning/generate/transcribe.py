"""The words of a voice's recording, heard once and kept with the voice."""

from collections.abc import Callable
from threading import Event

from cloning.audio.decoding import Recording
from cloning.errors import DeviceMismatch, GpuOutOfMemory, TranscriptionFailed
from cloning.generate.speaker import on_some_device, tell
from cloning.planning.pace import is_plausible
from cloning.ports import Transcript, go_on
from cloning.service import Service
from cloning.voices.record import Voice


def transcribed(
    service: Service,
    voice: Voice,
    *,
    device_fallback: bool = False,
    before_step: Callable[[], None] = go_on,
    stopped: Event | None = None,
    job: str | None = None,
) -> tuple[Voice, str | None]:
    """
    The voice with its transcript, made from the stored, clipped audio if nobody has made it yet. On the GPU's thread only.

    With `device_fallback` the CPU hears where the GPU can't; then also why. `before_step` is called
    before each step of the recogniser and may raise to stop; `stopped` ends the decoding. `job` is for the log.
    The record is read again first: whoever waited for the GPU behind another job of the voice finds the words there.
    Raises TranscriptionFailed if what was heard can't be what was said.
    """
    before_step()
    voice = service.voices.get(voice.voice, stopped=stopped)
    if voice.transcript:
        return voice, None
    voice, path = service.voices.with_audio(voice)
    recording = service.decoder.recording(path.read_bytes(), stopped=stopped)
    heard, reason = on_some_device(
        service,
        lambda device: _hear(service, recording, voice.language, device, before_step, job),
        fallback=device_fallback,
        models=service.transcribers,
        job=job,
    )
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
    """What is said in the recording; a failure of the device is got over once. Raises TranscriptionFailed and what is Unavailable."""

    def attempt() -> Transcript:
        transcriber = service.transcribers.get(service.settings.asr_model, device=device)
        samples, rate = recording.samples, recording.sample_rate
        return transcriber.transcribe(samples, rate, language=language, before_step=before_step)

    try:
        return attempt()
    except GpuOutOfMemory as failure:
        tell(failure, job)
        make_room = service.engines.unload
    except DeviceMismatch as failure:
        tell(failure, job)
        make_room = service.transcribers.unload
    make_room(forget=True)
    return attempt()
