"""A stored record is read twice before it is called damaged, and must name the right owner."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.errors import RecordDamaged, StorageUnavailable
from cloning.jobs.record import LONGEST_LEASE_S, Failure, Job
from cloning.ports import StoredObject
from cloning.records import MOST_BYTES
from cloning.service import Call, Service
from cloning.voices.library import VoiceLibrary
from handler import answer
from storage.folder_store import FolderStore
from tests.standins.fakes import InlineDecoder, ManualClock
from tests.unit.cloning.jobs.claiming import claimed, worker
from tests.unit.cloning.voices.adding import add


class Garbling(FolderStore):
    """A store whose next reads return these bodies instead of the stored ones."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.garbled: list[bytes] = []
        self.reads = 0

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        self.reads += 1
        stored = super().get(key, most=most)
        return StoredObject(self.garbled.pop(0), stored.etag) if self.garbled else stored


@pytest.fixture
def store(tmp_path: Path) -> Garbling:
    return Garbling(tmp_path / "bucket")


@pytest.fixture
def voices(store: Garbling, clock: ManualClock, tmp_path: Path) -> VoiceLibrary:
    scratch = tmp_path / "voices"
    scratch.mkdir()
    return VoiceLibrary(store, clock, scratch, InlineDecoder(), max_audio_bytes=10_000_000)


BODIES = [b"", b"{", b"[]", b"<html>busy</html>", b"\xff\xfe", b"[" * 100_000, b"null"]


@pytest.mark.parametrize("garbled", [[body] for body in BODIES], ids=lambda bodies: bodies[0][:6].decode("latin-1"))
def test_half_an_object_or_a_foreign_one_is_read_again(
    voices: VoiceLibrary, store: Garbling, clock: ManualClock, garbled: list[bytes]
) -> None:
    """A record that is bad once is read again, and the second read is used."""
    voice = add(voices)
    jobs = worker("w1", store, clock)
    claimed(jobs)

    store.garbled = list(garbled)
    assert voices.get("anna") == voice
    store.garbled = list(garbled)
    assert jobs.get("j").job_id == "j"


def test_another_ones_record_in_the_reply_is_read_again(voices: VoiceLibrary, store: Garbling) -> None:
    """If a store or proxy mixes up two replies, the wrong record is read again."""
    add(voices, "ben")
    anna = add(voices)
    store.garbled = [store.get(keys.voice_record("ben")).body]

    assert voices.get("anna") == anna


@pytest.mark.parametrize("bodies", [(b"{", b"["), (b"", b"{")])
def test_two_reads_that_differ_are_no_reason_to_delete(
    voices: VoiceLibrary, store: Garbling, bodies: Sequence[bytes]
) -> None:
    """If two reads differ, the call is retryable, nobody is told to delete anything, and an upload with `replace` changes nothing."""
    add(voices)
    before = store.get(keys.voice_record("anna")).body

    store.garbled = list(bodies)
    with pytest.raises(StorageUnavailable, match="try again"):
        voices.get("anna")
    store.garbled = list(bodies)
    with pytest.raises(StorageUnavailable, match="try again"):
        add(voices, seconds=3.0, replace=True)

    assert store.get(keys.voice_record("anna")).body == before


@pytest.mark.parametrize("doubt", ["not proved", "another size", "another version"])
def test_what_the_store_does_not_prove_is_no_reason_to_delete(
    voices: VoiceLibrary, store: Garbling, monkeypatch: pytest.MonkeyPatch, doubt: str
) -> None:
    """If the store can't prove what it returned, another service may be answering: the call is retryable, and nothing is replaced."""
    add(voices)
    key = keys.voice_record("anna")
    store.put(key, b"{}", content_type="application/json")
    true = store.get(key)
    told = {
        "not proved": replace(true, is_proved=False),
        "another size": replace(true, body=b'{"status":"maintenance"}'),
        "another version": replace(true, etag="2a-abcdef"),
    }[doubt]
    monkeypatch.setattr(store, "get", lambda *_, **__: told)

    with pytest.raises(StorageUnavailable, match="may be damaged"):
        voices.get("anna")
    with pytest.raises(StorageUnavailable, match="may be damaged"):
        add(voices, seconds=3.0, replace=True)


def test_a_number_that_no_reply_can_carry_is_damage(voices: VoiceLibrary, store: Garbling) -> None:
    """Python writes no integer of more than 4,300 digits, so a record with one is damaged."""
    body = add(voices).body().decode()
    huge = body.replace('"snr_db":', f'"more":1{"0" * 5000},"snr_db":')
    store.put(keys.voice_record("anna"), huge.encode(), content_type="application/json")

    with pytest.raises(RecordDamaged, match="number"):
        voices.get("anna")


def test_a_good_record_is_read_once(voices: VoiceLibrary, store: Garbling) -> None:
    """A good record is read once, since a second read costs money."""
    add(voices)
    store.reads = 0

    voices.get("anna")

    assert store.reads == 1


def test_a_copied_folder_is_named_by_both_names(service: Service, store: Garbling, voices: VoiceLibrary) -> None:
    """If an operator copies a voice's folder, the error names both voices and says what to do."""
    voice = add(voices)
    for info in list(store.list("voices/anna/")):
        store.put(info.key.replace("anna", "copy"), store.get(info.key).body, content_type="audio/wav")

    with pytest.raises(RecordDamaged, match=r"'copy'.*'anna'.*upload it again"):
        voices.get("copy")
    page, _ = voices.page(limit=10, after="")
    assert [page[0], page[1].voice] == [voice, "copy"]
    voices.delete("copy")
    assert voices.with_audio(voice)[1].exists()


def test_an_enormous_record_is_not_used(voices: VoiceLibrary, store: Garbling) -> None:
    """An enormous record is reported as damaged, and a page of voices doesn't even fetch it."""
    voice = add(voices)
    body = voice.body()[:-1] + b',"x":"' + b"a" * MOST_BYTES + b'"}'
    store.put(keys.voice_record("anna"), body, content_type="application/json")
    store.reads = 0

    page, _ = voices.page(limit=1, after="")

    assert ("16.0 MB" in str(page), store.reads) == (True, 0)
    with pytest.raises(RecordDamaged, match=r"16\.0 MB"):
        voices.get("anna")


@pytest.mark.parametrize("seconds", [LONGEST_LEASE_S + 1, 1e12, float("inf"), -1.0])
def test_no_lease_locks_a_job_for_ever(store: Garbling, clock: ManualClock, seconds: float) -> None:
    """A record whose lease would last for days is damaged, so the job can be deleted at once."""
    jobs = worker("w1", store, clock)
    body = claimed(jobs).job.model_dump_json().replace('"seconds":60.0', f'"seconds":{seconds}'.replace("inf", "1e400"))
    store.put(keys.job_record("j"), body.encode(), content_type="application/json")

    with pytest.raises(RecordDamaged, match=r"lease\.seconds"):
        jobs.get("j")
    jobs.delete("j")


def test_a_lease_without_a_length_ends_within_days(store: Garbling, clock: ManualClock) -> None:
    """A lease without a length must end within days, because only its end is known."""
    jobs = worker("w1", store, clock)
    body = claimed(jobs).job.model_dump_json().replace('"until":"2026', '"until":"2126')
    store.put(keys.job_record("j"), body.encode(), content_type="application/json")

    with pytest.raises(RecordDamaged, match="lease ends"):
        jobs.get("j")


def test_a_failure_always_fits_into_its_record() -> None:
    """A failure that is too long or no JSON is cut when it is written, and one that is stored can still be reported."""
    long: dict[str, Any] = {"code": "X", "message": "y" * 200_000, "retryable": False, "details": {"z": "z" * 200_000}}
    odd: dict[str, Any] = {"code": "X", "message": "y", "retryable": False, "details": {"z": float("nan")}}

    told = [Failure.model_validate(one) for one in (long, odd)]

    assert [(len(one.message) < 11_000, one.details) for one in told] == [(True, {"cut": True})] * 2


RESULT = {"audio": {"key": keys.result("j", "a" * 64, "wav"), "format": "wav", "sha256": "a" * 64, "bytes": 5}}


@pytest.mark.parametrize(
    "audio",
    [
        {"key": "voices/b/voice.json"},
        {"key": "../../etc/passwd"},
        {"key": keys.result("k", "a" * 64, "wav")},
        {"key": keys.result("j", "a" * 64, "json"), "format": None},
        {"key": keys.result("j", "a" * 64, "json")},
        {"key": ["x"]},
        {"sha256": "x"},
        {"bytes": "x"},
        {"bytes": 10**30},
        {"bytes": 0},
        {"format": "../wav"},
    ],
    ids=str,
)
def test_a_result_lies_where_this_jobs_results_lie(
    service: Service, store: Garbling, clock: ManualClock, audio: dict[str, Any]
) -> None:
    """A result must name an object among this job's results, or the record is damaged: only delete works, and no URL is signed."""
    jobs = worker("w1", store, clock)
    claim = claimed(jobs)
    claim.start(1)
    claim.complete({"audio": RESULT["audio"] | audio})

    for request in (
        {"action": "status"},
        {"action": "result"},
        {"action": "result", "delivery": "inline"},
        {"action": "cancel"},
    ):
        assert answer(service, request | {"job_id": "j"}, Call("c"))["code"] == "RECORD_DAMAGED"
    assert answer(service, {"action": "delete", "job_id": "j"}, Call("c"))["deleted"] == {"job_id": "j"}


@pytest.mark.parametrize(
    "result", [{}, {"audio": None}, {"audio": {"key": keys.result("j", "a" * 64, "wav")}}], ids=str
)
def test_a_result_that_names_no_audio_is_damaged(
    service: Service, store: Garbling, clock: ManualClock, result: dict[str, Any]
) -> None:
    """A result that names no audio is damaged; a round of expire goes on."""
    claim = claimed(worker("w1", store, clock))
    claim.start(1)
    claim.complete(result)
    store.put(keys.result("j", "b" * 64, "wav"), b"speech", content_type="audio/wav")

    assert answer(service, {"action": "result", "job_id": "j"}, Call("c"))["code"] == "RECORD_DAMAGED"
    assert "removed" in answer(service, {"action": "expire", "older_than_days": 0}, Call("c"))


def test_a_record_can_not_speak_for_the_reply(service: Service, store: Garbling, clock: ManualClock) -> None:
    """A record can't set the reply's own fields or the keys that RunPod interprets."""
    claim = claimed(worker("w1", store, clock))
    claim.start(1)
    own = {
        "error": "pwned",
        "refresh_worker": True,
        "job_id": "k",
        "status": "FAILED",
        "audio_url": "http://evil",
        "mood": 1,
    }
    claim.complete({**own, "audio": RESULT["audio"] | {"base64": "AAAA", "expires_at": "never", "hz": 2}})

    reply = answer(service, {"action": "result", "job_id": "j"}, Call("c"))

    assert (reply["job_id"], reply["status"], reply["mood"], "error" in reply) == ("j", "COMPLETED", 1, False)
    assert reply["audio_url"].endswith(RESULT["audio"]["key"])
    assert (reply["audio"]["hz"], "base64" in reply["audio"], reply["audio"]["expires_at"] != "never") == (
        2,
        False,
        True,
    )


def test_inline_audio_of_another_size_is_not_fetched(service: Service, store: Garbling, clock: ManualClock) -> None:
    """Inline audio isn't fetched if the object has another size than the record says."""
    claim = claimed(worker("w1", store, clock))
    claim.start(1)
    claim.complete(RESULT)
    store.put(str(RESULT["audio"]["key"]), bytes(1_000_000), content_type="audio/wav")
    store.reads = 0

    reply = answer(service, {"action": "result", "job_id": "j", "delivery": "inline"}, Call("c"))

    assert (reply["code"], store.reads) == ("STORAGE_UNAVAILABLE", 1)


def test_a_record_of_today_is_read_back(store: Garbling, clock: ManualClock) -> None:
    """A record that today's models write can be read back."""
    job = claimed(worker("w1", store, clock)).job

    assert Job.model_validate_json(job.body()) == job
