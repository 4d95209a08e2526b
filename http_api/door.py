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

_MOST_FAILURES = 1000


@dataclass(frozen=True)
class Pauses:
    """
    Seconds. `poll`: between two looks at a job; `again`: before a cancel is repeated, because the worker didn't know the job yet;
    `refusal`: how long a new job may take to be refused; `stalled`: how long a reader may take nothing before the stream ends.
    """

    poll: float = 0.5
    again: float = 1.0
    refusal: float = 0.5
    stalled: float = 600.0


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
    jobs: dict[str, asyncio.Task[Reply]] = field(default_factory=dict)

    async def call(
        self, action: str, fields: Mapping[str, object] | None = None, names: Mapping[str, str] | None = None
    ) -> Reply:
        """The reply of an action. Raises Failed, with the fields' `names` in the caller's request."""
        return checked(await self.worker.call({**(fields or {}), "action": action}), names)

    async def status(self, job_id: str, **fields: object) -> Reply:
        """How a job stands, also one that waits in a queue or that was refused there: a worker knows neither. Raises Failed."""
        reply = await self.worker.call({**fields, "action": "status", "job_id": job_id})
        waiting = self.jobs.get(job_id)
        if reply.get("code") != "JOB_NOT_FOUND" or waiting is None:
            return checked(reply)
        state = {"job_id": job_id, "progress": {"done": 0, "total": 0}}
        if not waiting.done():
            return {**state, "status": "IN_QUEUE"}
        return {**state, "status": "FAILED", "failure": _failure(waiting.result())}

    def keep(self, job_id: str, speaking: "asyncio.Task[Reply]") -> None:
        """Remember a job that was answered before it was done."""
        self.jobs[job_id] = speaking
        speaking.add_done_callback(lambda done: self._keep_failures(job_id, done))

    def _keep_failures(self, job_id: str, done: "asyncio.Task[Reply]") -> None:
        if self.jobs.get(job_id) is done and (done.cancelled() or "error" not in done.result()):
            del self.jobs[job_id]
        ended = [one for one, task in self.jobs.items() if task.done()]
        for one in ended[:-_MOST_FAILURES]:
            del self.jobs[one]

    def start(self, errand: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background."""
        task = asyncio.get_running_loop().create_task(errand)
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    async def end(self, job_id: str, speaking: "asyncio.Task[Reply]") -> None:
        """Cancel a job for which nobody waits any more; again while the worker doesn't know it yet, for it may come to it later."""
        while not speaking.done():
            reply = await self.worker.call({"action": "cancel", "job_id": job_id})
            if "error" not in reply:
                break
            await asyncio.wait({speaking}, timeout=self.pauses.again)
        speaking.cancel()

    async def close(self) -> None:
        """Give up what goes on in the background."""
        tasks = {*self.errands, *self.jobs.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _failure(reply: Reply) -> Reply:
    return {name: reply.get(name) for name in ("code", "message", "retryable", "details")}
