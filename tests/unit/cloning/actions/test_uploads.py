"""An upload: where its audio comes from, what is measured and kept, consent, and its transcript."""

from base64 import b64encode
from dataclasses import replace
from threading import Event

import pytest

from cloning.errors import ConsentRequired, DownloadRefused, InvalidAudio, InvalidRequest, TranscriptionFailed
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.standins.fakes import EchoTranscriber
from tests.unit.cloning.asking import act
from tests.unit.cloning.audio.test_canonical import tone, wav


def test_an_upload_says_what_was_measured_and_kept(service: Service, audio: str) -> None:
    """An upload's reply has duration, levels, noise and whether it was clipped; the transcript is still missing."""
    reply = act(service, action="upload", voice="anna", audio=audio, consent=True, language="en")

    assert (reply["voice"], reply["status"], reply["transcript"], reply["language"]) == ("anna", "STORED", None, "en")
    assert set(reply["measured"]) == {
        "duration", "sample_rate", "peak_dbfs", "rms_dbfs", "clipped_share", "silent_share", "snr_db",
    }  # fmt: skip
    assert (reply["sample_rate"], reply["clipped"], reply["duration"] > 4) == (24_000, False, True)


def test_audio_comes_from_a_key_in_the_bucket(
    service: Service, store: FolderStore, human_wav: bytes, audio: str
) -> None:
    """Audio from a key in the bucket gives the same voice as base64."""
    store.put("uploads/take 1.wav", human_wav, content_type="audio/wav")

    by_key = act(service, action="upload", voice="anna", audio_key="uploads/take 1.wav", consent=True)
    by_base64 = act(service, action="upload", voice="ben", audio=audio, consent=True)

    assert by_key["sha256"] == by_base64["sha256"]


def test_audio_comes_from_a_url(service: Service, human_wav: bytes) -> None:
    """Audio from a URL goes through the guarded fetch, whose refusal reaches the caller."""
    fetched: list[str] = []

    def fetch(url: str, stopped: Event) -> bytes:
        fetched.append(url)
        if "forbidden" in url:
            raise DownloadRefused("audio_url is not allowed")
        return human_wav

    online = replace(service, fetch_url=fetch)

    reply = act(
        online, endpoint="upload", voice_name="anna.wav", voice_file_url="https://example.org/a.wav", consent=True
    )
    with pytest.raises(DownloadRefused):
        act(online, action="upload", voice="ben", audio_url="https://forbidden.example.org/a.wav", consent=True)

    assert (reply["voice"], fetched[0]) == ("anna", "https://example.org/a.wav")


def test_a_large_object_is_refused_by_its_size(service: Service, store: FolderStore) -> None:
    """An object that is too large is refused by its size before it is read."""
    store.put("uploads/huge.wav", bytes(2_000_000), content_type="audio/wav")

    with pytest.raises(InvalidAudio, match=r"2\.0 MB"):
        act(
            with_settings(service, max_audio_mb=1.0),
            action="upload",
            voice="anna",
            audio_key="uploads/huge.wav",
            consent=True,
        )


@pytest.mark.parametrize("consent", [{}, {"consent": False}])
def test_a_voice_needs_consent(service: Service, store: FolderStore, audio: str, consent: dict[str, bool]) -> None:
    """A voice needs consent, unless the deployment doesn't require it; then the record says that nobody was asked."""
    with pytest.raises(ConsentRequired):
        act(service, action="upload", voice="anna", audio=audio, **consent)
    assert list(store.list()) == []

    reply = act(
        with_settings(service, require_consent=False),
        endpoint="upload",
        voice_name="anna.wav",
        voice_file=audio,
        **consent,
    )

    assert reply["consent"]["given"] is (False if consent else None)


def test_how_consent_was_given_is_recorded(service: Service, audio: str) -> None:
    """If consent is a sentence, the record keeps it."""
    act(service, action="upload", voice="anna", audio=audio, consent="signed form 17 of 2026-05-01")

    assert act(service, action="voices")["voices"][0]["consent"]["statement"] == "signed form 17 of 2026-05-01"


def test_a_transcript_of_clipped_audio_is_refused(service: Service, store: FolderStore) -> None:
    """A transcript for audio that was clipped is refused, because words that are no longer heard would be spoken into every result."""
    with pytest.raises(InvalidRequest, match="12 s"):
        act(
            service,
            action="upload",
            voice="anna",
            audio=b64encode(wav(tone(20.0))).decode(),
            consent=True,
            transcript="Many words.",
        )
    assert list(store.list()) == []


def test_a_transcript_can_be_made_at_once(service: Service, audio: str, transcriber: EchoTranscriber) -> None:
    """With `transcribe_now` the upload makes the transcript, and the first generate uses it."""
    reply = act(service, action="upload", voice="anna", audio=audio, consent=True, transcribe_now=True)
    act(service, text="Hello there.", voice="anna")

    assert (reply["transcript"], reply["transcript_by"], transcriber.calls) == (transcriber.words, "echo", 1)


def test_an_upload_whose_transcript_fails_says_that_the_voice_is_stored(
    service: Service, audio: str, transcriber: EchoTranscriber
) -> None:
    """If an upload's transcript fails, the error says that the voice is stored, and that the next upload needs `replace`."""
    transcriber.words = "again and " * 200
    anna = {"action": "upload", "voice": "anna", "audio": audio, "consent": True}

    with pytest.raises(
        TranscriptionFailed, match=r"the voice 'anna' is stored, without a transcript.*replace: true"
    ) as caught:
        act(service, **anna, transcribe_now=True)
    again = act(service, **anna, transcript=SPOKEN, replace=True)

    assert (caught.value.details["voice"], caught.value.details["stored"]) == ("anna", True)
    assert again["transcript"] == SPOKEN


def test_a_failed_transcript_is_made_by_the_same_upload_again(
    service: Service, audio: str, transcriber: EchoTranscriber
) -> None:
    """Sending the same upload again tries the transcript again."""
    words, transcriber.words = transcriber.words, "again and " * 200
    anna = {"action": "upload", "voice": "anna", "audio": audio, "consent": True, "transcribe_now": True}
    with pytest.raises(TranscriptionFailed):
        act(service, **anna)

    transcriber.words = words

    assert act(service, **anna)["transcript"] == words


def test_uploading_again_is_idempotent(service: Service, audio: str) -> None:
    """An upload that is delivered twice is done once."""
    first = act(service, action="upload", voice="anna", audio=audio, consent=True)

    assert act(service, action="upload", voice="anna.wav", audio=audio, consent=True) == first
