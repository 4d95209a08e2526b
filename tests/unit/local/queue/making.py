"""A queue on a clock that only the test moves, and jobs in it."""

from itertools import count
from typing import Any

from local.job import Rules
from local.queue import Queue


class Clock:
    """A clock that moves on request."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def queue_of(clock: Clock, **rules: Any) -> Queue:
    """An empty queue with these rules, whose jobs are called 1, 2, 3."""
    numbers = count(1)
    return Queue(clock=clock, new_id=lambda: str(next(numbers)), rules=Rules(**rules))


def submit(queue: Queue, **request: object) -> str:
    """Send a job; return its id."""
    return queue.submit({"input": {"n": 1}, **request}).id


def fail(queue: Queue) -> str:
    """Send a job that a worker takes and fails; return its id."""
    job_id = submit(queue)
    queue.take("a")
    queue.report(job_id, "a", {"error": "broken"})
    return job_id
