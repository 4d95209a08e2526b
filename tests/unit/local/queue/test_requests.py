"""What may be sent to the queue, and what its status, stream and health tell of it."""

import pytest

from local.job import BadRequest
from local.queue import Queue
from tests.unit.local.queue.making import Clock, submit


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
