"""A job's record in the store: lost replies are recognised, newer records are read, and each attempt is accounted for."""

from datetime import timedelta
from pathlib import Path

import pytest

from cloning import keys
from cloning.errors import GpuOutOfMemory, StorageUnavailable
from cloning.jobs.record import Effort, Job, JobStatus, Lease
from cloning.jobs.store import JobStore
from cloning.ports import Changed
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import claimed, worker
from tests.unit.cloning.jobs.world import DIGEST


def test_a_write_whose_reply_was_lost_is_recognised(tmp_path: Path, clock: ManualClock) -> None:
    """If a create's reply was lost, the store's retry finds the key taken by us, which counts as success."""

    class LosesReplies(FolderStore):
        def create(self, key: str, body: bytes, *, content_type: str) -> str:
            super().create(key, body, content_type=content_type)
            return super().create(key, body, content_type=content_type)

    claim = claimed(worker("w1", LosesReplies(tmp_path), clock))
    claim.start(3)

    assert claim.job.status is JobStatus.IN_PROGRESS


def test_an_end_whose_reply_was_lost_is_recognised(
    jobs: JobStore, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the reply to a job's end was lost, the store's retry finds our own version, which counts as success."""
    claim = claimed(jobs)
    claim.start(3)
    replace_once = store.replace

    def loses_the_reply(key: str, body: bytes, *, etag: str, content_type: str) -> str:
        replace_once(key, body, etag=etag, content_type=content_type)
        return replace_once(key, body, etag=etag, content_type=content_type)

    monkeypatch.setattr(store, "replace", loses_the_reply)
    claim.complete({"duration": 1.0})

    assert claim.job == jobs.get("j")
    assert claim.job.status is JobStatus.COMPLETED


def test_a_record_from_a_newer_worker_is_read(jobs: JobStore, store: FolderStore, clock: ManualClock) -> None:
    """A record of a newer worker can be read, whatever further fields it has."""
    now = clock.now()
    job = Job(
        job_id="j", request_digest=DIGEST, seed=1, lease=Lease(owner="w", until=now + timedelta(1)), created_at=now
    )
    body = job.body()[:-1] + b',"mood":"good"}'
    store.create(keys.job_record("j"), body, content_type="application/json")

    assert jobs.get("j").seed == 1


def test_a_store_whose_versions_never_match_is_an_error(
    jobs: JobStore, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose versions never match is an error, not an endless loop."""

    def never(*_: object, **__: object) -> str:
        raise Changed

    claim = claimed(jobs)
    monkeypatch.setattr(store, "replace", never)

    for write in (claim.renew, lambda: jobs.cancel("j")):
        with pytest.raises(StorageUnavailable, match="changes faster"):
            write()


def test_each_attempt_is_accounted_for(jobs: JobStore, others: JobStore, clock: ManualClock) -> None:
    """The record lists who had the job, how each attempt ended, and what it took."""
    first = claimed(jobs)
    clock.advance(61)
    second = claimed(others)
    second.fail(GpuOutOfMemory("full"), Effort(timings={"infer": 2.0}, chunks_made=2))
    third = claimed(jobs)
    third.start(3)
    third.complete({}, Effort(timings={"infer": 1.0}, chunks_made=1, chunks_reused=2))

    attempts = jobs.get("j").attempts

    assert [(one.number, one.worker, one.outcome) for one in attempts] == [
        (1, "w1", "LOST"),
        (2, "w2", "GPU_OUT_OF_MEMORY"),
        (3, "w1", "COMPLETED"),
    ]
    assert attempts[0].ended_at == first.job.lease.until
    assert [one.effort and one.effort.chunks_made for one in attempts] == [None, 2, 1]


def test_a_job_that_fails_for_ever_keeps_a_small_record(jobs: JobStore) -> None:
    """The last attempts are listed and all are counted, so that a job that always fails keeps a small record."""
    for _ in range(50):
        claimed(jobs).fail(GpuOutOfMemory("full"))

    job = jobs.get("j")

    assert (job.attempt, len(job.attempts), job.attempts[-1].number) == (50, 20, 50)
