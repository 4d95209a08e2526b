"""
Job records in the bucket: reading them, and replacing exactly the version that was read.

A record and the etag of its version stay together (`Version`), so an etag can't be combined with a record that was read at
another time, or with another owner.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloning import keys
from cloning.errors import JobNotFound
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.record import DELETED, LONGEST_LEASE_S, Job, Lease
from cloning.ports import AlreadyExists, Changed, Clock, NoSuchObject, ObjectStore, StoredObject, TooLarge
from cloning.records import CONTENT_TYPE, MOST_BYTES, damaged, load_record

_HOLD_S = 10.0


@dataclass(frozen=True)
class Version:
    """A job's record as it was read or written, with the etag of that version."""

    job: Job
    etag: str


class JobRecords:
    """Records by job id. Every method that asks the store may raise StorageUnavailable or StorageMisconfigured."""

    def __init__(
        self, store: ObjectStore, clock: Clock, *, lease_s: float, conditions: Conditions | None = None
    ) -> None:
        self._store = store
        self.clock = clock
        self.lease_s = lease_s
        self._conditions = conditions

    @property
    def are_guarded(self) -> bool:
        """Whether the store is known to honour If-Match and If-None-Match."""
        return self._conditions is None or self._conditions.mode == "honoured"

    def load(self, job_id: str) -> Version:
        """Read a job's record. Raises JobNotFound, also if the job was deleted, and RecordDamaged."""
        found = self.load_any(job_id)
        if found.job.deleted_at:
            raise deleted(job_id)
        return found

    def load_any(self, job_id: str) -> Version:
        """Read a job's record, or what is left of a deleted one's. Raises JobNotFound, RecordDamaged."""
        try:
            job, stored = load_record(self._store, keys.job_record(job_id), Job, job_id)
        except NoSuchObject:
            raise _unknown(job_id) from None
        job = self._by_our_clock(job, stored)
        if not job.status.is_final and job.lease.until > self.clock.now() + timedelta(seconds=LONGEST_LEASE_S):
            raise damaged(Job, job_id, "its lease ends in days, and no worker takes one for more than an hour")
        return Version(job, stored.etag)

    def create(self, job: Job) -> Version:
        """
        Write the first record of a job. Raises AlreadyExists.

        If the store may ignore the condition, the key is checked once more: the caller's own check may be minutes old.
        """
        if not self.are_guarded and self.etag(job.job_id) is not None:
            raise AlreadyExists(job.job_id)
        etag = self._store.create(keys.job_record(job.job_id), job.body(), content_type=CONTENT_TYPE)
        return Version(job, etag)

    def replace(self, was: Version, job: Job) -> Version:
        """
        Replace exactly the version `was`. Raises Changed.

        If the store may ignore the condition, a check before the write leaves little time for another writer: enough to keep a
        worker that was thought dead from undoing the end of its job.
        """
        return self._replace(was.etag, job)

    def _replace(self, etag: str, job: Job) -> Version:
        if not self.are_guarded and self.etag(job.job_id) != etag:
            raise Changed
        left = max(0.0, (job.lease.until - self.clock.now()).total_seconds())
        stored = job.model_copy(update={"lease": job.lease.model_copy(update={"seconds": left})})
        key = keys.job_record(job.job_id)
        return Version(job, self._store.replace(key, stored.body(), etag=etag, content_type=CONTENT_TYPE))

    def mark_deleted(
        self, job_id: str, was: Version | str, deliveries: tuple[str, ...], *, hold_s: float = 0.0
    ) -> None:
        """
        Replace exactly this version, or the unreadable one of this etag, by what stays of a deleted job. Raises Changed.

        For `hold_s` seconds no claim takes the id.
        """
        etag = was if isinstance(was, str) else was.etag
        self._replace(etag, self.leased(Job.deleted(job_id, deliveries, self.clock.now()), DELETED, hold_s))

    def remove(self, job_id: str, was: Version | str) -> None:
        """
        Remove exactly this version. Raises Changed.

        A bucket has no conditional delete: the record is replaced by one that holds off claims, which is removed at once. Only a process
        that stands still between the two for longer than `_HOLD_S` can remove a later record.
        """
        self.mark_deleted(job_id, was, (), hold_s=_HOLD_S)
        self._store.delete(keys.job_record(job_id))

    def written_at(self, job_id: str) -> datetime:
        """When the record was last written, by the store's clock. Raises JobNotFound."""
        try:
            return self._store.head(keys.job_record(job_id)).modified
        except NoSuchObject:
            raise _unknown(job_id) from None

    def etag(self, job_id: str) -> str | None:
        """The etag of the current record, readable or not; None if there is none."""
        try:
            return self._store.get(keys.job_record(job_id), most=MOST_BYTES).etag
        except TooLarge as record:
            return record.etag
        except NoSuchObject:
            return None

    def leased(self, job: Job, owner: str, lease_s: float | None = None) -> Job:
        """The job with a lease of `lease_s` seconds from now (default: a whole lease; 0: given back)."""
        seconds = self.lease_s if lease_s is None else lease_s
        lease = Lease(owner=owner, until=self.clock.now() + timedelta(seconds=seconds), seconds=seconds)
        return job.model_copy(update={"lease": lease})

    def _by_our_clock(self, job: Job, stored: StoredObject) -> Job:
        """
        Convert the lease's end to this worker's clock, independent of the writer's.

        The store reports how long ago the record was written, and the record its lease in seconds. So minutes of skew between two
        workers neither take a job from a living one nor let a dead one keep it.
        """
        if stored.age_s is None or job.lease.seconds is None or (job.status.is_final and not job.deleted_at):
            return job
        until = self.clock.now() + timedelta(seconds=job.lease.seconds - stored.age_s)
        return job.model_copy(update={"lease": job.lease.model_copy(update={"until": until})})


def deleted(job_id: str) -> JobNotFound:
    """The error for a job that was deleted."""
    return JobNotFound(f"job {job_id!r} was deleted", job_id=job_id)


def _unknown(job_id: str) -> JobNotFound:
    return JobNotFound(f"no job {job_id!r}; a job is known once a worker has taken it", job_id=job_id)
