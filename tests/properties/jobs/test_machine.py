"""
Jobs under any order of deliveries, deaths, cancels and deletes, by workers whose clocks differ by minutes, on a bucket that
fails before or after an effect, loses replies, is slow, and lets somebody else in between a look and a write.

The watcher sees every write of a record, whoever makes it and whatever its caller is told.
"""

import hashlib
import itertools
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloning import keys
from cloning.errors import Conflict, GpuOutOfMemory, InvalidText
from cloning.jobs.claim import Claim
from cloning.jobs.record import MOVES, Job, JobStatus
from cloning.jobs.store import Busy
from cloning.replies import status_reply
from tests.properties.jobs.skewed import LEASE_S, SKEWS_S, Jobs, Worker, not_disturbed, request_of, speech
from tests.standins.memory_store import Trouble

PAST_ALL_LEASES_S = LEASE_S + max(SKEWS_S) - min(SKEWS_S) + 1
JOBS = ("a", "b")

workers = st.integers(0, len(SKEWS_S) - 1)
jobs = st.sampled_from(JOBS)
picks = st.integers(0, 99)
deliveries = st.sampled_from(["first", "second", "third"])
troubles = st.lists(st.sampled_from(["none", "before", "after", "again", "slow", "overtaken"]), max_size=5)


class JobMachine(Jobs):
    """The rules are what can happen; `_watch` and the invariants are what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket.watch = self._watch

    # What happens.

    @rule(worker=workers, job_id=jobs, seed=picks, delivery=deliveries, trouble=troubles)
    def deliver(self, worker: int, job_id: str, seed: int, delivery: str, trouble: list[Trouble]) -> None:
        """RunPod delivers the job to a worker, for the first time or again; or somebody asks for it in another request."""
        expected, is_refused = self._expected(self.workers[worker], job_id), self._is_refused(job_id, delivery)
        with self._at(worker, trouble, job_id):
            taken = self.workers[worker].jobs.claim(job_id, request_of(job_id), seed, delivery=delivery)
            assert not_disturbed(trouble) <= (type(taken) is expected and not is_refused)
            if isinstance(taken, Claim):
                self.claims.append((self.workers[worker], taken))
            if self.conditional and not isinstance(taken, Busy):
                self._check_told(taken.job)

    @rule(worker=workers, job_id=jobs)
    def deliver_another_request(self, worker: int, job_id: str) -> None:
        """The same id with another request never gets the job, in any state."""
        if self._stored(job_id):
            with pytest.raises(Conflict):
                self.workers[worker].jobs.claim(job_id, "f" * 64, 0, delivery="another")

    @precondition(lambda self: self.claims)
    @rule(pick=picks, trouble=troubles)
    def start(self, pick: int, trouble: list[Trouble]) -> None:
        """The job gets the GPU."""
        self._use(pick, trouble, lambda claim: claim.start(4))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, done=st.integers(1, 3), trouble=troubles)
    def report(self, pick: int, done: int, trouble: list[Trouble]) -> None:
        """A chunk is done."""
        self._use(pick, trouble, lambda claim: claim.report(done, 4))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, trouble=troubles)
    def renew(self, pick: int, trouble: list[Trouble]) -> None:
        """A heartbeat renews the lease."""
        self._use(pick, trouble, lambda claim: claim.renew())

    @precondition(lambda self: self.claims)
    @rule(pick=picks, trouble=troubles)
    def complete(self, pick: int, trouble: list[Trouble]) -> None:
        """The speech is complete: it is written to the bucket, then named in the record."""
        self._end(pick, trouble, self._complete)

    @precondition(lambda self: self.claims)
    @rule(pick=picks, trouble=troubles)
    def fail_for_now(self, pick: int, trouble: list[Trouble]) -> None:
        """The job is given back and can be claimed at once."""

        def give_back(worker: Worker, claim: Claim) -> None:
            claim.fail(GpuOutOfMemory("full"))
            assert not_disturbed(trouble) <= (self._expected(worker, claim.job.job_id) is not Busy)

        self._end(pick, trouble, give_back)

    @precondition(lambda self: self.claims)
    @rule(pick=picks, trouble=troubles)
    def fail_for_ever(self, pick: int, trouble: list[Trouble]) -> None:
        """The job fails for good: no attempt would succeed."""
        self._end(pick, trouble, lambda _, claim: claim.fail(InvalidText("too long")))

    @precondition(lambda self: self.claims)
    @rule(pick=picks)
    def die(self, pick: int) -> None:
        """A worker dies silently."""
        self.claims.pop(pick % len(self.claims))

    @rule(worker=workers, job_id=jobs, trouble=troubles)
    def cancel(self, worker: int, job_id: str, trouble: list[Trouble]) -> None:
        """A caller cancels: a job that nobody runs is ended at once."""
        expected = self._expected(self.workers[worker], job_id)
        with self._at(worker, trouble, job_id):
            told = self.workers[worker].jobs.cancel(job_id)
            assert told.status.is_final or told.cancel_requested
            assert not_disturbed(trouble) <= (told.status.is_final or expected is Busy)

    @rule(worker=workers, job_id=jobs, trouble=troubles)
    def delete(self, worker: int, job_id: str, trouble: list[Trouble]) -> None:
        """A finished or abandoned job is removed."""
        with self._at(worker, trouble, job_id), suppress(Conflict):
            self.workers[worker].jobs.delete(job_id)
            assert "overtaken" in trouble or self._stored(job_id) is None

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        """Time passes for everybody."""
        self.common.advance(seconds)

    # What must hold.

    @invariant()
    def a_status_is_told_of_every_job(self) -> None:
        """By every worker's clock, the status is INTERRUPTED exactly where that worker would be given the job."""
        for worker, job_id in itertools.product(self.workers, JOBS):
            if job := self._stored(job_id):
                told = status_reply(worker.jobs.get(job_id), worker.clock.now())
                assert (told["status"] == "INTERRUPTED") == (self._expected(worker, job_id) is Claim)
                assert told["attempt"] == job.attempt == job.attempts[-1].number

    @invariant()
    def a_completed_jobs_audio_is_its_own(self) -> None:
        """A completed job's audio is in the bucket, has the record's digest, and is what the record's seed makes of the request."""
        for job_id in JOBS:
            job = self._stored(job_id)
            if job and job.status is JobStatus.COMPLETED:
                audio = (job.result or {})["audio"]
                body = self.bucket.objects[audio["key"]].body
                assert body == speech(request_of(job_id), job.seed)
                assert hashlib.sha256(body).hexdigest() == audio["sha256"]

    def teardown(self) -> None:
        """Once every lease has ended, one delivery ends any job: no lock remains."""
        self.common.advance(PAST_ALL_LEASES_S)
        for job_id in JOBS:
            taken = self.workers[0].jobs.claim(job_id, request_of(job_id), 1, delivery="last")
            assert not isinstance(taken, Busy)
            if isinstance(taken, Claim):
                self._complete(self.workers[0], taken)
            stored = self._stored(job_id)
            assert stored is not None
            assert stored.status.is_final
        self.a_completed_jobs_audio_is_its_own()

    def _watch(self, key: str, before: bytes | None, after: bytes | None) -> None:
        """Watch every write of a record as it happens."""
        if keys.job_of(key) is None or before is None or after is None or not self.conditional:
            return
        old, new = Job.model_validate_json(before), Job.model_validate_json(after)
        if old.deleted_at:
            assert not set(new.deliveries[len(old.deliveries) :]) <= set(old.deliveries)
            assert (new.status, new.attempt, new.deleted_at) == (JobStatus.IN_QUEUE, 1, None)
            return
        if new.deleted_at:
            assert old.status.is_final
            assert (new.deliveries, new.result, new.attempts) == (old.deliveries, None, ())
            return
        assert not old.status.is_final
        assert new.status in (old.status, *MOVES[old.status])
        assert (new.seed, new.request_digest, new.created_at) == (old.seed, old.request_digest, old.created_at)
        assert new.attempt == old.attempt + (new.lease.owner != old.lease.owner)
        assert new.cancel_requested >= old.cancel_requested
        assert (new.status is JobStatus.COMPLETED) == (new.result is not None)
        assert all(attempt.ended_at for attempt in new.attempts[:-1])
        assert not new.status.is_final or new.attempts[-1].ended_at


class JobMachineOnAStoreWithoutAClock(JobMachine):
    """A store without a clock: by clocks that differ by minutes a living worker may lose its job, but there is still one result."""

    store_has_a_clock = False


class JobMachineOnAStoreThatIgnoresConditions(JobMachine):
    """A store that ignores conditions: work may be done twice and a record may go back, but a named result is always right."""

    conditional = False


ENOUGH = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestJobs = JobMachine.TestCase
TestJobs.settings = ENOUGH
TestJobsOnAStoreWithoutAClock = JobMachineOnAStoreWithoutAClock.TestCase
TestJobsOnAStoreWithoutAClock.settings = ENOUGH
TestJobsOnAStoreThatIgnoresConditions = JobMachineOnAStoreThatIgnoresConditions.TestCase
TestJobsOnAStoreThatIgnoresConditions.settings = ENOUGH
