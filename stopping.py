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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cloning.service import Call

log = logging.getLogger(__name__)

# Of the grace, what is kept for handing back: the chunk on its way to the bucket, and the lease's release.
_HAND_BACK_S = 3.0
# Of that, what a reply of the last moment has to reach RunPod.
_POSTING_S = 0.3


class Stopping:
    """
    The end of a worker. `grace_s` is the time from SIGTERM to the process's exit.

    `leave` ends the process at once; it is called in a thread of its own, and only if the main thread has not exited in time.
    """

    def __init__(self, grace_s: float, leave: Callable[[], None] | None = None) -> None:
        self._grace_s = grace_s
        self._hand_back_s = min(_HAND_BACK_S, grace_s / 2)
        self._leave = leave or _leave
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._idle = threading.Condition(self._lock)
        self._is_watching = False
        self._begun = False
        self._exiting = False
        self.handing_back = False

    def concurrency(self, jobs: int) -> Callable[[int], int]:
        """The SDK's `concurrency_modifier`: always so many jobs. Its first call is the first code of ours inside the SDK's loop."""
        heard: list[None] = []

        def modifier(_: int) -> int:
            if not heard:
                heard.append(None)
                self._watch()
            return jobs

        return modifier

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
            jobs = [call.job_id for call in self._calls]
            for call in self._calls:
                call.stopped.set()
        log.info("worker.stopping", extra={"jobs_in_hand": jobs})
        with self._lock:
            in_time = self._idle.wait_for(lambda: not self._calls, self._hand_back_s - _POSTING_S)
        never.wait(_POSTING_S)
        if in_time and self._is_watching:
            self._exiting = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            never.wait(self._hand_back_s)
        self._leave()


async def finish_late_jobs(config: dict[str, Any]) -> None:
    """
    Run the jobs that the SDK took after SIGTERM.

    Its open long poll may still bring a job when its loop has ended; it would be lost without a word. They wait in the SDK's own
    list (runpod 1.12.0, modules/worker_state.py); the version is pinned, and tests/e2e/test_sigterm.py watches it.
    """
    from runpod.http_client import AsyncClientSession
    from runpod.serverless.modules.rp_job import handle_job
    from runpod.serverless.modules.worker_state import JobsProgress

    late = [dict(vars(job)) for job in JobsProgress()]
    if late:
        log.info("worker.late_jobs", extra={"jobs": [job["id"] for job in late]})
        async with AsyncClientSession() as session:
            # One that is handed back is a CancelledError: nothing is posted, the others go on.
            await asyncio.gather(*(handle_job(session, config, job) for job in late), return_exceptions=True)


def _leave() -> None:
    """End the process now, and the SDK's ping process, which would go on telling that the worker lives."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
