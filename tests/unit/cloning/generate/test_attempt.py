"""A generate with a stand-in engine: what is stored when, and what is reported to whom."""

import hashlib
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cloning import keys
from cloning.actions import perform
from cloning.audio.decoding import decode
from cloning.errors import (
    Conflict,
    Internal,
    InvalidRequest,
    InvalidText,
    JobCancelled,
    RecordDamaged,
    ResultTooLarge,
    ServiceError,
    StorageMisconfigured,
    StorageUnavailable,
    TranscriptionFailed,
    VoiceNotFound,
)
from cloning.generate.transcribe import transcribed
from cloning.jobs.record import JobStatus
from cloning.planning.f5 import plan_speech
from cloning.ports import F5Parameters
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Call, Service
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.unit.cloning.audio.test_canonical import tone, wav

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 20


def act(service: Service, call: Call | None = None, **raw: Any) -> dict[str, Any]:
    return perform(service, parse(raw, Limits(20_000, 10_000_000)), call or Call("runpod-1"))


@pytest.fixture
def anna(service: Service, human_wav: bytes) -> str:
    service_upload(service, human_wav)
    return "anna"


def service_upload(service: Service, wav: bytes, **more: Any) -> dict[str, Any]:
    import base64

    return act(service, action="upload", voice="anna", audio=base64.b64encode(wav).decode(), consent=True, **more)


def test_the_reply_is_what_lies_in_the_bucket(service: Service, store: FolderStore, anna: str) -> None:
    """Audio, digest, duration and manifest are in the bucket before the reply names them."""
    reply = act(service, text=TEXT, voice=anna)

    audio = store.get(reply["audio"]["key"]).body
    assert (reply["job_id"], reply["status"]) == ("runpod-1", "COMPLETED")
    assert reply["audio"]["sha256"] == hashlib.sha256(audio).hexdigest()
    assert reply["duration"] == pytest.approx(decode_length(audio))
    assert json.loads(store.get(keys.manifest_of(reply["audio"]["key"])).body)["manifest"] == reply["manifest"]
    assert reply["audio_url"].startswith("file://")


def decode_length(audio: bytes) -> float:
    import io

    import soundfile

    return float(soundfile.info(io.BytesIO(audio)).duration)


@pytest.mark.parametrize("pace", [{"speed": 1.2}, {"fix_duration": 90.0}], ids=str)
def test_every_applied_value_is_told(service: Service, anna: str, engine: ToneEngine, pace: dict[str, float]) -> None:
    """Every value of the request reaches the engine and is in the manifest: no parameter is ignored."""
    asked: dict[str, Any] = {
        "nfe_step": 16, "cfg_strength": 1.5, "sway_sampling_coef": -0.5, "target_rms": 0.2,
        "cross_fade_duration": 0.1, "remove_silence": True, "speed": 1.0, "fix_duration": None, **pace,
    }  # fmt: skip

    given = {name: value for name, value in asked.items() if value is not None}
    reply = act(service, text=TEXT, voice=anna, seed=5, **given)

    assert reply["manifest"]["parameters"] == asked
    assert (reply["manifest"]["seed"], reply["manifest"]["language"]) == (5, None)
    assert len(reply["manifest"]["chunks"]) == len(engine.history) > 1
    told = vars(engine.history[0][2])
    assert {name: told[name] for name in asked if name != "fix_duration"} == {
        k: v for k, v in asked.items() if k != "fix_duration"
    }
    assert set(reply["timings"]) == {
        "queue",
        "voice",
        "transcript",
        "load",
        "load_import",
        "load_fetch",
        "load_weights",
        "infer",
        "keep",
        "encode",
        "upload",
        "total",
    }
    assert (reply["manifest"]["engine"], reply["manifest"]["checkpoint_license"]) == ("tone", "none")


def test_a_job_delivered_twice_is_done_once(service: Service, anna: str, engine: ToneEngine) -> None:
    """A second delivery gets the first one's result, and the engine isn't called."""
    first = act(service, text=TEXT, voice=anna)
    spoken = len(engine.history)

    second = act(service, text=TEXT, voice=anna)

    assert (second["audio"]["sha256"], len(engine.history)) == (first["audio"]["sha256"], spoken)


def test_a_finished_job_outlives_its_voice(service: Service, anna: str) -> None:
    """A job delivered again after its voice was deleted still has its result."""
    first = act(service, text=TEXT, voice=anna)
    act(service, action="delete", voice=anna)

    assert act(service, text=TEXT, voice=anna)["audio"]["sha256"] == first["audio"]["sha256"]


def test_one_job_id_with_another_text_is_a_conflict(service: Service, anna: str) -> None:
    """The same job_id with another text is a conflict, so that nobody gets another request's speech."""
    act(service, text="One.", voice=anna, job_id="mine")

    with pytest.raises(Conflict):
        act(service, text="Two.", voice=anna, job_id="mine")


def test_the_same_seed_gives_the_same_speech_under_any_id(service: Service, anna: str) -> None:
    """The same seed gives the same speech under any job id, and another seed gives another; without a seed one is drawn and reported."""
    digests = [
        act(service, Call(f"j{n}"), text=TEXT, voice=anna, **seed)["audio"]["sha256"]
        for n, seed in enumerate([{"seed": 42}, {"seed": 42}, {"seed": 43}, {}])
    ]

    assert (digests[0] == digests[1], digests[0] == digests[2], digests[0] == digests[3]) == (True, False, True)


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


def test_progress_counts_chunks_in_the_record_and_to_runpod(service: Service, anna: str) -> None:
    """Progress rises in the record and to RunPod, by at most two chunks at a time if they are spoken faster than reported."""
    sent: list[dict[str, Any]] = []

    reply = act(service, Call("j", sent.append), text=TEXT, voice=anna)

    total = len(reply["manifest"]["chunks"])
    told = [update["done"] for update in sent]
    assert total > 4
    assert told[0] == 0
    assert {after - before for before, after in pairwise([*told, total])} <= {1, 2}
    assert service.jobs.get("j").progress.model_dump() == {"done": total, "total": total}


@pytest.mark.parametrize("refusal", [StorageUnavailable, StorageMisconfigured, RecordDamaged])
def test_progress_that_the_bucket_does_not_take_costs_nothing(
    service: Service,
    store: FolderStore,
    anna: str,
    monkeypatch: pytest.MonkeyPatch,
    refusal: type[ServiceError],
) -> None:
    """If the store refuses a progress report between two chunks, the speech goes on and is stored."""
    replaced = store.replace
    refused: list[bytes] = []

    def away_for_a_moment(key: str, body: bytes, *, etag: str, content_type: str) -> str:
        if json.loads(body).get("progress", {}).get("done") and not refused:
            refused.append(body)
            raise refusal("not now")
        return replaced(key, body, etag=etag, content_type=content_type)

    monkeypatch.setattr(store, "replace", away_for_a_moment)
    reply = act(service, Call("j"), text=TEXT, voice=anna)

    assert refused
    assert (reply["status"], reply["manifest"]["attempt"]) == ("COMPLETED", 1)


def test_the_wait_for_the_gpu_is_told_as_such(service: Service, anna: str, clock: ManualClock) -> None:
    """`queue` has the seconds that the job waited for the GPU, to hear and to speak, and no more."""
    waits: list[float] = []

    class Busy(GpuThread):
        def run(self, work: Any, **more: Any) -> Any:
            clock.advance(5.0)
            waits.append(5.0)
            return super().run(work, **more)

        def run_tasks(self, tasks: Any, **more: Any) -> Any:
            clock.advance(5.0)
            waits.append(5.0)
            return super().run_tasks(tasks, **more)

    reply = act(replace(service, gpu=Busy(clock, Bounds(chunks=1, seconds=1.0))), text="Hello there.", voice=anna)

    assert 5.0 <= reply["timings"]["queue"] <= sum(waits)


def test_a_cancel_stops_between_two_chunks(service: Service, anna: str, engine: ToneEngine) -> None:
    """A cancel is seen when chunks are reported, of which the GPU is at most two ahead; the job is CANCELLED and has no result."""
    engine.before_speaking = lambda _: void(service.jobs.cancel("j"))

    with pytest.raises(JobCancelled):
        act(service, Call("j"), text=TEXT, voice=anna)

    assert len(engine.history) <= 4  # two that were fetched together, two meanwhile
    assert len(TEXT) > 1000  # many more chunks
    assert act(service, action="status", job_id="j")["status"] == "CANCELLED"


def void(_: object) -> None:
    """Drop a value where None is wanted."""


def test_a_stopped_worker_gives_the_job_back(service: Service, anna: str, engine: ToneEngine) -> None:
    """A stopped worker gives the job back between two steps of the model; the next one goes on from the finished chunks to the same speech."""
    call = Call("j")
    engine.before_speaking = lambda _: call.stopped.set() if engine.history else None
    with pytest.raises(ServiceError) as caught:
        act(service, call, text=TEXT, voice=anna, seed=1)
    engine.before_speaking = lambda _: None

    assert (caught.value.code, caught.value.retryable) == ("INTERRUPTED", True)
    assert act(service, action="status", job_id="j")["status"] == "INTERRUPTED"
    again = act(service, Call("j"), text=TEXT, voice=anna, seed=1)
    assert again["manifest"]["attempt"] == 2
    assert again["manifest"]["chunks_reused"] == 1
    assert again["audio"]["sha256"] == act(service, Call("k"), text=TEXT, voice=anna, seed=1)["audio"]["sha256"]


def test_another_workers_job_is_waited_for(service: Service, anna: str, clock: ManualClock) -> None:
    """A duplicate delivery waits for the running worker's result, or takes over once that worker is silent."""
    request = parse({"text": TEXT, "voice": anna, "job_id": "j"}, Limits(20_000, 1))
    service.jobs.claim("j", request.digest(), 9, delivery="d")  # type: ignore[union-attr]  # it is a Generate
    before = clock.monotonic()

    reply = act(service, text=TEXT, voice=anna, job_id="j")

    assert clock.monotonic() - before >= service.settings.lease_s
    assert (reply["manifest"]["attempt"], reply["manifest"]["seed"]) == (2, 9)


def test_bad_input_leaves_no_trace(service: Service, store: FolderStore, anna: str, engine: ToneEngine) -> None:
    """An unknown voice, an impossible text or a result that can't fit is refused with nothing stored and nothing spoken."""
    act(service, action="upload", **_with_transcript(service))
    before = [info.key for info in store.list()]

    with pytest.raises(VoiceNotFound):
        act(service, text="Hello.", voice="nobody")
    with pytest.raises(InvalidText):
        act(service, text="x" * 3000, voice="ben")
    with pytest.raises(ResultTooLarge):
        act(with_settings(service, max_reply_mb=1.0), text=TEXT * 3, voice="ben", delivery="inline")

    assert [info.key for info in store.list()] == before
    assert engine.history == []


def test_a_result_that_will_hardly_fit_is_refused_before_it_is_spoken(service: Service, engine: ToneEngine) -> None:
    """If the planned speech alone would fill a reply in base64, it is refused before it is spoken."""
    act(service, action="upload", **_with_transcript(service))
    reference_s = service.voices.get("ben").audio.duration
    plan = plan_speech(TEXT, reference_text=SPOKEN, reference_s=reference_s, seed=0, parameters=F5Parameters())
    just = plan.seconds * 24_000 * 2 * 4 / 3 / 1e6

    with pytest.raises(ResultTooLarge):
        act(with_settings(service, max_reply_mb=just), Call("j"), text=TEXT, voice="ben", delivery="inline")

    assert (engine.history, service.jobs.find("j")) == ([], None)


def test_who_needs_no_transcript_is_refused_without_one(service: Service, anna: str) -> None:
    """What XTTS can't read is refused before anything is stored or loaded, even if the voice has no transcript."""
    with pytest.raises(InvalidText):
        act(service, Call("j"), text="I have 5.", voice=anna, engine="xtts", language="hi")

    assert service.jobs.find("j") is None


def _with_transcript(service: Service) -> dict[str, Any]:
    import base64

    from tests.conftest import examples

    wav = (examples() / "basic" / "basic_ref_en.wav").read_bytes()
    return {"voice": "ben", "audio": base64.b64encode(wav).decode(), "consent": True, "transcript": SPOKEN}


def test_inline_audio_is_the_same_audio(service: Service, store: FolderStore, anna: str) -> None:
    """Inline audio is the stored file in base64; with 'both' the reply has the URL too."""
    import base64

    reply = act(service, text="Hello there.", voice=anna, delivery="both", format="mp3")

    assert base64.b64decode(reply["audio"]["base64"]) == store.get(reply["audio"]["key"]).body
    assert reply["audio_url"]
    assert act(service, action="result", job_id="runpod-1", delivery="inline")["audio_url"] is None


@pytest.mark.parametrize("audio_format", ["wav", "flac", "mp3", "ogg"])
def test_every_format_can_be_decoded(service: Service, store: FolderStore, anna: str, audio_format: str) -> None:
    """A file of every format can be decoded and is as the reply says."""
    reply = act(service, text="Hello there, how are you today?", voice=anna, format=audio_format)

    recording = decode(store.get(reply["audio"]["key"]).body)
    assert reply["audio"]["format"] == audio_format
    assert keys.is_result_of("runpod-1", reply["audio"]["key"])
    assert reply["audio"]["key"].endswith(f".{audio_format}")
    assert recording.duration == pytest.approx(reply["duration"], abs=0.1)


def test_a_bug_is_recorded_without_its_traceback(service: Service, anna: str, engine: ToneEngine) -> None:
    """After a bug the caller and the job's record get an incident id, and nothing else."""

    def fail(_: str) -> None:
        raise RuntimeError("secret /path/to/model on host gpu-7")

    engine.before_speaking = fail
    with pytest.raises(Internal) as caught:
        act(service, text="Hello.", voice=anna)

    status = act(service, action="status", job_id="runpod-1")
    assert (status["status"], status["failure"]["code"]) == ("INTERRUPTED", "INTERNAL")
    assert status["failure"]["details"] == {"incident": caught.value.details["incident"]}
    assert "secret" not in json.dumps([status, caught.value.to_reply()])


def test_noise_from_the_engine_is_a_failure(service: Service, anna: str, engine: ToneEngine) -> None:
    """NaN samples (half precision gone wrong) never become a file."""
    engine.speak = lambda *_, **__: np.array([np.nan], np.float32)  # type: ignore[method-assign]

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)
    assert act(service, action="status", job_id="runpod-1")["failure"]["code"] == "INTERNAL"


def test_a_store_that_goes_down_leaves_a_job_that_can_be_taken_over(
    service: Service, store: FolderStore, anna: str, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """If the store goes down, the lease ends by itself, and the next delivery finishes the job."""

    def down(*_: object, **__: object) -> str:
        raise StorageUnavailable("the bucket does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, "create", down)
        patch.setattr(store, "replace", down)
        with pytest.raises(StorageUnavailable):
            act(service, text="Hello there.", voice=anna)
    clock.advance(61)

    assert act(service, text="Hello there.", voice=anna)["status"] == "COMPLETED"


def test_a_cancel_before_the_turn_loads_no_model(service: Service, anna: str, engine: ToneEngine) -> None:
    """A job that is cancelled while it waits for the GPU loads no model."""
    waited: list[str] = []

    class CancelledMeanwhile(GpuThread):
        def run_tasks(self, tasks: Any, **more: Any) -> Any:
            waited.append(service.jobs.cancel("j").status)
            return super().run_tasks(tasks, **more)

    class MustNotLoad:
        def check(self, name: str, **_: object) -> str:
            return name

        def loaded(self) -> None: ...
        def alphabet(self, name: str, language: str | None) -> None: ...
        def prefetch(self, name: str) -> AbstractContextManager[None]:
            return nullcontext()

        def get(self, name: str) -> None:
            pytest.fail("a cancelled job loaded a model")

    act(service, text="Hello.", voice=anna)  # makes the transcript
    waiting = replace(service, gpu=CancelledMeanwhile(service.clock, Bounds(1, 1.0)), engines=MustNotLoad())  # type: ignore[arg-type]  # stand-ins

    with pytest.raises(JobCancelled):
        act(waiting, Call("j"), text="Hello.", voice=anna)
    assert service.jobs.get("j").status is JobStatus.CANCELLED


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


def test_a_worker_thought_dead_overwrites_nothing(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """A worker thought dead reports the other worker's result and removes its own late upload, whose name differs even if the bytes don't."""
    create = store.create
    told: list[dict[str, Any]] = []

    def stall(key: str, body: bytes, *, content_type: str) -> str:
        if key.startswith("results/") and not told:
            clock.advance(61)  # the lease lapses while the bytes are on their way
            store.create = create  # type: ignore[method-assign]
            told.append(act(service, Call("j"), text=TEXT, voice=anna))
        return create(key, body, content_type=content_type)

    store.create = stall  # type: ignore[method-assign]
    reply = act(service, Call("j"), text=TEXT, voice=anna)

    assert reply["audio"] == told[0]["audio"] | {"expires_at": reply["audio"]["expires_at"]}
    assert hashlib.sha256(store.get(reply["audio"]["key"]).body).hexdigest() == reply["audio"]["sha256"]
    assert [info.key for info in store.list("results/")] == sorted(
        [reply["audio"]["key"], keys.manifest_of(reply["audio"]["key"])]
    )


def test_a_worker_thought_dead_whose_own_attempt_fails_tells_the_others_result(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """If a worker thought dead fails while the job is done by another, it reports that result and not its failure."""
    create = store.create
    told: list[dict[str, Any]] = []

    def stall(key: str, body: bytes, *, content_type: str) -> str:
        if key.startswith("results/") and not told:
            clock.advance(61)
            store.create = create  # type: ignore[method-assign]
            told.append(act(service, Call("j"), text=TEXT, voice=anna))
            raise RuntimeError("a bug of this worker's own")
        return create(key, body, content_type=content_type)

    store.create = stall  # type: ignore[method-assign]
    reply = act(service, Call("j"), text=TEXT, voice=anna)

    assert reply["status"] == "COMPLETED"
    assert reply["audio"]["key"] == told[0]["audio"]["key"]


def test_a_damaged_result_is_never_handed_out(service: Service, store: FolderStore, anna: str) -> None:
    """Inline audio that doesn't match its digest is never returned."""
    reply = act(service, Call("j"), text="Hello there.", voice=anna)
    store.put(reply["audio"]["key"], b"other bytes", content_type="audio/wav")

    with pytest.raises(StorageUnavailable, match="damaged"):
        act(service, action="result", job_id="j", delivery="inline")


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


def test_a_fixed_duration_needs_no_transcript_to_be_refused(service: Service, store: FolderStore, anna: str) -> None:
    """An impossible fixed duration is refused before anything is transcribed, loaded or stored."""
    before = [info.key for info in store.list()]

    with pytest.raises(InvalidRequest, match="counts the reference"):
        act(service, text="Hello there.", voice=anna, fix_duration=2.0)
    assert [info.key for info in store.list()] == before


def test_a_librarys_exit_does_not_end_the_worker(service: Service, anna: str, engine: ToneEngine) -> None:
    """A library's SystemExit becomes a failure of the job; it would otherwise end the process without a reply."""

    def leave(_: str) -> None:
        raise SystemExit(3)

    engine.before_speaking = leave

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)
    assert act(service, action="status", job_id="runpod-1")["failure"]["code"] == "INTERNAL"


def test_silence_from_the_engine_is_a_failure(service: Service, anna: str, engine: ToneEngine) -> None:
    """Silence from the engine (half precision on some cards) is a failure."""
    engine.speak = lambda *_, **__: np.zeros(24_000, np.float32)  # type: ignore[method-assign]

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)


def test_a_cancel_that_only_the_last_write_finds_is_told_as_a_cancel(
    service: Service, anna: str, engine: ToneEngine
) -> None:
    """The delivery is stopped in the middle of a chunk, and the record was cancelled before: the reply says what the record does."""
    call = Call("j")

    def cancel_and_stop(_: str) -> None:
        if engine.history:
            service.jobs.cancel("j")
            call.stopped.set()

    engine.before_speaking = cancel_and_stop

    with pytest.raises(JobCancelled):
        act(service, call, text=TEXT, voice=anna)

    assert service.jobs.get("j").status is JobStatus.CANCELLED


def test_a_delivery_that_is_already_stopped_makes_no_record(service: Service, anna: str, store: FolderStore) -> None:
    """A delivery that was stopped already makes no record, whose lease nobody would release in time."""
    call = Call("j")
    call.stopped.set()

    with pytest.raises(ServiceError, match="stopped"):
        act(service, call, text=TEXT, voice=anna, seed=1)

    assert [info.key for info in store.list("jobs/")] == []
