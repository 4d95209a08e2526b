"""Who has a job: one claim at a time, and the next one if its worker fell silent or gave it back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cloning import keys
from cloning.errors import Conflict, GpuOutOfMemory
from cloning.jobs.claim import Claim, LeaseLost
from cloning.jobs.record import JobStatus
from cloning.jobs.store import Busy, Finished, JobStore
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import claimed, worker
from tests.unit.cloning.jobs.world import DIGEST


def test_a_completed_job_is_answered_from_the_store(jobs: JobStore, others: JobStore) -> None:
    """A second delivery of a completed job gets the first one's result."""
    claim = claimed(jobs)
    claim.start(3)
    claim.complete({"duration": 1.0})

    again = others.claim("j", DIGEST, 8, delivery="d")

    assert isinstance(again, Finished)
    assert (again.job.status, again.job.result, again.job.seed) == (JobStatus.COMPLETED, {"duration": 1.0}, 7)


def test_one_id_is_one_request(jobs: JobStore, others: JobStore) -> None:
    """The same id with another request is refused: it would give one caller's speech to another."""
    claimed(jobs)

    with pytest.raises(Conflict):
        others.claim("j", "e" * 64, 7, delivery="d")


def test_a_job_in_good_hands_is_left_there(jobs: JobStore, others: JobStore, clock: ManualClock) -> None:
    """While the lease is renewed nobody takes the job over, however long it takes."""
    claim = claimed(jobs)
    for _ in range(10):
        clock.advance(50)
        claim.renew()

    assert isinstance(others.claim("j", DIGEST, 7, delivery="d"), Busy)


def test_a_job_delivered_twice_to_one_worker_is_done_once(jobs: JobStore) -> None:
    """A job delivered twice to one worker is done once: a claim, not a worker, owns a job."""
    claimed(jobs)

    assert isinstance(jobs.claim("j", DIGEST, 7, delivery="d"), Busy)


def test_a_silent_workers_job_is_taken_over_with_its_seed(jobs: JobStore, others: JobStore, clock: ManualClock) -> None:
    """A silent worker's job is taken over with its seed, so its samples are the same; the old worker's late success changes nothing."""
    late = claimed(jobs)
    late.start(3)
    clock.advance(61)

    claim = claimed(others)

    assert (claim.job.attempt, claim.job.seed, claim.job.status) == (2, 7, JobStatus.IN_PROGRESS)
    with pytest.raises(LeaseLost):
        late.complete({"duration": 0.0})
    claim.complete({"duration": 1.0})
    assert jobs.get("j").result == {"duration": 1.0}


def test_a_passing_failure_gives_the_job_back(jobs: JobStore, others: JobStore, clock: ManualClock) -> None:
    """A retryable failure is recorded, and the next delivery tries again at once."""
    claim = claimed(jobs)
    claim.start(3)
    claim.fail(GpuOutOfMemory("the memory of cuda did not suffice"))

    job = jobs.get("j")

    assert (job.status, job.is_interrupted(clock.now())) == (JobStatus.IN_PROGRESS, True)
    assert job.failure is not None
    assert job.failure.code == "GPU_OUT_OF_MEMORY"
    assert isinstance(others.claim("j", DIGEST, 7, delivery="d"), Claim)


def test_who_loses_a_race_for_a_job_creates_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """On a store that ignores conditions, the slower of two workers doesn't overwrite the faster one's record."""

    class Overtaken(FolderStore):
        """A store that lets another worker be faster at the next replace, and accepts every write."""

        overtake: Callable[[], object] | None = None

        def create(self, key: str, body: bytes, *, content_type: str) -> str:
            return self.put(key, body, content_type=content_type)

        def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
            if self.overtake:
                overtake, self.overtake = self.overtake, None
                overtake()
            return super().replace(key, body, etag=etag, content_type=content_type)

    store = Overtaken(tmp_path)
    slow, fast = worker("w2", store, clock), worker("w3", store, clock)
    claimed(worker("w1", store, clock))
    clock.advance(61)
    store.overtake = lambda: claimed(fast)

    assert isinstance(slow.claim("j", DIGEST, 7, delivery="d"), Busy)

    job = fast.get("j")
    assert (job.attempt, job.attempts[-1].worker) == (2, "w3")


def test_a_new_attempt_starts_without_the_old_failure(jobs: JobStore, others: JobStore) -> None:
    """A new attempt removes the old failure, which `status` would otherwise report of a running job."""
    claimed(jobs).fail(GpuOutOfMemory("full"))

    assert claimed(others).job.failure is None


@pytest.mark.parametrize("attempt", [0, 10**9 - 1, 10**9])
def test_a_job_is_taken_over_whatever_its_attempts_number(jobs: JobStore, store: FolderStore, attempt: int) -> None:
    """Whatever number of attempts a record claims, the job is done and every record on the way can be read."""
    claimed(jobs).fail(GpuOutOfMemory("full"))
    record = json.loads(store.get(keys.job_record("j")).body)
    record |= {"attempt": attempt, "attempts": [one | {"number": attempt} for one in record["attempts"]]}
    store.put(keys.job_record("j"), json.dumps(record).encode(), content_type="application/json")

    for _ in range(3):
        claimed(jobs).fail(GpuOutOfMemory("full"))
    claim = claimed(jobs)
    claim.start(1)
    claim.complete({})

    assert jobs.get("j").status is JobStatus.COMPLETED
