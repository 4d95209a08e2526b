"""
Shutdown at SIGTERM: running jobs may finish, the unfinished are handed back in time, then the process exits.

RunPod's SDK stops asking for jobs at SIGTERM, but its open long polls hold the process for up to 90 s, one of them may still
receive a job that would never run, and a running job has no time limit; a platform that waits less kills the worker in the middle
of a chunk. So the worker has its own grace period: a job that is handed back has released its lease and kept its finished chunks,
and no result is posted for it, so that RunPod delivers it again.
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

# The part of the grace for handing back: uploading the current chunk, and releasing the lease.
_HAND_BACK_S = 3.0
# The part of that for posting a last-moment reply to RunPod.
_POSTING_S = 0.3
_LOOK_S = 0.3
_MARK = "late"  # marks a job that `LateJobs` runs, not the SDK


class Stopping:
    """
    The shutdown of a worker. `grace_s` is the time from SIGTERM to the process's exit.

    `leave` ends the process at once; it is called in its own thread, and only if the main thread has not exited in time.
    `before_leaving` removes what the process would then leave on the disk.
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
        """The SDK's `concurrency_modifier`: always `jobs`. Its first call is our first chance to run inside the SDK's loop."""

        def modifier(_: int) -> int:
            if not self._is_watching:
                self._watch()
            if self.late_jobs and not self._begun:
                self.late_jobs.forget_ended()
            return jobs

        return modifier

    def admits(self, job: Mapping[str, Any]) -> bool:
        """Whether the handler should do this job; False if `LateJobs` runs it already."""
        return self.late_jobs is None or self.late_jobs.note_call(job)

    def _watch(self) -> None:
        """Handle SIGTERM as well as the SDK, whose loop has set its own handler by now. Call it in the main thread."""
        theirs = signal.getsignal(signal.SIGTERM)

        def handle(number: int, frame: FrameType | None) -> None:
            if self._exiting:
                raise SystemExit(0)  # through the SDK's loop, which would wait for its long polls
            if callable(theirs):
                theirs(number, frame)
            self.begin()

        signal.signal(signal.SIGTERM, handle)
        self._is_watching = True

    def begin(self) -> None:
        """Start the grace; may be called more than once."""
        if not self._begun:
            self._begun = True
            if self.late_jobs:
                self.late_jobs.start()
            threading.Thread(target=self._run_down, name="stopping", daemon=True).start()

    @contextmanager
    def holding(self, call: Call) -> Iterator[None]:
        """Track a running call; it is stopped when jobs are handed back, even if it came later."""
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
    Runs the jobs that the SDK has taken but will not run, in their own thread and event loop.

    At SIGTERM the SDK's loop for running jobs ends as soon as it has nothing to run, but the open request for work may still
    receive a job, which then waits in the SDK's list for ever (runpod 1.12.0, modules/worker_state.py). The version is pinned, and
    tests/e2e/test_sigterm.py watches it. A job counts as left over if two looks find it there and the handler was not called for
    it; if the SDK calls the handler for it after all, `note_call` refuses.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._called: set[str] = set()
        self._ours: set[str] = set()
        self._sdk_ended = threading.Event()
        self._thread: threading.Thread | None = None

    def note_call(self, job: Mapping[str, Any]) -> bool:
        """Note a call of the handler; return False if the job runs here already, and the call should do nothing."""
        job_id = str(job.get("id"))
        if job_id in self._ours and not job.get(_MARK):
            return False
        self._called.add(job_id)
        return True

    def forget_ended(self) -> None:
        """Forget calls whose jobs have left the SDK's list: the same id may come again."""
        self._called &= set(_jobs_of_the_sdk())

    def start(self) -> None:
        """Start the thread, at SIGTERM."""
        if self._thread is None:
            self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="late-jobs", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Run the jobs left in the SDK's list after its loop has ended; return when they are done."""
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
                left = self._left_over()
                for job_id in left if is_last else left.keys() & seen:
                    self._ours.add(job_id)
                    tasks.append(asyncio.create_task(self._do(session, left[job_id])))
                seen = set(left)
                await asyncio.sleep(_LOOK_S)
            # A job that is handed back raises CancelledError: nothing is posted, the others go on. `_do` has logged the rest.
            await asyncio.gather(*tasks, return_exceptions=True)

    def _left_over(self) -> dict[str, dict[str, Any]]:
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
    """The jobs in the SDK's list, by id."""
    from runpod.serverless.modules.worker_state import JobsProgress

    return {str(job.id): dict(vars(job)) for job in tuple(JobsProgress())}


def _leave() -> None:
    """End the process now, and the SDK's ping process, which would go on reporting the worker as alive."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
