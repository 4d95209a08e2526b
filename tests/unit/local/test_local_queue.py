"""The rules of the local queue, on a clock that only the test moves."""

from itertools import count
from typing import Any

import pytest

from local.job import BadRequest, JobState, NotRetryable, Rules, UnknownJob
from local.queue import Queue


class Clock:
    """A clock that advances on request."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def queue_of(clock: Clock, **rules: Any) -> Queue:
    numbers = count(1)
    return Queue(clock=clock, new_id=lambda: str(next(numbers)), rules=Rules(**rules))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return queue_of(clock)


def submit(queue: Queue, **request: object) -> str:
    return queue.submit({"input": {"n": 1}, **request}).id


def fail(queue: Queue) -> str:
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"error": "broken"})
    return job_id


def test_a_worker_receives_every_top_level_key_of_the_request(queue: Queue) -> None:
    """The handler sees the request as it was sent, with the queue's id."""
    job_id = submit(queue, policy={"lowPriority": True}, webhook="https://example.org", id="mine")

    taken = queue.take("a")

    assert taken == [
        {"input": {"n": 1}, "policy": {"lowPriority": True}, "webhook": "https://example.org", "id": job_id}
    ]


def test_jobs_are_taken_in_the_order_in_which_they_came(queue: Queue) -> None:
    """First in, first out, over single and batch takes."""
    ids = [submit(queue) for _ in range(4)]

    taken = [job["id"] for job in (*queue.take("a"), *queue.take("b", 2), *queue.take("a", 9))]

    assert taken == ids


def test_a_batch_never_holds_more_than_asked_for(queue: Queue) -> None:
    """Three waiting jobs, two wanted: one stays."""
    for _ in range(3):
        submit(queue)

    assert len(queue.take("a", 2)) == 2
    assert queue.health()["jobs"]["inQueue"] == 1


def test_a_batch_of_nothing_is_refused(queue: Queue) -> None:
    """A batch size below one is the worker's mistake."""
    with pytest.raises(BadRequest, match="batch_size"):
        queue.take("a", 0)


def test_status_tells_times_in_ms_and_who_answered(queue: Queue, clock: Clock) -> None:
    """The delay is the wait in the queue, the execution time the run."""
    job_id = submit(queue)
    clock.time += 1.5
    queue.take("a")
    clock.time += 0.25

    queue.report(job_id, "a", {"output": {"x": 1}})

    assert queue.job(job_id).status() == {
        "id": job_id,
        "status": "COMPLETED",
        "delayTime": 1500,
        "executionTime": 250,
        "workerId": "a",
        "output": {"x": 1},
    }


def test_a_waiting_job_has_no_times_yet(queue: Queue) -> None:
    """What has not happened is not reported."""
    job_id = submit(queue)

    assert queue.job(job_id).status() == {"id": job_id, "status": "IN_QUEUE"}


@pytest.mark.parametrize(
    ("body", "state", "reply"),
    [
        ({"output": None}, "COMPLETED", {"output": None}),
        ({}, "COMPLETED", {}),
        ({"output": {"x": 1}, "error": ""}, "COMPLETED", {"output": {"x": 1}, "error": ""}),
        ({"output": {"x": 1}, "error": "E: no"}, "FAILED", {"output": {"x": 1}, "error": "E: no"}),
        ({"error": {"code": "E"}}, "FAILED", {"error": {"code": "E"}}),
    ],
)
def test_a_truthy_error_makes_a_job_fail(
    queue: Queue, body: dict[str, object], state: str, reply: dict[str, object]
) -> None:
    """Only `error` decides, and what the worker sent is what the client sees."""
    job_id = submit(queue)
    queue.take("a")

    queue.report(job_id, "a", body)

    status = queue.job(job_id).status()
    assert status["status"] == state
    assert {key: status[key] for key in ("output", "error") if key in status} == reply


def test_progress_is_seen_while_the_job_runs_and_replaced_by_its_result(queue: Queue) -> None:
    """IN_PROGRESS bodies are the status's output until the final one."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"status": "IN_PROGRESS", "output": {"done": 1}})
    seen = queue.job(job_id).status()

    queue.report(job_id, "a", {"output": "ready"})

    assert (seen["status"], seen["output"]) == ("IN_PROGRESS", {"done": 1})
    assert queue.job(job_id).status()["output"] == "ready"


def test_progress_behind_the_result_is_ignored(queue: Queue) -> None:
    """The SDK's progress thread may lose the race against the result."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"output": "ready"})

    queue.report(job_id, "a", {"status": "IN_PROGRESS", "output": {"done": 1}})

    assert queue.job(job_id).status()["output"] == "ready"
    assert queue.job(job_id).state is JobState.COMPLETED
    assert queue.job(job_id).results == 1


def test_a_second_result_is_counted_and_ignored(queue: Queue) -> None:
    """The first final result wins over any second one."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"output": "first"})

    queue.report(job_id, "b", {"error": "second"})

    job = queue.job(job_id)
    assert (job.state, job.reply, job.worker, job.results) == (JobState.COMPLETED, {"output": "first"}, "a", 2)


def test_cancelling_a_waiting_job_keeps_it_from_workers(queue: Queue) -> None:
    """Nobody gets it and nobody is told to stop."""
    job_id = submit(queue)

    queue.cancel(job_id)

    assert queue.take("a") == []
    assert queue.take_stops("a") == []
    assert queue.job(job_id).state is JobState.CANCELLED


def test_cancelling_a_running_job_tells_its_worker_once(queue: Queue) -> None:
    """The stop goes to the worker that holds the job, and to no other."""
    job_id = submit(queue)
    queue.take("a")

    queue.cancel(job_id)

    assert queue.take_stops("b") == []
    assert queue.take_stops("a") == [job_id]
    assert queue.take_stops("a") == []


def test_a_result_for_a_cancelled_job_is_counted_and_ignored(queue: Queue) -> None:
    """A sync handler can't be stopped and posts its result all the same."""
    job_id = submit(queue)
    queue.take("a")
    queue.cancel(job_id)

    queue.report(job_id, "a", {"output": "too late"})

    assert queue.job(job_id).status()["status"] == "CANCELLED"
    assert "output" not in queue.job(job_id).status()
    assert queue.job(job_id).results == 1


def test_cancelling_a_finished_job_changes_nothing(queue: Queue) -> None:
    """A final state stays."""
    job_id = fail(queue)

    assert queue.cancel(job_id).state is JobState.FAILED


def test_retry_brings_the_same_job_again_without_its_old_output(queue: Queue) -> None:
    """Same id, same input, a clean reply, and it is counted."""
    job_id = fail(queue)

    queue.retry(job_id)

    assert queue.job(job_id).status() == {"id": job_id, "status": "IN_QUEUE", "retries": 1}
    assert queue.take("b") == [{"input": {"n": 1}, "id": job_id}]
    assert queue.health()["jobs"]["retried"] == 1


def test_a_pending_stop_does_not_hit_the_retried_job(queue: Queue, clock: Clock) -> None:
    """A stop belongs to the delivery that it was meant for."""
    job_id = submit(queue, policy={"executionTimeout": 5000})
    queue.take("a")
    clock.time += 6
    queue.retry(job_id)

    queue.take("a")

    assert queue.take_stops("a") == []


@pytest.mark.parametrize("finish", ["wait", "run", "complete", "cancel"])
def test_only_failed_and_timed_out_jobs_can_be_retried(queue: Queue, finish: str) -> None:
    """Every other state is refused and left as it is."""
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


def test_execution_timeout_ends_the_job_and_stops_its_worker(queue: Queue, clock: Clock) -> None:
    """The time runs from the delivery, not from the submission."""
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
    """RunPod's hard limit: status is 404 from then on; the worker is told to stop."""
    job_id = submit(queue, policy={"ttl": 10_000})
    queue.take("a")

    clock.time += 10

    with pytest.raises(UnknownJob, match=job_id):
        queue.job(job_id)
    assert queue.take_stops("a") == [job_id]


def test_an_expired_waiting_job_is_never_delivered(queue: Queue, clock: Clock) -> None:
    """`?ttl=` goes before the policy."""
    queue.submit({"input": {}, "policy": {"ttl": 60_000}}, ttl_s=10)

    clock.time += 10

    assert queue.take("a") == []


@pytest.mark.parametrize(("route", "keep_s", "kept_s"), [("run", 0, 1800), ("runsync", 0, 60), ("runsync", 120, 120)])
def test_results_are_kept_as_long_as_documented(
    queue: Queue, clock: Clock, route: str, keep_s: float, kept_s: float
) -> None:
    """30 minutes for /run, 1 minute for /runsync, or as long as it waits."""
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
    """Redelivery: the next worker gets it before newer jobs, and both deliveries are counted."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    lost = submit(queue)
    queue.take("a")
    submit(queue)

    clock.time += 3

    assert [job["id"] for job in queue.take("b")] == [lost]
    assert queue.job(lost).deliveries == 2


def test_a_worker_that_pings_keeps_its_job(clock: Clock) -> None:
    """Slowness is not death."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    job_id = submit(queue)
    queue.take("a")

    for _ in range(5):
        clock.time += 2
        queue.ping("a", [job_id])

    assert queue.take("b") == []
    assert queue.job(job_id).worker == "a"


def test_without_a_rule_nothing_is_redelivered(queue: Queue, clock: Clock) -> None:
    """Off by default: the job waits for its execution timeout."""
    submit(queue)
    queue.take("a")

    clock.time += 599

    assert queue.take("b") == []


def test_the_result_of_a_worker_thought_dead_still_counts(clock: Clock) -> None:
    """It was only slow: its result ends the job, which then leaves the queue."""
    queue = queue_of(clock, redeliver_after_s=3.0)
    job_id = submit(queue)
    queue.take("a")
    clock.time += 4

    queue.report(job_id, "a", {"output": "late but whole"})

    assert queue.job(job_id).state is JobState.COMPLETED
    assert queue.take("b") == []


def test_purge_cancels_what_waits_and_leaves_what_runs(queue: Queue) -> None:
    """It says how many it removed."""
    running = submit(queue)
    queue.take("a")
    waiting = [submit(queue), submit(queue)]

    removed = queue.purge()

    assert removed == 2
    assert [queue.job(job_id).state for job_id in waiting] == [JobState.CANCELLED] * 2
    assert queue.job(running).state is JobState.IN_PROGRESS


def test_stream_parts_are_handed_out_once_in_order(queue: Queue) -> None:
    """Each call gives what came since the last one."""
    job_id = submit(queue)
    queue.take("a")
    queue.add_part(job_id, "a", 1)
    queue.add_part(job_id, "a", {"two": 2})

    assert queue.stream(job_id) == [1, {"two": 2}]
    assert queue.stream(job_id) == []


def test_health_counts_workers_by_what_they_do(queue: Queue, clock: Clock) -> None:
    """Idle, running; not those that are silent or unhealthy."""
    submit(queue)
    queue.ping("gone")
    clock.time += 31
    queue.take("busy")
    queue.ping("idle")
    queue.ping("sick", unhealthy="gpu")

    assert queue.health()["workers"] == {"idle": 1, "running": 1}


def test_stop_pod_is_remembered_for_whoever_owns_the_worker(queue: Queue) -> None:
    """The queue can't end a process; it reports which worker asked for that."""
    job_id = submit(queue)
    queue.take("a")

    queue.report(job_id, "a", {"output": 1, "stopPod": True})

    assert queue.workers["a"].stop_requests == 1


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"input": None},
        {"input": {}, "policy": "fast"},
        {"input": {}, "policy": {"ttl": 0}},
        {"input": {}, "policy": {"executionTimeout": True}},
        {"input": {}, "policy": {"executionTimeout": "5000"}},
    ],
)
def test_a_request_out_of_shape_is_refused_and_not_queued(queue: Queue, request_: dict[str, object]) -> None:
    """Nothing is delivered that was refused."""
    with pytest.raises(BadRequest):
        queue.submit(request_)
    assert queue.jobs == {}
