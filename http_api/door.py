"""What all routes share: the worker, the deployment's options, counts, and work that continues after a request was answered."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from http_api.errors import Failed, checked
from http_api.metrics import Metrics
from http_api.options import Options
from http_api.port import Reply, Worker
from http_api.running import Running

_MOST_FAILURES = 1000
_MOST_GENERATES = 256
_FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Pauses:
    """
    Seconds. `poll`: between two polls of a job. `again`: before a cancel is repeated, because the worker didn't know the job yet.
    `refusal`: how long to wait for a new job to be refused. `close`: how long a server that stops waits for its last cancels.
    """

    poll: float = 0.5
    again: float = 1.0
    refusal: float = 0.5
    close: float = 3.0


class FreshId(str):
    """The id of a job whose request brought none. It is made here, so no retry can name it."""

    __slots__ = ()


def new_uuid() -> FreshId:
    """A job's id that nobody else has."""
    return FreshId(uuid.uuid4())


@dataclass
class Door:
    """
    What the routes use together.

    `errands` run in the background; they are kept here because the event loop alone would drop them. `generates` are the calls without
    a reply so far. `jobs` are those that run on without their request, and `failures` the replies of the most recent that failed.
    """

    worker: Worker
    options: Options
    metrics: Metrics = field(default_factory=Metrics)
    pauses: Pauses = field(default_factory=Pauses)
    new_id: Callable[[], FreshId] = new_uuid
    now: Callable[[], float] = time.monotonic
    errands: set[asyncio.Task[Any]] = field(default_factory=set)
    generates: dict[asyncio.Task[Reply], Running] = field(default_factory=dict)
    jobs: dict[str, Running] = field(default_factory=dict)
    failures: dict[str, Reply] = field(default_factory=dict)

    async def call(
        self, action: str, fields: Mapping[str, object] | None = None, names: Mapping[str, str] | None = None
    ) -> Reply:
        """Return the reply of an action. Raises Failed, with the fields' `names` in the caller's request."""
        return checked(await self.worker.call({**(fields or {}), "action": action}), names)

    async def status(self, job_id: str, parts_after: int | None = None) -> Reply:
        """
        Return a job's status. Raises Failed.

        A job that was started here is answered from its own updates: behind a queue each `status` would be a job of its own, and a
        worker doesn't know what waits in the queue or was refused there.
        """
        job = self.jobs.get(job_id)
        state = None if job is None else job.state(parts_after)
        if state is not None:
            return state
        wanted = {} if parts_after is None else {"parts_after": parts_after}
        reply = await self.worker.call({"action": "status", "job_id": job_id, **wanted})
        failure = self.failures.get(job_id)
        if failure and failure["code"] == "CONFLICT":  # the job there is another one than was asked for here
            raise Failed.of({"error": failure["message"], **failure})
        waiting = {"job_id": job_id, "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}
        if job is not None and not job.speaking.done() and not job.is_cancelled and reply.get("status") in _FINAL:
            return waiting  # it may be another job's of that id: the request's own reply will tell
        if reply.get("code") != "JOB_NOT_FOUND" or (job is None and failure is None):
            return checked(reply)
        if failure is None:
            return waiting
        ended = "CANCELLED" if failure["code"] == "JOB_CANCELLED" else "FAILED"
        return {**waiting, "status": ended, "failure": failure}

    async def cancel(self, job_id: str) -> Reply:
        """Cancel a job; return the worker's reply. A job that waits here, which no worker knows yet, is cancelled as soon as one does."""
        reply = await self.worker.call({"action": "cancel", "job_id": job_id})
        job = self.jobs.get(job_id)
        if job is None or job.speaking.done():
            return reply
        job.is_cancelled = reply.get("status") == "CANCELLED"
        if reply.get("code") != "JOB_NOT_FOUND":
            return reply
        self.start(self.end(job))
        return {"job_id": job_id, "status": "IN_QUEUE", "cancel_requested": True}

    def generate(self, fields: Reply) -> Running:
        """Start a generate, or return the running one for exactly the same request. Raises Failed if too many run."""
        for job in self.jobs.values():
            if job.fields == fields and not job.speaking.done():
                return job
        if len(self.generates) >= _MOST_GENERATES:
            message = f"{_MOST_GENERATES} texts are being spoken or wait for it: try again later"
            raise Failed("UNAVAILABLE", message, retryable=True)
        job = Running(self.worker, fields)
        self.generates[job.speaking] = job
        job.speaking.add_done_callback(lambda task: self.generates.pop(task, None))
        return job

    def keep(self, job: Running) -> None:
        """Remember a job that runs on without its request, and its failure if it fails."""
        job_id = job.fields["job_id"]
        self.failures.pop(job_id, None)
        self.jobs[job_id] = job
        job.speaking.add_done_callback(lambda _: self._forget(job_id, job))

    def _forget(self, job_id: str, job: Running) -> None:
        if self.jobs.get(job_id) is not job:
            return
        del self.jobs[job_id]
        if job.failed:
            self.failures[job_id] = _failure(job.speaking.result())
        for oldest in list(self.failures)[:-_MOST_FAILURES]:
            del self.failures[oldest]

    def leave(self, job: Running) -> None:
        """
        Handle a caller that has hung up.

        A job whose id was made here is cancelled. A job with the caller's id runs on, so that a retry finds it, and so that nobody can
        end somebody else's job by naming its id.
        """
        job_id = job.fields["job_id"]
        if job.speaking.done() or not isinstance(job_id, str) or self.jobs.get(job_id) is job:
            return
        if isinstance(job_id, FreshId):
            if self.generates.pop(job.speaking, None) is not None:
                self.start(self.end(job))
        elif job_id not in self.jobs:
            self.keep(job)

    def start(self, errand: Coroutine[Any, Any, Any]) -> None:
        """Run it in the background."""
        task = asyncio.get_running_loop().create_task(errand)
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    async def end(self, job: Running) -> None:
        """Cancel a job that nobody waits for; repeat that while the worker doesn't know the job, which may reach it later."""
        while not job.speaking.done():
            reply = await self.worker.call({"action": "cancel", "job_id": job.fields["job_id"]})
            if "error" not in reply:
                break
            await asyncio.wait({job.speaking}, timeout=self.pauses.again)
        job.speaking.cancel()

    async def close(self) -> None:
        """Stop the background work; wait for cancels that are under way, but not for long."""
        for job in list(self.generates.values()):
            self.leave(job)
        if self.errands:
            await asyncio.wait(self.errands, timeout=self.pauses.close)
        tasks = {*self.errands, *self.generates, *(job.speaking for job in self.jobs.values())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _failure(reply: Reply) -> Reply:
    return {name: reply.get(name) for name in ("code", "message", "retryable", "details")}
