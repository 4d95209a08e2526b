"""A job's record: legal moves only, one owner at a time, an end that never changes."""

import errno
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning import keys
from cloning.errors import (
    Conflict,
    GpuOutOfMemory,
    Interrupted,
    InvalidText,
    JobCancelled,
    JobNotFound,
    RecordDamaged,
    StorageMisconfigured,
    StorageUnavailable,
)
from cloning.jobs.claim import Claim, Heartbeat, JobGone, LeaseLost
from cloning.jobs.record import MOVES, Effort, IllegalMove, Job, JobStatus, Lease
from cloning.jobs.records import Version
from cloning.jobs.store import Busy, Finished, JobStore
from cloning.ports import Changed, StoredObject
from storage.folder_store import FolderStore
from tests.fakes import ManualClock

DIGEST = "d" * 64


@pytest.fixture
def jobs(store: FolderStore, clock: ManualClock) -> JobStore:
    return worker("w1", store, clock)


@pytest.fixture
def others(store: FolderStore, clock: ManualClock) -> JobStore:
    return worker("w2", store, clock)


def worker(name: str, store: FolderStore, clock: ManualClock) -> JobStore:
    ids = iter(range(1000))
    return JobStore(store, clock, worker=name, new_id=lambda: str(next(ids)), lease_s=60)


def claimed(jobs: JobStore, job_id: str = "j", delivery: str = "d") -> Claim:
    claim = jobs.claim(job_id, DIGEST, 7, delivery=delivery)
    assert isinstance(claim, Claim)
    return claim


@given(start=st.sampled_from(JobStatus), end=st.sampled_from(JobStatus))
def test_only_drawn_moves_are_possible(start: JobStatus, end: JobStatus) -> None:
    """Only the listed state changes are possible: a final state has none, and COMPLETED is reached only from IN_PROGRESS."""
    now = ManualClock().now()
    job = Job(
        job_id="j", request_digest=DIGEST, seed=1, status=start, lease=Lease(owner="w", until=now), created_at=now
    )
    if end in MOVES[start]:
        assert job.to(end).status is end
    else:
        with pytest.raises(IllegalMove):
            job.to(end)


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


def test_a_lasting_failure_is_final(jobs: JobStore, others: JobStore) -> None:
    """A failure that isn't retryable ends the job."""
    claimed(jobs).fail(InvalidText("too long"))

    again = others.claim("j", DIGEST, 7, delivery="d")

    assert isinstance(again, Finished)
    assert again.job.status is JobStatus.FAILED


def test_a_cancel_reaches_the_running_worker_through_its_next_write(jobs: JobStore, others: JobStore) -> None:
    """A cancel sets a flag in the record; the running worker finds it when it reports progress."""
    claim = claimed(jobs)
    claim.start(3)
    others.cancel("j")
    claim.report(1, 3)

    with pytest.raises(JobCancelled):
        claim.check_cancelled()
    claim.fail(JobCancelled("cancelled"))
    assert jobs.get("j").status is JobStatus.CANCELLED


def test_a_cancelled_job_is_not_given_back(jobs: JobStore, others: JobStore) -> None:
    """A cancelled job ends and is not given back: no delivery would ever take it, and it would look interrupted for ever."""
    claim = claimed(jobs)
    others.cancel("j")

    claim.fail(Interrupted("stopped"))

    job = jobs.get("j")
    assert (job.status, job.attempts[-1].outcome) == (JobStatus.CANCELLED, "INTERRUPTED")


def test_a_cancel_ends_a_job_that_nobody_runs(jobs: JobStore, others: JobStore, clock: ManualClock) -> None:
    """A cancel of a job that nobody runs ends its record at once, since no worker would see a flag."""
    claimed(jobs)
    clock.advance(61)

    assert others.cancel("j").status is JobStatus.CANCELLED
    assert isinstance(jobs.claim("j", DIGEST, 7, delivery="d"), Finished)


def test_a_cancel_after_the_end_changes_nothing(jobs: JobStore, store: FolderStore) -> None:
    """A cancel after the end changes no byte of the record."""
    claim = claimed(jobs)
    claim.start(3)
    claim.complete({})
    before = store.get(keys.job_record("j")).body

    assert jobs.cancel("j").status is JobStatus.COMPLETED
    assert store.get(keys.job_record("j")).body == before


def test_completion_wins_over_a_late_cancel(jobs: JobStore, others: JobStore) -> None:
    """If a job completes before it sees a cancel, it stays COMPLETED: its speech is in the bucket already."""
    claim = claimed(jobs)
    claim.start(3)
    others.cancel("j")
    claim.complete({"duration": 1.0})

    assert jobs.get("j").status is JobStatus.COMPLETED


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


def test_a_damaged_record_can_be_deleted(jobs: JobStore, store: FolderStore) -> None:
    """A damaged record can be deleted, and its message says so; nothing else works on it."""
    store.put(keys.job_record("j"), b"[]", content_type="application/json")

    with pytest.raises(RecordDamaged, match="delete it"):
        jobs.get("j")
    jobs.delete("j")

    with pytest.raises(JobNotFound):
        jobs.get("j")


def test_a_new_attempt_starts_without_the_old_failure(jobs: JobStore, others: JobStore) -> None:
    """A new attempt removes the old failure, which `status` would otherwise report of a running job."""
    claimed(jobs).fail(GpuOutOfMemory("full"))

    assert claimed(others).job.failure is None


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


def test_cancelling_a_job_that_nobody_runs_ends_its_story(jobs: JobStore, clock: ManualClock) -> None:
    """Cancelling a job that nobody runs marks its last attempt as lost, and removes a failure that might have passed."""
    claimed(jobs, "dead")
    clock.advance(61)
    claimed(jobs, "failed").fail(GpuOutOfMemory("full"))

    dead, failed = jobs.cancel("dead"), jobs.cancel("failed")

    assert (dead.status, dead.attempts[-1].outcome) == (JobStatus.CANCELLED, "LOST")
    assert (failed.status, failed.failure, failed.attempts[-1].outcome) == (
        JobStatus.CANCELLED,
        None,
        "GPU_OUT_OF_MEMORY",
    )
