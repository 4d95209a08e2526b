"""The rules of the local queue, on a clock that only the test moves."""

from itertools import count
from typing import Any

import pytest

from local.job import BadRequest, JobState, NotRetryable, Rules, UnknownJob
from local.queue import Queue


class Clock:
    """A clock that moves on request."""

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
    """The handler gets the request as it was sent, with the queue's id."""
    job_id = submit(queue, policy={"lowPriority": True}, webhook="https://example.org", id="mine")

    taken = queue.take("a")

    assert taken == [
        {"input": {"n": 1}, "policy": {"lowPriority": True}, "webhook": "https://example.org", "id": job_id}
    ]


def test_jobs_are_taken_in_the_order_in_which_they_came(queue: Queue) -> None:
    """Jobs are taken in the order of their arrival, over single and batch takes."""
    ids = [submit(queue) for _ in range(4)]

    taken = [job["id"] for job in (*queue.take("a"), *queue.take("b", 2), *queue.take("a", 9))]

    assert taken == ids


def test_a_batch_never_holds_more_than_asked_for(queue: Queue) -> None:
    """A batch has at most as many jobs as were asked for."""
    for _ in range(3):
        submit(queue)

    assert len(queue.take("a", 2)) == 2
    assert queue.health()["jobs"]["inQueue"] == 1


def test_a_batch_of_nothing_is_refused(queue: Queue) -> None:
    """A batch size below one is refused as the worker's mistake."""
    with pytest.raises(BadRequest, match="batch_size"):
        queue.take("a", 0)


def test_status_tells_times_in_ms_and_who_answered(queue: Queue, clock: Clock) -> None:
    """The delay is the wait in the queue, and the execution time is the run, both in ms; the status names the worker."""
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
    """A waiting job has no times yet."""
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
    """Only a truthy `error` makes a job fail, and the client sees what the worker sent."""
    job_id = submit(queue)
    queue.take("a")

    queue.report(job_id, "a", body)

    status = queue.job(job_id).status()
    assert status["status"] == state
    assert {key: status[key] for key in ("output", "error") if key in status} == reply


def test_progress_is_seen_while_the_job_runs_and_replaced_by_its_result(queue: Queue) -> None:
    """An IN_PROGRESS body is the status's output until the final result replaces it."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"status": "IN_PROGRESS", "output": {"done": 1}})
    seen = queue.job(job_id).status()

    queue.report(job_id, "a", {"output": "ready"})

    assert (seen["status"], seen["output"]) == ("IN_PROGRESS", {"done": 1})
    assert queue.job(job_id).status()["output"] == "ready"


def test_progress_behind_the_result_is_ignored(queue: Queue) -> None:
    """Progress after the result is ignored: the SDK's progress thread may be slower."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"output": "ready"})

    queue.report(job_id, "a", {"status": "IN_PROGRESS", "output": {"done": 1}})

    assert queue.job(job_id).status()["output"] == "ready"
    assert queue.job(job_id).state is JobState.COMPLETED
    assert queue.job(job_id).results == 1


def test_a_second_result_is_counted_and_ignored(queue: Queue) -> None:
    """A second result is counted and ignored: the first final one wins."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"output": "first"})

    queue.report(job_id, "b", {"error": "second"})

    job = queue.job(job_id)
    assert (job.state, job.reply, job.worker, job.results) == (JobState.COMPLETED, {"output": "first"}, "a", 2)


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


def test_purge_cancels_what_waits_and_leaves_what_runs(queue: Queue) -> None:
    """Purge cancels waiting jobs, says how many, and leaves running ones."""
    running = submit(queue)
    queue.take("a")
    waiting = [submit(queue), submit(queue)]

    removed = queue.purge()

    assert removed == 2
    assert [queue.job(job_id).state for job_id in waiting] == [JobState.CANCELLED] * 2
    assert queue.job(running).state is JobState.IN_PROGRESS


def test_stream_parts_are_handed_out_once_in_order(queue: Queue) -> None:
    """Each call of stream gives the parts since the last one, in order."""
    job_id = submit(queue)
    queue.take("a")
    queue.add_part(job_id, "a", 1)
    queue.add_part(job_id, "a", {"two": 2})

    assert queue.stream(job_id) == [1, {"two": 2}]
    assert queue.stream(job_id) == []


def test_health_counts_workers_by_what_they_do(queue: Queue, clock: Clock) -> None:
    """Health counts idle and running workers, and no silent or unhealthy ones."""
    submit(queue)
    queue.ping("gone")
    clock.time += 31
    queue.take("busy")
    queue.ping("idle")
    queue.ping("sick", unhealthy="gpu")

    assert queue.health()["workers"] == {"idle": 1, "running": 1}


def test_stop_pod_is_remembered_for_whoever_owns_the_worker(queue: Queue) -> None:
    """The queue can't end a process; it remembers which worker asked to be stopped."""
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
        {"input": {}, "policy": []},
        {"input": {}, "policy": ""},
        {"input": {}, "policy": {"ttl": 0}},
        {"input": {}, "policy": {"executionTimeout": True}},
        {"input": {}, "policy": {"executionTimeout": "5000"}},
    ],
)
def test_a_request_out_of_shape_is_refused_and_not_queued(queue: Queue, request_: dict[str, object]) -> None:
    """A malformed request is refused and never queued."""
    with pytest.raises(BadRequest):
        queue.submit(request_)
    assert queue.jobs == {}
