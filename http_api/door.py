"""What all routes share: the worker, what the deployment decides, counts, and the work that goes on when a request has been answered."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from http_api.errors import checked
from http_api.metrics import Metrics
from http_api.options import Options
from http_api.port import Reply, Worker
from http_api.running import Running

_MOST_FAILURES = 1000


@dataclass(frozen=True)
class Pauses:
    """
    Seconds. `poll`: between two looks at a job; `again`: before a cancel is repeated, because the worker didn't know the job yet;
    `refusal`: how long a new job may take to be refused.
    """

    poll: float = 0.5
    again: float = 1.0
    refusal: float = 0.5


def new_uuid() -> str:
    """A job's id that nobody else has."""
    return str(uuid.uuid4())


@dataclass
class Door:
    """
    `errands` go on in the background; the loop itself would drop them. `jobs` are generates that were answered before they were done:
    those that go on, and the last that failed.
    """

    worker: Worker
    options: Options
    metrics: Metrics = field(default_factory=Metrics)
    pauses: Pauses = field(default_factory=Pauses)
    new_id: Callable[[], str] = new_uuid
    now: Callable[[], float] = time.monotonic
    errands: set[asyncio.Task[Any]] = field(default_factory=set)
    jobs: dict[str, Running] = field(default_factory=dict)

    async def call(
        self, action: str, fields: Mapping[str, object] | None = None, names: Mapping[str, str] | None = None
    ) -> Reply:
        """The reply of an action. Raises Failed, with the fields' `names` in the caller's request."""
        return checked(await self.worker.call({**(fields or {}), "action": action}), names)

    async def status(self, job_id: str, parts_after: int | None = None) -> Reply:
        """
        How a job stands. One that was begun here says so itself: behind a queue each `status` would be a job of its own. Nor does a
        worker know what waits in the queue or was refused there. Raises Failed.
        """
        job = self.jobs.get(job_id)
        state = None if job is None else job.state(parts_after)
        if state is not None:
            return state
        wanted = {} if parts_after is None else {"parts_after": parts_after}
        reply = await self.worker.call({"action": "status", "job_id": job_id, **wanted})
        if reply.get("code") != "JOB_NOT_FOUND" or job is None:
            return checked(reply)
        waiting = {"job_id": job_id, "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}
        return {**waiting, "status": "FAILED", "failure": _failure(job.speaking.result())} if job.failed else waiting

    def keep(self, job: Running) -> None:
        """Remember a job that was answered before it was done."""
        job_id = job.fields["job_id"]
        self.jobs[job_id] = job
        job.speaking.add_done_callback(lambda _: self._keep_failures(job_id, job))

    def _keep_failures(self, job_id: str, job: Running) -> None:
        if self.jobs.get(job_id) is job and not job.failed:
            del self.jobs[job_id]
        ended = [one for one, job in self.jobs.items() if job.speaking.done()]
        for one in ended[:-_MOST_FAILURES]:
            del self.jobs[one]

    def start(self, errand: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background."""
        task = asyncio.get_running_loop().create_task(errand)
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    async def end(self, job: Running) -> None:
        """Cancel a job for which nobody waits any more; again while the worker doesn't know it yet, for it may come to it later."""
        while not job.speaking.done():
            reply = await self.worker.call({"action": "cancel", "job_id": job.fields["job_id"]})
            if "error" not in reply:
                break
            await asyncio.wait({job.speaking}, timeout=self.pauses.again)
        job.speaking.cancel()

    async def close(self) -> None:
        """Give up what goes on in the background."""
        tasks = {*self.errands, *(job.speaking for job in self.jobs.values())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _failure(reply: Reply) -> Reply:
    return {name: reply.get(name) for name in ("code", "message", "retryable", "details")}
