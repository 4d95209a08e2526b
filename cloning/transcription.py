"""What is said in a voice's recording, heard once for all."""

from cloning.audio import decode
from cloning.errors import TranscriptionFailed
from cloning.planning import is_plausible
from cloning.service import Service
from cloning.voice import Voice


def transcribed(service: Service, voice: Voice) -> Voice:
    """
    The voice with its transcript, made from the stored, clipped audio if nobody has made it yet. On the GPU's thread only.

    The record is read again first: whoever waited for the GPU behind another job of the voice finds the words there.
    Raises TranscriptionFailed if what was heard can't be what was said.
    """
    voice = service.voices.get(voice.voice)
    if voice.transcript:
        return voice
    voice, path = service.voices.with_audio(voice)
    recording = decode(path.read_bytes())
    transcriber = service.transcribers.get(service.settings.asr_model)
    heard = transcriber.transcribe(recording.samples, recording.sample_rate, language=voice.language)
    if not is_plausible(heard.text, recording.duration):
        raise TranscriptionFailed(
            f"{len(heard.text)} characters were heard in {recording.duration:.1f} s, which nobody can say; "
            "upload the voice with its transcript, or another recording",
        )
    return service.voices.with_transcript(voice, heard.text, heard.model)
