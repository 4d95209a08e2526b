"""How long a job stays its worker's: a heartbeat that outlives trouble, and clocks that differ."""

import errno
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloning import keys
from cloning.errors import GpuOutOfMemory, StorageMisconfigured
from cloning.jobs.claim import Heartbeat
from cloning.jobs.record import Job, JobStatus, Lease
from cloning.jobs.store import Busy, JobStore
from cloning.ports import StoredObject
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import claimed, worker
from tests.unit.cloning.jobs.world import DIGEST


@pytest.mark.parametrize(
    "trouble",
    [
        StorageMisconfigured("the bucket refuses us"),
        OSError(errno.EMFILE, "Too many open files"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ValueError("a bug"),
    ],
    ids=repr,
)
def test_a_heartbeat_outlives_any_trouble(jobs: JobStore, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    """A heartbeat that fails to renew, for any reason, goes on and doesn't lose the job."""
    claim = claimed(jobs)
    beats: list[int] = []
    enough = threading.Event()

    def refused() -> None:
        beats.append(1)
        if len(beats) > 2:
            enough.set()
        raise trouble

    monkeypatch.setattr(claim, "renew", refused)
    with Heartbeat(claim, 0.03):
        assert enough.wait(30)

    assert not claim.lost


def test_a_heartbeat_learns_that_the_job_is_gone(jobs: JobStore, store: FolderStore) -> None:
    """If the job was deleted, the heartbeat notices, the speaking stops at its next step, and nothing is renewed any more."""
    claim = claimed(jobs)
    store.delete(keys.job_record("j"))

    with Heartbeat(claim, 0.03) as heartbeat:
        heartbeat._thread.join(30)

    assert claim.lost


class AgeingStore(FolderStore):
    """A folder that reports by a clock of its own how long ago an object was written, as S3 does."""

    def __init__(self, root: Path, clock: ManualClock) -> None:
        super().__init__(root)
        self._clock = clock
        self._written: dict[str, float] = {}

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        etag = super().create(key, body, content_type=content_type)
        self._written[key] = self._clock.monotonic()
        return etag

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        etag = super().replace(key, body, etag=etag, content_type=content_type)
        self._written[key] = self._clock.monotonic()
        return etag

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        return replace(super().get(key, most=most), age_s=self._clock.monotonic() - self._written[key])


class SkewedClock(ManualClock):
    """A clock that is wrong by a fixed time."""

    def __init__(self, clock: ManualClock, skew_s: float) -> None:
        self._true = clock
        self._skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        return self._true.now() + self._skew


@pytest.mark.parametrize("skew_s", [-600, 600])
def test_clocks_that_differ_by_minutes_agree_on_a_lease(tmp_path: Path, clock: ManualClock, skew_s: float) -> None:
    """Clocks that differ by minutes agree on a lease: a living worker keeps its job, a dead one's is taken after its lease."""
    store = AgeingStore(tmp_path / "bucket", clock)
    right, wrong = worker("w1", store, clock), worker("w2", store, SkewedClock(clock, skew_s))
    claimed(right)

    clock.advance(59)
    assert isinstance(wrong.claim("j", DIGEST, 7, delivery="d"), Busy)
    assert wrong.cancel("j").status is JobStatus.IN_QUEUE  # flagged: its worker lives
    clock.advance(61)
    taken = claimed(wrong)
    clock.advance(59)

    assert isinstance(right.claim("j", DIGEST, 7, delivery="d"), Busy)
    clock.advance(2)
    assert claimed(right).job.attempt == taken.job.attempt + 1 == 3


def test_a_job_given_back_is_free_at_once_by_the_stores_clock(tmp_path: Path, clock: ManualClock) -> None:
    """A job that was given back can be claimed at once, even within the same second of the store's clock."""
    store = AgeingStore(tmp_path / "bucket", clock)
    claimed(worker("w1", store, clock)).fail(GpuOutOfMemory("full"))

    assert claimed(worker("w2", store, clock)).job.attempt == 2


def test_a_lease_that_does_not_say_its_length_ends_when_it_says(tmp_path: Path, clock: ManualClock) -> None:
    """A lease without a length, of an older worker's record, ends when it says."""
    store = AgeingStore(tmp_path / "bucket", clock)
    end = clock.now() + timedelta(seconds=60)
    job = Job(job_id="j", request_digest=DIGEST, seed=1, lease=Lease(owner="w", until=end), created_at=clock.now())
    store.create(keys.job_record("j"), job.body(), content_type="application/json")
    clock.advance(59)

    assert worker("w1", store, clock).get("j").lease.until == end


def test_a_flag_does_not_prolong_a_lease(tmp_path: Path, clock: ManualClock) -> None:
    """Writing a cancel's flag makes the record young, but doesn't prolong a dead worker's lease."""
    store = AgeingStore(tmp_path / "bucket", clock)
    jobs = worker("w1", store, clock)
    claimed(jobs)
    clock.advance(50)
    jobs.cancel("j")
    clock.advance(11)

    assert jobs.get("j").is_interrupted(clock.now())
