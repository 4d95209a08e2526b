"""
Housekeeping: removes old jobs with their results, chunks of ended jobs, and objects that no record names.

Records are removed before what they name (JobStore.delete), so that no record ever names a missing object. A running job is kept,
however old; so is a voice, and a job that was written to since it was listed. Objects that the bucket refuses to return or remove
(archived, under a disabled key), or never returns, are skipped, and the round goes on. Lifecycle rules of the bucket can do most
of this too: docs/operations.md.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from cloning import keys
from cloning.errors import (
    Conflict,
    JobNotFound,
    RecordDamaged,
    ServiceError,
    StorageMisconfigured,
    StorageUnavailable,
)
from cloning.jobs.record import Job, JobStatus
from cloning.jobs.store import JobStore
from cloning.ports import ObjectInfo, ObjectStore
from cloning.ports.listing import behind

log = logging.getLogger(__name__)

MOST_AWAY = 3


@dataclass
class Removed:
    """
    How many of each were removed (or would be). `next_cursor` is where to continue; None at the end.

    `skipped` are the jobs of which the bucket refused an object, or never returned it.
    """

    jobs: int = 0
    chunks: int = 0
    results: int = 0
    skipped: set[str] = field(default_factory=set)
    next_cursor: str | None = None

    @property
    def is_nothing(self) -> bool:
        return not (self.jobs or self.chunks or self.results)


@dataclass
class Housekeeping:
    """One round through the bucket. Objects last written before `before` are old. A dry run removes nothing."""

    store: ObjectStore
    jobs: JobStore
    before: datetime
    dry_run: bool
    removed: Removed = field(default_factory=Removed)

    def run(self, *, limit: int, after: str) -> Removed:
        """
        Check up to `limit` jobs and results after the key `after`.

        Raises StorageMisconfigured or StorageUnavailable if that is the whole bucket and every removal failed, for several jobs;
        and StorageUnavailable once it is unavailable for several in a row.
        """
        last = after
        failed: list[ServiceError | None] = []
        for number, (job_id, owned) in enumerate(self._found(after)):
            if number == limit:
                self.removed.next_cursor = last
                break
            last = owned[-1].key
            tidy = self._tidy_results if last.startswith(keys.RESULTS) else self._tidy_job
            failed.append(self._failure(tidy, job_id, owned))
            _raise_if_away(failed[-MOST_AWAY:])
        is_whole = not after and self.removed.next_cursor is None
        if is_whole and len(self.removed.skipped) > 1 and self.removed.is_nothing:
            raise next(error for error in failed if error)
        return self.removed

    def _failure(
        self, tidy: Callable[[str, list[ObjectInfo]], None], job_id: str, owned: list[ObjectInfo]
    ) -> ServiceError | None:
        """Tidy the job; return the bucket's error, which probably concerns only this job."""
        try:
            tidy(job_id, owned)
        except (StorageMisconfigured, StorageUnavailable) as error:
            self.removed.skipped.add(job_id)
            log.warning("expire.skipped", extra={"job": job_id, "code": error.code})
            return error
        return None

    def _found(self, after: str) -> Iterator[tuple[str, list[ObjectInfo]]]:
        """Yield (job, its objects) for all jobs, then for all results; foreign objects have no owner, and are kept."""
        for folder in (keys.JOBS, keys.RESULTS):
            begin = after if after.startswith(folder) else ""
            if after < folder or begin:
                listed = behind(begin, self.store.list(folder, after=begin))
                for job_id, owned in groupby(listed, key=lambda info: keys.owner_of(info.key)):
                    if job_id is not None:
                        yield job_id, list(owned)

    def _tidy_job(self, job_id: str, owned: list[ObjectInfo]) -> None:
        record = next((info for info in owned if keys.job_of(info.key)), None)
        chunks = [info for info in owned if info is not record]
        if record is None:
            self._remove([info for info in chunks if info.modified < self.before], "chunks")
        elif record.modified < self.before:
            self._remove_job(job_id, chunks)
        elif chunks:
            self._remove(self._left_over(job_id, chunks), "chunks")

    def _remove_job(self, job_id: str, chunks: list[ObjectInfo]) -> None:
        with suppress(Conflict, JobNotFound):  # it runs, is no longer old, or another call was faster
            results = len(self.jobs.owned_results(job_id))
            if self.dry_run:
                self.jobs.refuse_running(job_id, before=self.before)
            else:
                self.jobs.delete(job_id, before=self.before)
            self.removed.jobs += 1
            self.removed.chunks += len(chunks)
            self.removed.results += results

    def _tidy_results(self, job_id: str, owned: list[ObjectInfo]) -> None:
        old = [info for info in owned if info.modified < self.before]
        if old:
            named = self._names(job_id)
            self._remove([info for info in old if named is not None and info.key not in named], "results")

    def _names(self, job_id: str) -> set[str] | None:
        """The results that a record names; None if that is unknown, or may still change."""
        try:
            job = self.jobs.find(job_id)
        except RecordDamaged:
            return None
        if job is None:
            return set()
        return _named_by(job) if job.status.is_final else None

    def _left_over(self, job_id: str, owned: list[ObjectInfo]) -> list[ObjectInfo]:
        """Objects that nobody needs any more: everything of an ended job except the parts that its record names."""
        try:
            job = self.jobs.find(job_id)
        except RecordDamaged:
            return []
        if job is None:
            return owned
        named = job.part_keys()
        return [info for info in owned if info.key not in named] if job.status.is_final else []

    def _remove(self, infos: list[ObjectInfo], kind: str) -> None:
        for info in infos:
            if not self.dry_run:
                self.store.delete(info.key)
            setattr(self.removed, kind, getattr(self.removed, kind) + 1)


def _raise_if_away(last: list[ServiceError | None]) -> None:
    """Raise if several objects in a row were unavailable: then the store fails, not a single object."""
    away = [error for error in last if isinstance(error, StorageUnavailable)]
    if len(away) == MOST_AWAY:
        raise away[0]


def _named_by(job: Job) -> set[str] | None:
    if job.status is not JobStatus.COMPLETED:
        return set()
    if job.audio is None:  # damaged: what it named is unknown
        return None
    return {job.audio.key, keys.manifest_of(job.audio.key), *(file.key for file in job.files)}
