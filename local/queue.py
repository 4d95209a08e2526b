"""
RunPod's queue as a state machine: no HTTP, no threads, time and ids as parameters.

    submit -> IN_QUEUE -> take -> IN_PROGRESS -> report -> COMPLETED | FAILED
                 ^                     |--> execution timeout -> TIMED_OUT
                 |<--- redelivery -----|
                 |<--- retry, from FAILED and TIMED_OUT only
    cancel: from IN_QUEUE and IN_PROGRESS -> CANCELLED

As on RunPod, a job is delivered at least once. The first final result counts; later progress and results are counted and
ignored. Where RunPod's documents are silent, the docstrings state the choice made here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from local.job import RETRYABLE, BadRequest, Job, JobState, NotRetryable, Rules, UnknownJob, job_of


@dataclass
class Worker:
    """A worker: when it last made a request, what its pings reported, and how often it asked to be stopped."""

    last_seen: float
    pings: int = 0
    reported_jobs: tuple[str, ...] = ()
    unhealthy: str | None = None
    stop_requests: int = 0
    stops: list[str] = field(default_factory=list)


class Queue:
    """
    One endpoint's jobs and workers. Not thread-safe: one thread calls the methods; others may read `jobs`, `workers`.

    `clock` returns monotonic seconds; `new_id` returns ids that are never reused. Methods that take a job's id raise UnknownJob.
    """

    def __init__(self, *, clock: Callable[[], float], new_id: Callable[[], str], rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, Worker] = {}
        self._waiting: list[str] = []
        self._clock = clock
        self._new_id = new_id

    # Clients' calls.

    def submit(
        self, request: Mapping[str, object], *, sync: bool = False, keep_s: float = 0.0, ttl_s: float | None = None
    ) -> Job:
        """
        Put a request at the end of the queue; all its top-level keys reach the worker.

        `sync` marks a `/runsync` job, whose result is kept for a minute, or `keep_s` if that is longer. `ttl_s` overrides
        `policy.ttl`. Raises BadRequest.
        """
        self._sweep()
        kept_s = max(self.rules.sync_retention_s, keep_s) if sync else self.rules.retention_s
        job_id = f"sync-{self._new_id()}-e1" if sync else f"{self._new_id()}-e1"
        job = job_of(request, job_id=job_id, now=self._clock(), rules=self.rules, ttl_s=ttl_s, retention_s=kept_s)
        self.jobs[job.id] = job
        self._waiting.append(job.id)
        return job

    def job(self, job_id: str) -> Job:
        """The job in its current state."""
        self._sweep()
        if job_id not in self.jobs:
            raise UnknownJob(
                f"no job {job_id!r}: it was never submitted, or its time to live or its result's retention is over"
            )
        return self.jobs[job_id]

    def stream(self, job_id: str) -> list[object]:
        """The parts that a generator handler has sent since the last call, oldest first."""
        job = self.job(job_id)
        parts, job.stream = job.stream, []
        return parts

    def cancel(self, job_id: str) -> Job:
        """Stop a waiting or running job; a finished one stays unchanged."""
        job = self.job(job_id)
        if not job.final:
            self._leave(job, JobState.CANCELLED)
        return job

    def retry(self, job_id: str) -> Job:
        """Queue a job again under its id, without its previous output; its times restart. Raises NotRetryable."""
        job = self.job(job_id)
        if job.state not in RETRYABLE:
            raise NotRetryable(f"job {job_id!r} is {job.state.value}; only FAILED and TIMED_OUT jobs can be retried")
        job.retries += 1
        job.submitted_at, job.finished_at = self._clock(), None
        job.reply, job.stream = {}, []
        self._queue(job, at=len(self._waiting))
        return job

    def purge(self) -> int:
        """Cancel every waiting job and return how many; running jobs go on. RunPod says only that they are removed."""
        self._sweep()
        waiting = list(self._waiting)
        for job_id in waiting:
            self._leave(self.jobs[job_id], JobState.CANCELLED)
        return len(waiting)

    def health(self) -> dict[str, dict[str, int]]:
        """The reply of `/health`: jobs by state, workers by whether they hold a job. Timed-out jobs count as failed."""
        self._sweep()
        states = Counter(job.state for job in self.jobs.values())
        busy = {job.worker for job in self.jobs.values() if job.state is JobState.IN_PROGRESS}
        alive = {name for name, worker in self.workers.items() if self._alive(worker)}
        jobs = {
            "completed": states[JobState.COMPLETED],
            "failed": states[JobState.FAILED] + states[JobState.TIMED_OUT],
            "inProgress": states[JobState.IN_PROGRESS],
            "inQueue": states[JobState.IN_QUEUE],
            "retried": sum(job.retries for job in self.jobs.values()),
        }
        return {"jobs": jobs, "workers": {"idle": len(alive - busy), "running": len(alive & busy)}}

    # Workers' calls.

    def take(self, worker: str, count: int = 1) -> list[dict[str, object]]:
        """Deliver at most `count` jobs to a worker, oldest first, each as a handler receives it. Raises BadRequest below 1."""
        if count < 1:
            raise BadRequest(f"batch_size must be at least 1, got {count}")
        self._sweep()
        self._seen(worker)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return [self._deliver(self.jobs[job_id], worker) for job_id in taken]

    def report(self, job_id: str, worker: str, body: Mapping[str, object]) -> None:
        """Accept a post to job-done: progress, or the final result."""
        job = self.job(job_id)
        sender = self._seen(worker)
        reply = {key: body[key] for key in ("output", "error") if key in body}
        if body.get("status") == JobState.IN_PROGRESS:
            if job.state is JobState.IN_PROGRESS:
                job.reply = reply
            return
        job.results += 1
        sender.stop_requests += bool(body.get("stopPod"))
        if not job.final:
            self._leave(job, JobState.FAILED if body.get("error") else JobState.COMPLETED, stop=False)
            job.worker, job.reply = worker, reply

    def refuse(self, job_id: str, worker: str) -> None:
        """Count a worker's refused message about this job: too large, or not JSON. The SDK drops it."""
        self._seen(worker)
        self.job(job_id).refused += 1

    def add_part(self, job_id: str, worker: str, part: object) -> None:
        """Accept a post to job-stream; ignored once the job is final."""
        job = self.job(job_id)
        self._seen(worker)
        if not job.final:
            job.stream.append(part)

    def take_stops(self, worker: str) -> list[str]:
        """Return the jobs that this worker must stop, each once."""
        self._sweep()
        asker = self._seen(worker)
        stops, asker.stops = asker.stops, []
        return stops

    def ping(self, worker: str, jobs: Iterable[str] = (), *, unhealthy: str | None = None) -> None:
        """Note a sign of life, with the jobs that the worker reports, or the fitness check that it failed."""
        sender = self._seen(worker)
        sender.pings += 1
        sender.reported_jobs, sender.unhealthy = tuple(jobs), unhealthy

    # Changes of state.

    def _deliver(self, job: Job, worker: str) -> dict[str, object]:
        job.state, job.worker, job.started_at = JobState.IN_PROGRESS, worker, self._clock()
        job.deliveries += 1
        # A stop that was meant for an earlier delivery must not hit this one.
        self.workers[worker].stops = [stop for stop in self.workers[worker].stops if stop != job.id]
        return {**job.request, "id": job.id}

    def _queue(self, job: Job, *, at: int) -> None:
        job.state, job.worker, job.started_at = JobState.IN_QUEUE, None, None
        self._waiting.insert(at, job.id)

    def _leave(self, job: Job, state: JobState, *, stop: bool = True) -> None:
        if job.state is JobState.IN_QUEUE:
            self._waiting.remove(job.id)
        elif stop and job.worker is not None:
            self.workers[job.worker].stops.append(job.id)
        job.state, job.finished_at = state, self._clock()
        job.reply = {}

    def _sweep(self) -> None:
        now = self._clock()
        for job in list(self.jobs.values()):
            if now >= job.gone_at:
                self._forget(job)
            elif job.started_at is not None and job.state is JobState.IN_PROGRESS:
                self._check_running(job, running_s=now - job.started_at)

    def _forget(self, job: Job) -> None:
        if not job.final:
            self._leave(job, JobState.TIMED_OUT)
        del self.jobs[job.id]

    def _check_running(self, job: Job, *, running_s: float) -> None:
        patience = self.rules.redeliver_after_s
        if running_s >= job.execution_timeout_s:
            self._leave(job, JobState.TIMED_OUT)
            job.reply = {"error": f"execution timeout of {job.execution_timeout_s:g} s exceeded"}
        elif patience is not None and job.worker is not None and self._silent_s(self.workers[job.worker]) >= patience:
            job.reply = {}
            self._queue(job, at=0)

    def _seen(self, worker: str) -> Worker:
        found = self.workers.setdefault(worker, Worker(last_seen=self._clock()))
        found.last_seen = self._clock()
        return found

    def _alive(self, worker: Worker) -> bool:
        return worker.unhealthy is None and self._silent_s(worker) < self.rules.worker_gone_after_s

    def _silent_s(self, worker: Worker) -> float:
        return self._clock() - worker.last_seen
