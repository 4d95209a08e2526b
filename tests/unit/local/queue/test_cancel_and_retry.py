"""What clients do to a job that they have sent: cancel it, retry it, purge what waits."""

import pytest

from local.job import JobState, NotRetryable
from local.queue import Queue
from tests.unit.local.queue.making import Clock, fail, submit


def test_cancelling_a_waiting_job_keeps_it_from_workers(queue: Queue) -> None:
    """A cancelled waiting job is given to no worker, and no worker is told to stop."""
    job_id = submit(queue)

    queue.cancel(job_id)

    assert queue.take("a") == []
    assert queue.take_stops("a") == []
    assert queue.job(job_id).state is JobState.CANCELLED


def test_cancelling_a_running_job_tells_its_worker_once(queue: Queue) -> None:
    """A cancelled running job's stop is sent once, to the worker that holds it."""
    job_id = submit(queue)
    queue.take("a")

    queue.cancel(job_id)

    assert queue.take_stops("b") == []
    assert queue.take_stops("a") == [job_id]
    assert queue.take_stops("a") == []


def test_a_result_for_a_cancelled_job_is_counted_and_ignored(queue: Queue) -> None:
    """A result for a cancelled job is counted and ignored: a sync handler can't be stopped and still posts it."""
    job_id = submit(queue)
    queue.take("a")
    queue.cancel(job_id)

    queue.report(job_id, "a", {"output": "too late"})

    assert queue.job(job_id).status()["status"] == "CANCELLED"
    assert "output" not in queue.job(job_id).status()
    assert queue.job(job_id).results == 1


def test_cancelling_a_finished_job_changes_nothing(queue: Queue) -> None:
    """Cancelling a finished job changes nothing."""
    job_id = fail(queue)

    assert queue.cancel(job_id).state is JobState.FAILED


def test_retry_brings_the_same_job_again_without_its_old_output(queue: Queue) -> None:
    """Retry delivers the same id and input again, with an empty reply, and is counted."""
    job_id = fail(queue)

    queue.retry(job_id)

    assert queue.job(job_id).status() == {"id": job_id, "status": "IN_QUEUE", "retries": 1}
    assert queue.take("b") == [{"input": {"n": 1}, "id": job_id}]
    assert queue.health()["jobs"]["retried"] == 1


def test_a_pending_stop_does_not_hit_the_retried_job(queue: Queue, clock: Clock) -> None:
    """A stop belongs to the delivery that it was meant for, not to the retried one."""
    job_id = submit(queue, policy={"executionTimeout": 5000})
    queue.take("a")
    clock.time += 6
    queue.retry(job_id)

    queue.take("a")

    assert queue.take_stops("a") == []


@pytest.mark.parametrize("finish", ["wait", "run", "complete", "cancel"])
def test_only_failed_and_timed_out_jobs_can_be_retried(queue: Queue, finish: str) -> None:
    """Only failed and timed-out jobs can be retried; others are refused and stay as they are."""
    job_id = submit(queue)
    if finish in {"run", "complete"}:
        queue.take("a")
    if finish == "complete":
        queue.report(job_id, "a", {"output": 1})
    if finish == "cancel":
        queue.cancel(job_id)
    before = queue.job(job_id).status()

    with pytest.raises(NotRetryable, match=job_id):
        queue.retry(job_id)
    assert queue.job(job_id).status() == before


def test_purge_cancels_what_waits_and_leaves_what_runs(queue: Queue) -> None:
    """Purge cancels waiting jobs, says how many, and leaves running ones."""
    running = submit(queue)
    queue.take("a")
    waiting = [submit(queue), submit(queue)]

    removed = queue.purge()

    assert removed == 2
    assert [queue.job(job_id).state for job_id in waiting] == [JobState.CANCELLED] * 2
    assert queue.job(running).state is JobState.IN_PROGRESS
