"""Workers whose clocks differ by minutes, on one bucket."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from cloning import keys
from cloning.errors import JobCancelled, JobNotFound, StorageUnavailable
from cloning.jobs.claim import Claim, LeaseLost
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.record import Job
from cloning.jobs.store import Busy, Finished, JobStore, digest_of_delivery
from tests.standins.fakes import ManualClock
from tests.standins.memory_store import Bucket, MemoryStore, Trouble

LEASE_S = 60.0
SKEWS_S = (0.0, 420.0, -300.0)  # a worker's clock against the common time: minutes, either way


class SkewedClock(ManualClock):
    """The common time, as a worker's clock shows it."""

    def __init__(self, common: ManualClock, skew_s: float) -> None:
        self._common = common
        self._skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        return self._common.now() + self._skew

    def advance(self, seconds: float) -> None:
        self._common.advance(seconds)


class Worker:
    """A machine with its own clock and its own way to the bucket."""

    def __init__(self, name: str, bucket: Bucket, common: ManualClock, skew_s: float) -> None:
        ids = itertools.count()
        self.clock = SkewedClock(common, skew_s)
        self.store = MemoryStore(bucket, wait=lambda: common.advance(25))
        conditions = Conditions(self.store, lambda: f"{name}-{next(ids)}")
        conditions.probe()
        self.jobs = JobStore(
            self.store, self.clock, worker=name, new_id=lambda: str(next(ids)), lease_s=LEASE_S, conditions=conditions
        )


def request_of(job_id: str) -> str:
    """The digest of the one request that this id stands for."""
    return hashlib.sha256(job_id.encode()).hexdigest()


def speech(request_digest: str, seed: int) -> bytes:
    """The speech: a function of the request and the record's seed alone."""
    return f"{request_digest}/{seed}".encode()


def not_disturbed(trouble: list[Trouble]) -> bool:
    """Whether the caller gets the same reply as without failures."""
    return set(trouble) <= {"none", "again"}


class Jobs(RuleBasedStateMachine):
    """The workers, their claims, and how a rule lets one of them act; a machine adds the rules."""

    conditional = True
    store_has_a_clock = True

    def __init__(self) -> None:
        super().__init__()
        self.common = ManualClock()
        now = self.common.monotonic if self.store_has_a_clock else None
        self.bucket = Bucket(conditional=self.conditional, now=now)
        self.workers = [Worker(f"w{n}", self.bucket, self.common, skew) for n, skew in enumerate(SKEWS_S)]
        self.claims: list[tuple[Worker, Claim]] = []
        self.ids = itertools.count()

    def _stored(self, job_id: str) -> Job | None:
        record = self._record(job_id)
        return None if record is None or record.deleted_at else record

    def _record(self, job_id: str) -> Job | None:
        there = self.bucket.objects.get(keys.job_record(job_id))
        return Job.model_validate_json(there.body) if there else None

    def _is_refused(self, job_id: str, delivery: str) -> bool:
        """Whether the job that this delivery asked for was deleted."""
        record = self._record(job_id)
        return bool(record and record.deleted_at and digest_of_delivery(delivery) in record.deliveries)

    def _expected(self, worker: Worker, job_id: str) -> type[Claim | Finished | Busy]:
        """What a delivery to this worker leads to, if nothing comes in between."""
        job = self._stored(job_id)
        if job is None:
            return Claim
        if job.status.is_final:
            return Finished
        if self.store_has_a_clock:  # whatever the workers' clocks say
            age_s = self.bucket.read(keys.job_record(job_id)).age_s or 0.0
            return Claim if age_s >= (job.lease.seconds or 0.0) else Busy
        return Claim if job.lease.until <= worker.clock.now() else Busy

    def _check_told(self, job: Job) -> None:
        """Check that a worker's reply agrees with the bucket."""
        stored = self._stored(job.job_id)
        assert stored is not None
        assert stored.lease.owner == job.lease.owner
        assert (stored.status, stored.result, stored.attempt, stored.seed) == (
            job.status,
            job.result,
            job.attempt,
            job.seed,
        )

    @contextmanager
    def _at(self, worker: int, trouble: list[Trouble], job_id: str) -> Iterator[None]:
        """Call a worker under these troubles; it may report only what really went wrong."""
        store = self.workers[worker].store
        store.troubles, store.interlude = list(trouble), lambda: self._overtake(worker, job_id)
        told: list[type[Exception]] = [LeaseLost, JobNotFound]
        if "before" in trouble or "after" in trouble:
            told.append(StorageUnavailable)
        try:
            with suppress(*told):
                yield
        finally:
            store.troubles = []

    def _overtake(self, worker: int, job_id: str) -> None:
        """While the caller was paused, the next worker took the job over and began it."""
        self.common.advance(LEASE_S + 1)
        other = self.workers[(worker + 1) % len(self.workers)]
        taken = other.jobs.claim(job_id, request_of(job_id), 5, delivery=f"overtaking-{next(self.ids)}")
        if isinstance(taken, Claim):
            taken.start(4)
            self.claims.append((other, taken))

    def _use(self, pick: int, trouble: list[Trouble], act: Callable[[Claim], None]) -> None:
        """Do as a generate does: a worker that has lost the job, or must stop, gives it up."""
        worker, claim = self.claims[pick % len(self.claims)]
        owner = claim.job.lease.owner
        with self._at(self.workers.index(worker), trouble, claim.job.job_id):
            try:
                act(claim)
                assert claim.job.lease.owner == owner
                if self.conditional and not_disturbed(trouble):
                    self._check_told(claim.job)
                claim.check_cancelled()
            except (LeaseLost, JobNotFound):
                self._drop(claim)
                raise
            except JobCancelled as cancelled:
                self._drop(claim)
                claim.fail(cancelled)

    def _end(self, pick: int, trouble: list[Trouble], act: Callable[[Worker, Claim], object]) -> None:
        worker, claim = self.claims.pop(pick % len(self.claims))
        with self._at(self.workers.index(worker), trouble, claim.job.job_id):
            try:
                act(worker, claim)
            except StorageUnavailable as error:
                claim.fail(error)
                raise

    def _complete(self, worker: Worker, claim: Claim) -> None:
        claim.start(4)
        job = claim.job
        body = speech(job.request_digest, job.seed)
        sha256 = hashlib.sha256(body).hexdigest()
        key = keys.result(job.job_id, sha256, "wav")
        worker.store.put(key, body, content_type="audio/wav")
        result: dict[str, Any] = {"audio": {"key": key, "sha256": sha256}}
        claim.complete(result)
        assert claim.job.status.is_final
        assert claim.job.lease.owner == job.lease.owner
        if self.conditional:
            self._check_told(claim.job)

    def _drop(self, claim: Claim) -> None:
        self.claims = [(worker, other) for worker, other in self.claims if other is not claim]
