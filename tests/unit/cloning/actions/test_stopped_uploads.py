"""A stop reaches whatever is slow in an upload: its download, its decoder, its transcript."""

from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from cloning.actions import perform
from cloning.audio.canonical import Canonical, Measures
from cloning.errors import Interrupted
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.standins.fakes import EchoTranscriber, InlineDecoder
from tests.unit.cloning.asking import act

URL = {"action": "upload", "voice": "anna", "audio_url": "https://example.org/a.wav", "consent": True}


class Stopper(InlineDecoder):
    """Sets the stop when it is asked, and keeps what it was given."""

    def __init__(self, stopped: Event) -> None:
        self.stopped = stopped
        self.given: list[Event | None] = []

    def canonical(self, data: bytes, *, stopped: Event | None = None) -> tuple[Canonical, Measures]:
        self.given.append(stopped)
        self.stopped.set()
        return super().canonical(data, stopped=stopped)


def stopped_at(service: Service, call: Call, **raw: object) -> None:
    with pytest.raises(Interrupted):
        perform(service, parse(raw, Limits(20_000, 10_000_000)), call)


def test_a_stop_reaches_the_download_of_an_upload(service: Service) -> None:
    """A stop reaches the download of an upload by the call's own event, and nothing is decoded or stored afterwards."""
    call = Call("runpod-1")

    def fetch(_: str, stopped: Event) -> bytes:
        call.stopped.set()
        assert stopped.is_set()
        raise Interrupted("stopped")

    stopped_at(replace(service, fetch_url=fetch), call, **URL)

    assert act(service, action="voices")["count"] == 0


def test_a_stop_reaches_the_decoder_of_an_upload(service: Service, audio: str) -> None:
    """A stop reaches the decoder of an upload, so that its process can be ended, and no voice is stored."""
    call = Call("runpod-1")
    decoder = Stopper(call.stopped)

    stopped_at(replace(service, decoder=decoder), call, action="upload", voice="anna", audio=audio, consent=True)

    assert decoder.given == [call.stopped]
    assert act(service, action="voices")["count"] == 0


def test_a_stop_reaches_the_decoder_of_an_adopted_voice(service: Service, store: FolderStore, human_wav: bytes) -> None:
    """A bare file of an older deployment is decoded by the job that first uses it, and that job's stop reaches the decoder."""
    store.put("voices/anna.wav", human_wav, content_type="audio/wav")
    call = Call("runpod-1")
    service.voices._decoder = decoder = Stopper(call.stopped)

    stopped_at(service, call, text="Hello there.", voice="anna")

    assert decoder.given == [call.stopped]


@pytest.mark.parametrize("when", ["waiting", "decoding", "hearing"])
def test_a_stop_reaches_the_transcript_of_an_upload(
    service: Service, audio: str, transcriber: EchoTranscriber, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A stop reaches an upload's transcript while it waits for the GPU, decodes or hears; the voice is stored, without a transcript."""
    call = Call("runpod-1")
    given: list[Event | None] = []
    gpu_run, recording, transcribe = service.gpu.run, service.decoder.recording, transcriber.transcribe

    def run(work: Any, *, stopped: Event | None = None) -> Any:
        given.append(stopped)
        return stop_and(when == "waiting", gpu_run, work)

    def decode(data: bytes, *, stopped: Event | None = None) -> Any:
        given.append(stopped)
        return stop_and(when == "decoding", recording, data, stopped=stopped)

    def hear(*arguments: Any, **more: Any) -> Any:
        return stop_and(when == "hearing", transcribe, *arguments, **more)

    def stop_and(now: bool, then: Any, *arguments: Any, **more: Any) -> Any:  # noqa: FBT001 - of this test alone
        if now:
            call.stopped.set()
        return then(*arguments, **more)

    monkeypatch.setattr(service.gpu, "run", run)
    monkeypatch.setattr(service.decoder, "recording", decode)
    monkeypatch.setattr(transcriber, "transcribe", hear)

    stopped_at(service, call, action="upload", voice="anna", audio=audio, consent=True, transcribe_now=True)

    assert given
    assert all(one is call.stopped for one in given)
    assert act(service, action="voices")["voices"][0]["transcript"] is None
