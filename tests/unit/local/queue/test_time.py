"""What time does to a job: timeouts, times to live, results that are kept, and workers that fall silent."""

import pytest

from local.job import JobState, UnknownJob
from local.queue import Queue
from tests.unit.local.queue.making import Clock, queue_of, submit


def test_execution_timeout_ends_the_job_and_stops_its_worker(queue: Queue, clock: Clock) -> None:
    """The execution timeout ends the job and stops its worker; it is counted from the delivery."""
    job_id = submit(queue, policy={"executionTimeout": 5000})
    clock.time += 60
    queue.take("a")
    clock.time += 4.9
    running = queue.job(job_id).state

    clock.time += 0.2

    assert running is JobState.IN_PROGRESS
    assert queue.job(job_id).state is JobState.TIMED_OUT
    assert "5 s" in str(queue.job(job_id).status()["error"])
    assert queue.take_stops("a") == [job_id]


def test_time_to_live_forgets_the_job_even_while_it_runs(queue: Queue, clock: Clock) -> None:
    """The time to live ends even a running job, as RunPod's hard limit: its status is 404, and the worker is told to stop."""
    job_id = submit(queue, policy={"ttl": 10_000})
    queue.take("a")

    clock.time += 10

    with pytest.raises(UnknownJob, match=job_id):
        queue.job(job_id)
    assert queue.take_stops("a") == [job_id]


def test_an_expired_waiting_job_is_never_delivered(queue: Queue, clock: Clock) -> None:
    """An expired waiting job is never delivered; `?ttl=` overrides the policy."""
    queue.submit({"input": {}, "policy": {"ttl": 60_000}}, ttl_s=10)

    clock.time += 10

    assert queue.take("a") == []


@pytest.mark.parametrize(("route", "keep_s", "kept_s"), [("run", 0, 1800), ("runsync", 0, 60), ("runsync", 120, 120)])
def test_results_are_kept_as_long_as_documented(
    queue: Queue, clock: Clock, route: str, keep_s: float, kept_s: float
) -> None:
    """Results are kept 30 minutes for /run, and 1 minute, or as long as it waits, for /runsync."""
    job_id = queue.submit({"input": 1}, sync=route == "runsync", keep_s=keep_s).id
    queue.take("a")
    queue.report(job_id, "a", {"output": 1})

    clock.time += kept_s - 1
    state = queue.job(job_id).state
    clock.time += 1

    assert state is JobState.COMPLETED
    with pytest.raises(UnknownJob):
        queue.job(job_id)


def test_a_silent_workers_job_goes_to_the_head_of_the_queue(clock: Clock) -> None:
    """A silent worker's job goes to the head of the queue, so it is delivered before newer ones; both deliveries are counted."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    lost = submit(queue)
    queue.take("a")
    submit(queue)

    clock.time += 3

    assert [job["id"] for job in queue.take("b")] == [lost]
    assert queue.job(lost).deliveries == 2


def test_a_worker_that_pings_keeps_its_job(clock: Clock) -> None:
    """A worker that pings keeps its job, however slow it is."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    job_id = submit(queue)
    queue.take("a")

    for _ in range(5):
        clock.time += 2
        queue.ping("a", [job_id])

    assert queue.take("b") == []
    assert queue.job(job_id).worker == "a"


def test_without_a_rule_nothing_is_redelivered(queue: Queue, clock: Clock) -> None:
    """Without a setting nothing is redelivered: the job waits for its execution timeout."""
    submit(queue)
    queue.take("a")

    clock.time += 599

    assert queue.take("b") == []


def test_the_result_of_a_worker_thought_dead_still_counts(clock: Clock) -> None:
    """If a worker thought dead was only slow, its result ends the job, which then leaves the queue."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    job_id = submit(queue)
    queue.take("a")
    clock.time += 4

    queue.report(job_id, "a", {"output": "late but whole"})

    assert queue.job(job_id).state is JobState.COMPLETED
    assert queue.take("b") == []
