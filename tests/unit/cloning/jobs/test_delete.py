"""What `delete` takes, and what it spares."""

import pytest

from cloning import keys
from cloning.errors import Conflict, InvalidText, JobNotFound, RecordDamaged
from cloning.jobs.claim import JobGone
from cloning.jobs.records import Version
from cloning.jobs.store import JobStore
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import claimed


def test_deleting_a_job_spares_its_namesakes(jobs: JobStore, store: FolderStore) -> None:
    """Deleting a job spares those with similar names: job 'a' owns results/a.wav, not results/a.b.wav. Of 'a' its emptied record stays."""
    for job_id in ("a", "a.b"):
        claim = claimed(jobs, job_id)
        claim.start(3)
        claim.complete({})
        for extension in ("wav", "json"):
            store.put(keys.result(job_id, "a" * 64, extension), b"speech", content_type="audio/wav")

    jobs.delete("a")

    assert [info.key for info in store.list()] == [
        "jobs/a.b/job.json",
        "jobs/a/job.json",
        "results/a.b.aaaaaaaaaaaaaaaa.json",
        "results/a.b.aaaaaaaaaaaaaaaa.wav",
    ]
    with pytest.raises(JobNotFound):
        jobs.get("a")


def test_a_running_job_is_not_deleted(jobs: JobStore, clock: ManualClock) -> None:
    """A running job isn't deleted but must be cancelled first; an abandoned one may be deleted."""
    claimed(jobs)
    with pytest.raises(Conflict):
        jobs.delete("j")
    clock.advance(61)

    jobs.delete("j")

    with pytest.raises(JobNotFound):
        jobs.get("j")


def test_a_deleted_job_is_lost_to_its_worker(jobs: JobStore, store: FolderStore) -> None:
    """The late writes of a deleted job's worker don't restore it."""
    claim = claimed(jobs)
    store.delete(keys.job_record("j"))

    with pytest.raises(JobGone):
        claim.report(1, 2)
    assert list(store.list("jobs/")) == []


def test_a_damaged_record_can_be_deleted(jobs: JobStore, store: FolderStore) -> None:
    """A damaged record can be deleted, and its message says so; nothing else works on it."""
    store.put(keys.job_record("j"), b"[]", content_type="application/json")

    with pytest.raises(RecordDamaged, match="delete it"):
        jobs.get("j")
    jobs.delete("j")

    with pytest.raises(JobNotFound):
        jobs.get("j")


def test_a_job_made_anew_while_the_old_one_is_deleted_keeps_its_result(
    jobs: JobStore, others: JobStore, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a job is sent again and done while the old one is deleted, its result stays, and the old one is gone."""
    claimed(jobs).fail(InvalidText("nothing to speak"))
    store.put(keys.result("j", "a" * 64, "wav"), b"speech", content_type="audio/wav")
    mark_deleted = jobs.records.mark_deleted

    def mark_and_be_overtaken(job_id: str, was: Version | str, deliveries: tuple[str, ...]) -> None:
        mark_deleted(job_id, was, deliveries)
        anew = claimed(others, delivery="another")
        anew.start(1)
        store.put(keys.result("j", "b" * 64, "wav"), b"speech", content_type="audio/wav")
        anew.complete({"audio": {"key": keys.result("j", "b" * 64, "wav")}})

    monkeypatch.setattr(jobs.records, "mark_deleted", mark_and_be_overtaken)
    jobs.delete("j")

    result = jobs.get("j").result
    assert result
    assert [info.key for info in store.list("results/")] == [result["audio"]["key"]]
