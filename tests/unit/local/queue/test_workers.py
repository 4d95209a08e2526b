"""What workers take from the queue, and what they report to it."""

import pytest

from local.job import BadRequest, JobState
from local.queue import Queue
from tests.unit.local.queue.making import submit


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


def test_stop_pod_is_remembered_for_whoever_owns_the_worker(queue: Queue) -> None:
    """The queue can't end a process; it remembers which worker asked to be stopped."""
    job_id = submit(queue)
    queue.take("a")

    queue.report(job_id, "a", {"output": 1, "stopPod": True})

    assert queue.workers["a"].stop_requests == 1
