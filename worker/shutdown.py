"""
What SIGTERM starts: jobs in hand may end, what has not ended in time is handed back, then the process exits.

RunPod's SDK stops asking for jobs at SIGTERM, but its open long polls hold the process for up to 90 s, one of them may still bring
a job that nobody would run, and a job in hand has as long as it likes; a platform that waits less kills the worker in the middle
of a chunk. So the grace is ours: a job that is handed back has released its lease and kept its finished chunks, and nothing is
posted for it, so that RunPod delivers it again.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from cloning.service import Call

log = logging.getLogger(__name__)

# Of the grace, what is kept for handing back: the chunk on its way to the bucket, and the lease's release.
_HAND_BACK_S = 3.0
# Of that, what a reply of the last moment has to reach RunPod.
_POSTING_S = 0.3
_LOOK_S = 0.3
_MARK = "late"  # in a job of ours: not from the SDK


class Stopping:
    """
    The end of a worker. `grace_s` is the time from SIGTERM to the process's exit.

    `leave` ends the process at once; it is called in a thread of its own, and only if the main thread has not exited in time.
    `before_leaving` removes what the process would leave on the disk then.
    """

    def __init__(
        self,
        grace_s: float,
        leave: Callable[[], None] | None = None,
        *,
        before_leaving: Callable[[], None] = lambda: None,
    ) -> None:
        self.late_jobs: LateJobs | None = None
        self._grace_s = grace_s
        self._hand_back_s = min(_HAND_BACK_S, grace_s / 2)
        self._leave = leave or _leave
        self._before_leaving = before_leaving
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._idle = threading.Condition(self._lock)
        self._is_watching = False
        self._begun = False
        self._exiting = False
        self.handing_back = False

    def concurrency(self, jobs: int) -> Callable[[int], int]:
        """The SDK's `concurrency_modifier`: always so many jobs. Its first call is the first code of ours inside the SDK's loop."""

        def modifier(_: int) -> int:
            if not self._is_watching:
                self._watch()
            if self.late_jobs and not self._begun:
                self.late_jobs.forget_ended()
            return jobs

        return modifier

    def admits(self, job: Mapping[str, Any]) -> bool:
        """Whether the handler should do this job; False if it is in hand already, as one that the SDK had left lying."""
        return self.late_jobs is None or self.late_jobs.note_call(job)

    def _watch(self) -> None:
        """Hear SIGTERM beside the SDK, whose loop has set its own handler by now. In the main thread."""
        theirs = signal.getsignal(signal.SIGTERM)

        def heard(number: int, frame: FrameType | None) -> None:
            if self._exiting:
                raise SystemExit(0)  # through the SDK's loop, which would wait for its long polls
            if callable(theirs):
                theirs(number, frame)
            self.begin()

        signal.signal(signal.SIGTERM, heard)
        self._is_watching = True

    def begin(self) -> None:
        """Start the grace; again is nothing new."""
        if not self._begun:
            self._begun = True
            if self.late_jobs:
                self.late_jobs.start()
            threading.Thread(target=self._run_down, name="stopping", daemon=True).start()

    @contextmanager
    def holding(self, call: Call) -> Iterator[None]:
        """The call is in hand; it is told to stop once jobs are handed back, also if it came later."""
        with self._lock:
            self._calls.append(call)
            if self.handing_back:
                call.stopped.set()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)
                self._idle.notify_all()

    def _run_down(self) -> None:
        never = threading.Event()
        never.wait(self._grace_s - self._hand_back_s)
        with self._lock:
            self.handing_back = True
            deliveries = [call.delivery_id for call in self._calls]
            for call in self._calls:
                call.stopped.set()
        log.info("worker.stopping", extra={"deliveries": deliveries})
        with self._lock:
            in_time = self._idle.wait_for(lambda: not self._calls, self._hand_back_s - _POSTING_S)
        never.wait(_POSTING_S)
        if in_time and self._is_watching:
            self._exiting = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            never.wait(self._hand_back_s)
        with suppress(Exception):  # the process must end
            self._before_leaving()
        self._leave()


class LateJobs:
    """
    Runs the jobs that the SDK has taken and will not run, in a thread and a loop of their own.

    At SIGTERM the SDK's loop for running jobs ends as soon as it has nothing to run, but the open question for work may still bring
    a job, which then waits in the SDK's list for ever (runpod 1.12.0, modules/worker_state.py). The version is pinned, and
    tests/e2e/test_sigterm.py watches it. A job counts as left lying if two looks find it there and the handler was not called for
    it; should the SDK call the handler for it all the same, `note_call` refuses.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._called: set[str] = set()
        self._ours: set[str] = set()
        self._sdk_ended = threading.Event()
        self._thread: threading.Thread | None = None

    def note_call(self, job: Mapping[str, Any]) -> bool:
        """The handler is called; False if the job is done here already, and the call should come to nothing."""
        job_id = str(job.get("id"))
        if job_id in self._ours and not job.get(_MARK):
            return False
        self._called.add(job_id)
        return True

    def forget_ended(self) -> None:
        """Calls whose jobs the SDK has let go of say nothing any more: the same id may come again."""
        self._called &= set(_jobs_of_the_sdk())

    def start(self) -> None:
        """From SIGTERM on."""
        if self._thread is None:
            self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="late-jobs", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """The SDK's loop has ended: what lies there now is the last. Returns when it is done."""
        self._sdk_ended.set()
        self.start()
        if self._thread is not None:
            self._thread.join()

    async def _run(self) -> None:
        from runpod.http_client import AsyncClientSession

        tasks: list[asyncio.Task[None]] = []
        seen: set[str] = set()
        async with AsyncClientSession() as session:
            is_last = False
            while not is_last:
                is_last = self._sdk_ended.is_set()
                lying = self._lying()
                for job_id in lying if is_last else lying.keys() & seen:
                    self._ours.add(job_id)
                    tasks.append(asyncio.create_task(self._do(session, lying[job_id])))
                seen = set(lying)
                await asyncio.sleep(_LOOK_S)
            # One that is handed back is a CancelledError: nothing is posted, the others go on. Anything else `_do` has told.
            await asyncio.gather(*tasks, return_exceptions=True)

    def _lying(self) -> dict[str, dict[str, Any]]:
        self.forget_ended()
        jobs = _jobs_of_the_sdk()
        return {job_id: job for job_id, job in jobs.items() if job_id not in self._called | self._ours}

    async def _do(self, session: Any, job: dict[str, Any]) -> None:
        from runpod.serverless.modules.rp_job import handle_job
        from runpod.serverless.modules.worker_state import JobsProgress

        log.info("worker.late_job", extra={"delivery": job["id"]})
        try:
            await handle_job(session, self._config, job | {_MARK: True})
        except Exception:  # the other late jobs go on
            log.exception("worker.late_job_failed", extra={"delivery": job["id"]})
        finally:
            with suppress(RuntimeError):  # the SDK's own thread changed the list meanwhile
                JobsProgress().remove(job)


def _jobs_of_the_sdk() -> dict[str, dict[str, Any]]:
    """By id, all that it has taken and not let go of."""
    from runpod.serverless.modules.worker_state import JobsProgress

    return {str(job.id): dict(vars(job)) for job in tuple(JobsProgress())}


def _leave() -> None:
    """End the process now, and the SDK's ping process, which would go on telling that the worker lives."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
