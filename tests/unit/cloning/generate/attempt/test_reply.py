"""What a generate stores and reports: the reply, its progress, and the sound in each form."""

import hashlib
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cloning import keys
from cloning.audio.decoding import decode
from cloning.errors import RecordDamaged, ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.service import Call, Service
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock, ToneEngine
from tests.unit.cloning.asking import TEXT, act


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


def test_the_same_seed_gives_the_same_speech_under_any_id(service: Service, anna: str) -> None:
    """The same seed gives the same speech under any job id, and another seed gives another; without a seed one is drawn and reported."""
    digests = [
        act(service, Call(f"j{n}"), text=TEXT, voice=anna, **seed)["audio"]["sha256"]
        for n, seed in enumerate([{"seed": 42}, {"seed": 42}, {"seed": 43}, {}])
    ]

    assert (digests[0] == digests[1], digests[0] == digests[2], digests[0] == digests[3]) == (True, False, True)


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


def test_a_damaged_result_is_never_handed_out(service: Service, store: FolderStore, anna: str) -> None:
    """Inline audio that doesn't match its digest is never returned."""
    reply = act(service, Call("j"), text="Hello there.", voice=anna)
    store.put(reply["audio"]["key"], b"other bytes", content_type="audio/wav")

    with pytest.raises(StorageUnavailable, match="damaged"):
        act(service, action="result", job_id="j", delivery="inline")
