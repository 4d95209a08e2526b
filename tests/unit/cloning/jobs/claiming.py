"""Workers that share a folder, and their claims."""

from cloning.jobs.claim import Claim
from cloning.jobs.store import JobStore
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.world import DIGEST


def worker(name: str, store: FolderStore, clock: ManualClock) -> JobStore:
    """The jobs as a worker of that name sees them."""
    ids = iter(range(1000))
    return JobStore(store, clock, worker=name, new_id=lambda: str(next(ids)), lease_s=60)


def claimed(jobs: JobStore, job_id: str = "j", delivery: str = "d") -> Claim:
    """The claim of a job that nobody else has."""
    claim = jobs.claim(job_id, DIGEST, 7, delivery=delivery)
    assert isinstance(claim, Claim)
    return claim
