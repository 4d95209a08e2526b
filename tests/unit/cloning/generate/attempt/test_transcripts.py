"""The words of a job's voice: heard once, the caller's own if there are any, and never those of other audio."""

from typing import Any

import pytest

from cloning.errors import InvalidRequest, TranscriptionFailed
from cloning.generate.transcribe import transcribed
from cloning.service import Call, Service
from tests.conftest import SPOKEN
from tests.standins.fakes import EchoTranscriber, ToneEngine
from tests.unit.cloning.asking import act, service_upload
from tests.unit.cloning.audio.test_canonical import tone, wav


def test_the_transcript_is_made_once_for_ever(service: Service, anna: str, transcriber: EchoTranscriber) -> None:
    """The transcript is made once, at the first generate, from the stored audio; the record keeps it with the recogniser's name."""
    for n in range(3):
        act(service, Call(f"j{n}"), text="Hello there.", voice=anna)

    voice = service.voices.get(anna)
    assert transcriber.calls == 1
    assert voice.transcript is not None
    assert (voice.transcript.text, voice.transcript.made_by) == (transcriber.words, "echo")


def test_a_callers_own_transcript_is_used(service: Service, human_wav: bytes, transcriber: EchoTranscriber) -> None:
    """If the caller gave a transcript, no recogniser is used."""
    service_upload(service, human_wav, transcript=SPOKEN)
    act(service, text="Hello there.", voice="anna")

    assert transcriber.calls == 0


def test_a_voice_replaced_while_it_is_heard_is_heard_again(
    service: Service, anna: str, transcriber: EchoTranscriber, engine: ToneEngine
) -> None:
    """If a voice is replaced while it is transcribed, the new audio is heard again; the old words are never used with it."""
    import base64

    original = transcriber.transcribe

    def replace_meanwhile(*arguments: Any, **named: Any) -> Any:
        if transcriber.calls == 0:
            other = base64.b64encode(wav(tone(3.0))).decode()
            act(service, action="upload", voice=anna, audio=other, consent=True, replace=True)
            transcriber.words = "the words of the new audio"
        return original(*arguments, **named)

    transcriber.transcribe = replace_meanwhile  # type: ignore[method-assign]

    reply = act(service, text="Hello there.", voice=anna)

    voice = service.voices.get(anna)
    assert reply["manifest"]["voice_sha256"] == voice.audio.sha256
    assert (voice.transcript is not None and voice.transcript.text, transcriber.calls) == (
        "the words of the new audio",
        2,
    )


def test_jobs_that_waited_for_the_gpu_together_listen_once(
    service: Service, anna: str, transcriber: EchoTranscriber
) -> None:
    """Jobs that waited for the GPU together transcribe the voice once: each looks again when its turn comes."""
    stale = service.voices.get(anna)
    act(service, Call("first"), text="Hello there.", voice=anna)

    again, _ = transcribed(service, stale)

    assert (transcriber.calls, again.transcript is not None) == (1, True)


def test_words_that_nobody_can_say_are_no_transcript(service: Service, anna: str, transcriber: EchoTranscriber) -> None:
    """A recogniser that repeats itself makes no usable transcript: too many words for the recording are refused."""
    transcriber.words = "again and " * 200

    with pytest.raises(TranscriptionFailed, match="nobody can say"):
        act(service, text="Hello there.", voice=anna)
    assert service.voices.get(anna).transcript is None


@pytest.mark.parametrize("words", ["word " * 390, "a"])
def test_a_callers_transcript_must_fit_the_recording(service: Service, human_wav: bytes, words: str) -> None:
    """A caller's transcript with too many or too few words for the recording is refused before it is stored."""
    with pytest.raises(InvalidRequest, match="don't belong together"):
        service_upload(service, human_wav, transcript=words)
