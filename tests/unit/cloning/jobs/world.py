"""A bucket in memory and the machines that share it, for tests of removals."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cloning import keys
from cloning.errors import ServiceError, StorageMisconfigured
from cloning.jobs.claim import Claim
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.housekeeping import Housekeeping, Removed
from cloning.jobs.record import JobStatus
from cloning.jobs.results import ResultWriter
from cloning.jobs.store import JobStore
from cloning.ports import ObjectInfo, StoredObject
from tests.standins.fakes import ManualClock
from tests.standins.memory_store import Bucket, MemoryStore

DIGEST, LEASE_S = "0" * 64, 60
DAY_S = 86_400


class Store(MemoryStore):
    """A way to a bucket that reports when an object was written. `refused` are keys that it doesn't return."""

    def __init__(self, bucket: Bucket, begun_at: datetime, before_call: Callable[[], None] = lambda: None) -> None:
        super().__init__(bucket, before_call=before_call)
        self._begun_at = begun_at
        self.refused: set[str] = set()
        self.times_refused = 0
        self.refusal: type[ServiceError] = StorageMisconfigured
        self.after_delete: Callable[[str], None] = lambda _: None

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        if key in self.refused:
            self.times_refused += 1
            raise self.refusal("the bucket refuses the object")
        return super().get(key, most=most)

    def delete(self, key: str) -> None:
        super().delete(key)
        self.after_delete(key)

    def _info(self, key: str) -> ObjectInfo:
        written = self._begun_at + timedelta(seconds=self.bucket._written[key])
        return replace(super()._info(key), modified=written)


class World:
    """A bucket and machines that share it."""

    def __init__(self, *, conditional: bool = True) -> None:
        self.clock = ManualClock()
        self.bucket = Bucket(conditional=conditional, now=self.clock.monotonic)
        self._begun_at = self.clock.now() - timedelta(seconds=self.clock.monotonic())
        self._ids = itertools.count()

    def machine(self, name: str, before_call: Callable[[], None] = lambda: None) -> tuple[Store, JobStore]:
        store = Store(self.bucket, self._begun_at, before_call)
        conditions = Conditions(MemoryStore(self.bucket), lambda: f"{name}-{next(self._ids)}")
        conditions.probe()
        new_id = lambda: str(next(self._ids))  # noqa: E731
        return store, JobStore(store, self.clock, worker=name, new_id=new_id, lease_s=LEASE_S, conditions=conditions)

    def delivery(self) -> str:
        """The id of another request."""
        return f"delivery-{next(self._ids)}"

    def abandoned(self, job_id: str) -> None:
        """A job whose worker fell silent."""
        claim = self.machine("dead")[1].claim(job_id, DIGEST, 7, delivery=self.delivery())
        assert isinstance(claim, Claim)
        claim.start(1)

    def done(self, job_id: str, delivery: str | None = None) -> None:
        """A job that was sent, perhaps again, and done."""
        store, jobs = self.machine("other")
        claim = jobs.claim(job_id, DIGEST, 7, delivery=delivery or self.delivery())
        assert isinstance(claim, Claim)
        claim.start(1)
        writer = ResultWriter(store, jobs, claim, claim.check_held)
        writer.complete({"audio": writer.save(b"speech", "wav", {}), "manifest": {}})

    def is_whole(self, job_id: str) -> bool:
        """Whether the job is COMPLETED with its audio and its manifest."""
        job = self.machine("reader")[1].find(job_id)
        audio = job.audio if job and job.status is JobStatus.COMPLETED else None
        return audio is not None and {audio.key, keys.manifest_of(audio.key)} <= self.bucket.objects.keys()

    def expire(self, store: Store, jobs: JobStore, *, days: float = 30, dry_run: bool = False) -> Removed:
        before = self.clock.now() - timedelta(days=days)
        return Housekeeping(store, jobs, before, dry_run).run(limit=100, after="")
