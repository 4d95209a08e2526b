"""How a job ends: by legal moves only, completed, failed or cancelled, and an end never changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning import keys
from cloning.errors import GpuOutOfMemory, Interrupted, InvalidText, JobCancelled
from cloning.jobs.record import MOVES, IllegalMove, Job, JobStatus, Lease
from cloning.jobs.store import Finished, JobStore
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import claimed
from tests.unit.cloning.jobs.world import DIGEST


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
