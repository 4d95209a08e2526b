"""The local queue under any actions of clients and workers."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from local.job import FINAL, JobState, NotRetryable
from tests.unit.local.queue.making import Clock, queue_of, submit

WORKERS = st.sampled_from(["a", "b", "c"])


class QueueMachine(RuleBasedStateMachine):
    """Clients and workers act in any order; workers may die with their jobs."""

    jobs = Bundle("jobs")
    held = Bundle("held")  # (job, worker): deliveries whose worker may still answer

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.queue = queue_of(self.clock, redeliver_after_s=5.0, execution_timeout_s=60.0, ttl_s=1e9, retention_s=1e9)
        self.submitted: set[str] = set()
        self.deliveries: dict[str, int] = {}
        self.results: dict[str, int] = {}
        self.ended: dict[str, dict[str, object]] = {}

    @rule(target=jobs, size=st.integers(1, 4))
    def submit(self, size: int) -> Any:
        job_ids = [submit(self.queue) for _ in range(size)]
        self.submitted.update(job_ids)
        return multiple(*job_ids)

    @rule(target=held, worker=WORKERS, size=st.integers(1, 4))
    def take(self, worker: str, size: int) -> Any:
        taken = [str(job["id"]) for job in self.queue.take(worker, size)]
        assert len(taken) <= size
        assert len(set(taken)) == len(taken)
        for job_id in taken:
            self.deliveries[job_id] = self.deliveries.get(job_id, 0) + 1
            assert self.queue.job(job_id).worker == worker
        return multiple(*((job_id, worker) for job_id in taken))

    @rule(delivery=consumes(held), error=st.sampled_from([None, "broken"]))
    def finish(self, delivery: tuple[str, str], error: str | None) -> None:
        self._report(delivery, {"output": 1} if error is None else {"error": error})

    @rule(delivery=held)
    def finish_and_finish_again_later(self, delivery: tuple[str, str]) -> None:
        self._report(delivery, {"output": 2})

    @rule(delivery=held, part=st.integers())
    def progress(self, delivery: tuple[str, str], part: int) -> None:
        self.queue.report(*delivery, {"status": "IN_PROGRESS", "output": part})

    @rule(delivery=consumes(held))
    def worker_forgets(self, delivery: tuple[str, str]) -> None:
        """The process died, or the SDK dropped the result."""

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        assert self.queue.cancel(job_id).final

    @rule(job_id=jobs)
    def retry(self, job_id: str) -> None:
        state = self.queue.job(job_id).state
        if state in {JobState.FAILED, JobState.TIMED_OUT}:
            assert self.queue.retry(job_id).state is JobState.IN_QUEUE
            self.ended.pop(job_id, None)
        else:
            with pytest.raises(NotRetryable):
                self.queue.retry(job_id)

    @rule()
    def purge(self) -> None:
        self.queue.purge()

    @rule(worker=WORKERS)
    def ping(self, worker: str) -> None:
        self.queue.ping(worker)

    @rule(seconds=st.sampled_from([0.5, 4.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    def _report(self, delivery: tuple[str, str], body: dict[str, object]) -> None:
        self.queue.report(*delivery, body)
        self.results[delivery[0]] = self.results.get(delivery[0], 0) + 1

    @invariant()
    def no_job_is_lost(self) -> None:
        counts = self.queue.health()["jobs"]
        cancelled = sum(job.state is JobState.CANCELLED for job in self.queue.jobs.values())
        assert set(self.queue.jobs) == self.submitted
        assert counts["inQueue"] + counts["inProgress"] + counts["completed"] + counts["failed"] + cancelled == len(
            self.submitted
        )

    @invariant()
    def a_final_state_never_changes(self) -> None:
        for job_id in self.submitted:
            status = self.queue.job(job_id).status()
            assert self.ended.get(job_id, status) == status
            if status["status"] in FINAL:
                self.ended[job_id] = status

    @invariant()
    def every_delivery_and_result_is_counted(self) -> None:
        for job_id in self.submitted:
            job = self.queue.jobs[job_id]
            assert (job.deliveries, job.results) == (self.deliveries.get(job_id, 0), self.results.get(job_id, 0))

    def teardown(self) -> None:
        """A worker that stays can still be given every waiting job, each once."""
        waiting = {job_id for job_id in self.submitted if self.queue.job(job_id).state is JobState.IN_QUEUE}
        taken = [str(job["id"]) for job in self.queue.take("last", len(waiting) + 1)]
        assert set(taken) == waiting
        assert len(taken) == len(waiting)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
