"""What each action does, with a stand-in engine."""

from base64 import b64encode
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from cloning.actions import perform
from cloning.audio.canonical import Canonical, Measures
from cloning.errors import (
    ConsentRequired,
    DownloadRefused,
    HubUnavailable,
    Interrupted,
    InvalidAudio,
    InvalidRequest,
    JobNotFinished,
    JobNotFound,
    NotFound,
    ServiceError,
    StorageMisconfigured,
    TranscriptionFailed,
    VoiceNotFound,
)
from cloning.jobs.claim import Claim
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.fakes import EchoTranscriber, InlineDecoder, ManualClock
from tests.unit.cloning.audio.test_canonical import tone, wav

URL = {"action": "upload", "voice": "anna", "audio_url": "https://example.org/a.wav", "consent": True}


def act(service: Service, delivery_id: str = "runpod-1", /, **raw: object) -> dict[str, Any]:
    return perform(service, parse(raw, Limits(20_000, 10_000_000)), Call(delivery_id))


@pytest.fixture
def audio(human_wav: bytes) -> str:
    return b64encode(human_wav).decode()


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


def test_uploading_again_is_idempotent(service: Service, audio: str) -> None:
    """An upload that is delivered twice is done once."""
    first = act(service, action="upload", voice="anna", audio=audio, consent=True)

    assert act(service, action="upload", voice="anna.wav", audio=audio, consent=True) == first


def test_a_job_unknown_to_the_bucket_is_not_found(service: Service) -> None:
    """Every action that names an unknown job reports it as not found."""
    for action in ("status", "result", "cancel", "delete"):
        with pytest.raises(JobNotFound):
            act(service, action=action, job_id="nobody")


def test_a_result_asked_early_says_how_far_the_job_is(service: Service) -> None:
    """A result asked for too early says how far the job is, and when to ask again."""
    claim = service.jobs.claim("j", "d" * 64, 1, delivery="d")
    claim.start(4)  # type: ignore[union-attr]  # a new job is claimed
    claim.report(1, 4)  # type: ignore[union-attr]

    with pytest.raises(JobNotFinished, match="1 of 4 chunks") as caught:
        act(service, action="result", job_id="j")

    assert (caught.value.retryable, caught.value.details["status"]) == (True, "IN_PROGRESS")
    assert caught.value.details["retry_after_s"] == 2


@pytest.mark.parametrize("failure", [None, Interrupted("RunPod stopped the job"), HubUnavailable("no answer")])
def test_a_result_that_nobody_works_on_says_what_to_do(
    service: Service, clock: ManualClock, failure: ServiceError | None
) -> None:
    """
    If no worker has the job (it died, RunPod cancelled it, or a failure may pass), the error says what to do and no time to ask again.

    RunPod delivers a dead worker's job again, but never one that it took for cancelled or failed.
    """
    claim = service.jobs.claim("j", "d" * 64, 1, delivery="d")
    assert isinstance(claim, Claim)
    claim.start(4)
    if failure:
        claim.fail(failure)
    else:
        clock.advance(61)

    with pytest.raises(JobNotFinished, match=r"no worker has it.*generate again.*same job_id.*cancel it") as caught:
        act(service, action="result", job_id="j")

    assert "retry_after_s" not in caught.value.details
    assert caught.value.details["status"] == "INTERRUPTED"
    told: Any = caught.value.details.get("failure", {})
    assert told.get("code") == (failure.code if failure else None)


def test_a_deleted_job_takes_its_result_along(service: Service, store: FolderStore, audio: str) -> None:
    """Deleting a job removes its result and all else of it from the bucket."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    act(service, text="Hello there.", voice="anna", job_id="j")

    reply = act(service, action="delete", job_id="j")

    assert reply == {"deleted": {"job_id": "j"}}
    left = [info.key for info in store.list() if not info.key.startswith("voices/")]
    assert left == ["jobs/j/job.json"]
    assert b"Hello" not in store.get(left[0]).body
    for action in ("status", "result", "cancel", "delete"):
        with pytest.raises(JobNotFound, match="was deleted"):
            act(service, action=action, job_id="j")


def test_a_late_delivery_of_a_deleted_job_is_refused(service: Service, store: FolderStore, audio: str) -> None:
    """A request that is delivered again after its job was done and deleted makes nothing; a new request with the same id does."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    speak: dict[str, Any] = {"text": "Hello there.", "voice": "anna", "job_id": "j"}
    first = act(service, **speak)
    act(service, "runpod-1-delete", action="delete", job_id="j")

    with pytest.raises(
        JobNotFound,
        match="was deleted, and this is a late delivery of a request for it; to have it made again, send a new request",
    ):
        act(service, **speak)

    assert not list(store.list("results/"))
    again = act(service, "runpod-2", **speak)
    assert again["job_id"] == first["job_id"] == "j"


@pytest.mark.parametrize("delivery", ["inline", "both"])
def test_a_result_whose_audio_is_gone_is_not_found(
    service: Service, store: FolderStore, audio: str, delivery: str
) -> None:
    """If a result's audio is gone, as by a lifecycle rule, `result` and the same `generate` say so and what to do."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    spoken = act(service, text="Hello there.", voice="anna", job_id="j")
    store.delete(spoken["audio"]["key"])

    for raw in ({"action": "result"}, {"text": "Hello there.", "voice": "anna"}):
        with pytest.raises(NotFound, match="no longer in the bucket; delete the job") as caught:
            act(service, job_id="j", delivery=delivery, **raw)
        assert (caught.value.code, caught.value.retryable) == ("NOT_FOUND", False)

    act(service, action="delete", job_id="j")
    again = act(service, "runpod-2", text="Hello there.", voice="anna", job_id="j", delivery=delivery)
    assert again["audio"]["base64"]


def test_a_deleted_voice_is_not_found(service: Service, audio: str) -> None:
    """After its voice was deleted the next generate fails as not found."""
    act(service, action="upload", voice="anna", audio=audio, consent=True)
    act(service, action="delete", voice="anna.wav")

    with pytest.raises(VoiceNotFound):
        act(service, text="Hello.", voice="anna")


def test_pages_of_voices_lead_to_each_other(service: Service, audio: str) -> None:
    """Pages of voices lead to each other, and `next_cursor` is null at the end."""
    for name in ("a", "b", "c"):
        act(service, action="upload", voice=name, audio=audio, consent=True)

    first = act(service, action="voices", limit=2)
    second = act(service, action="voices", limit=2, cursor=first["next_cursor"])

    assert ([one["voice"] for one in first["voices"]], first["count"]) == (["a", "b"], 2)
    assert ([one["voice"] for one in second["voices"]], second["next_cursor"]) == (["c"], None)


def test_health_names_who_speaks_by_default(service: Service) -> None:
    """Health names the default engine and its checkpoint."""
    chosen = with_settings(
        service, engine="xtts", fallback=("f5",), xtts_license_accepted=True, xtts_checkpoint="/srv/models/mine"
    )

    reply = act(chosen, action="health")

    assert (reply["default_engine"], reply["fallback"], reply["checkpoint"]) == ("xtts", ["f5"], "mine")


@pytest.fixture
def bucketless(service: Service) -> Service:
    """A worker on RunPod whose deployment lacks S3_BUCKET."""
    return with_settings(service, runpod_endpoint_id="ep1")


def test_health_tells_a_forgotten_bucket(service: Service, bucketless: Service) -> None:
    """Health reports a missing bucket on RunPod, where a folder is one worker's own; elsewhere the folder is the bucket."""
    forgotten, fine = (act(one, action="health") for one in (bucketless, service))

    assert (forgotten["status"], forgotten["store"]["reachable"]) == ("degraded", True)
    assert forgotten["store"]["problem"]["code"] == "STORAGE_MISCONFIGURED"
    assert "S3_BUCKET" in forgotten["store"]["problem"]["message"]
    assert (fine["status"], fine["store"]["problem"]) == ("ok", None)


@pytest.mark.parametrize("delivery", ["url", "both"])
def test_a_url_of_a_workers_own_disk_is_refused(
    bucketless: Service, audio: str, store: FolderStore, delivery: str
) -> None:
    """A URL of the worker's own disk is refused before anything is spoken, since only the worker could open it; inline works."""
    act(bucketless, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)

    for request in ({"text": "Hello.", "voice": "anna", "job_id": "j"}, {"action": "result", "job_id": "j"}):
        with pytest.raises(StorageMisconfigured, match=r"S3_BUCKET.*'inline'") as refused:
            act(bucketless, **request, delivery=delivery)
        assert refused.value.details["field"] == "delivery"

    assert list(store.list("jobs/")) == []
    reply = act(bucketless, text="Hello.", voice="anna", job_id="j", delivery="inline")
    assert (reply["status"], reply["audio_url"], len(reply["audio"]["base64"]) > 1000) == ("COMPLETED", None, True)


def test_health_names_no_path(service: Service) -> None:
    """Health shows a folder's name and no path."""
    reply = act(with_settings(service, checkpoint="/srv/models/mine", asr_model="/srv/models/whisper"), action="health")

    assert (reply["checkpoint"], reply["asr_model"], reply["engine"]) == ("mine", "whisper", None)
    assert reply["versions"]["f5-tts"] == "1.1.22"
