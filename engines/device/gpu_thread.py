"""
The one thread that may use the models. No torch here.

Jobs queue their tasks; the GPU thread does what the scheduler finds most urgent, whoever brought it. Each job's own thread waits for
its results, so whoever tells the bucket about a chunk doesn't keep the GPU: the job's next chunk is made meanwhile. A job whose
caller went away keeps the thread until its task really ends, so nobody overtakes a running kernel; and what torch and f5_tts keep per
thread stays with that thread.
"""

import gc
import logging
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, TypeVar

from cloning.errors import Interrupted, WorkerUnfit
from cloning.ports import Clock, keep_going
from cloning.ports.gpu import GpuTask, Span
from cloning.service import GpuBreaker
from engines.device.batch import RetryAlone, run_batch
from engines.device.idle import IdleUnloader, Timer, start_timer
from engines.device.scheduler import Bounds, JobTurns, QueuedTask, Scheduler

log = logging.getLogger(__name__)

Value = TypeVar("Value")
_LOOK_S = 0.2
_WITHDRAWN = RuntimeError("a task was withdrawn")


class GpuThread:
    """
    Runs work and tasks in one thread. See `cloning.ports.gpu.Gpu`.

    `breaker` is opened by a fatal failure and refuses everything from then on. `free` gives back what the device caches; it is
    called before tasks that failed together are tried again. `unload` takes the models off the device after `unload_after_s`
    idle seconds (0: after each turn, None: never).
    """

    def __init__(
        self,
        clock: Clock,
        bounds: Bounds,
        *,
        breaker: GpuBreaker | None = None,
        free: Callable[[], None] = keep_going,
        unload: Callable[[], None] = keep_going,
        unload_after_s: float | None = None,
        start_timer: Callable[[float, Callable[[], None]], Timer] = start_timer,
    ) -> None:
        self._clock = clock
        self._breaker = breaker or GpuBreaker()
        self._free = free
        self._scheduler = Scheduler(clock, bounds)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gpu")
        self._idle = IdleUnloader(self._thread, unload, unload_after_s, start_timer)
        self._changed = threading.Condition()
        self._is_working = False
        self._ident: int | None = None
        self.hold = self._idle.hold

    @contextmanager
    def using(self, weights: Hashable) -> Iterator[None]:
        with self._changed:
            self._scheduler.users[weights] += 1
        try:
            yield
        finally:
            with self._changed:
                self._scheduler.users -= Counter([weights])  # which drops those that nobody uses
                self._wake()

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        job = JobTurns(self._clock.monotonic())
        [queued] = self._queue([GpuTask(None, 0.0, work)], job)
        while not queued.is_done:
            if stopped is not None and stopped.is_set() and self._withdraw(queued):
                raise Interrupted("the job was stopped while it waited for the GPU")
            self._wait(job)
        return queued.outcome.result()

    def run_tasks(
        self,
        tasks: Sequence[GpuTask[Value]],
        *,
        check: Callable[[], None] = keep_going,
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spent: Callable[[Span], None] = lambda _: None,
    ) -> list[Value]:
        job = JobTurns(self._clock.monotonic())
        queued = self._queue(tasks, job)
        missing = dict(enumerate(queued))
        try:
            while missing:
                if done := self._fetch(missing, job):
                    _deliver(done, deliver)
                else:
                    check()
                    self._wait(job)
        except BaseException:
            self._leave(queued)
            with suppress(Exception):  # what was raised first counts
                _deliver({index: one for index, one in missing.items() if one.has_succeeded}, deliver)
            raise
        finally:
            for span in {span for one in queued for span in one.spans}:
                spent(span)
        return [one.outcome.result() for one in queued]

    # In the asking threads.

    def _queue(self, tasks: Sequence[GpuTask[Value]], job: JobTurns) -> list[QueuedTask[Value]]:
        if threading.get_ident() == self._ident:
            raise AssertionError("the GPU thread waits for itself: call the work instead of queueing it")
        self._breaker.check()
        queued = [QueuedTask(task, job, job.since) for task in tasks]
        with self._changed:
            self._scheduler.waiting += queued
            self._wake()
        return queued

    def _wake(self) -> None:
        """The queue has changed: the thread works again if anything may begin. With the lock held."""
        self._changed.notify_all()
        if not self._is_working and self._scheduler.next_batch():
            self._is_working = True
            self._thread.submit(self._work)

    def _wait(self, job: JobTurns) -> None:
        """Until one of the job's tasks has had its turn, or it is time to look around."""
        with self._changed:
            if not self._changed.wait_for(lambda: job.unfetched > 0, _LOOK_S):
                self._wake()  # for tasks that had to wait for a time, not for an event

    def _fetch(self, missing: dict[int, QueuedTask[Value]], job: JobTurns) -> dict[int, QueuedTask[Value]]:
        """Take those that are done out of the missing ones; the job's next task may begin."""
        with self._changed:
            job.unfetched = 0
            self._wake()
            return {index: missing.pop(index) for index in list(missing) if missing[index].is_done}

    def _withdraw(self, queued: QueuedTask[Any]) -> bool:
        """Take a waiting task out of the queue; False if it is in a turn, or done."""
        with self._changed:
            if queued not in self._scheduler.waiting:
                return False
            self._scheduler.waiting.remove(queued)
            queued.end(_WITHDRAWN)
            self._wake()  # a turn may be waiting for it to join
            return True

    def _leave(self, tasks: Sequence[QueuedTask[Any]]) -> None:
        """Withdraw what waits; what is in a turn ends first, for it works for this job."""
        with self._changed:
            self._changed.wait_for(lambda: all(self._withdraw(one) or one.is_done for one in tasks))

    # In the GPU thread.

    def _work(self) -> None:
        self._ident = threading.get_ident()
        while batch := self._take():
            begun = self._clock.monotonic()
            with self._idle.turn():
                outcomes = self._outcomes(batch)
                ended = self._clock.monotonic()
            self._settle(batch, outcomes, (begun, ended))

    def _take(self) -> list[QueuedTask[Any]]:
        """The next batch, out of the queue, once it is full or has waited long enough for others. Empty: nothing may begin."""
        with self._changed:
            batch = self._scheduler.next_batch()
            while batch and (left := self._scheduler.seconds_to_wait(batch)):
                self._changed.wait(left)
                batch = self._scheduler.next_batch()  # some have come, and some have gone
            self._is_working = bool(batch)
            if batch:
                self._scheduler.begin(batch)
            self._changed.notify_all()
            return batch

    def _outcomes(self, batch: Sequence[QueuedTask[Any]]) -> list[object]:
        try:
            self._breaker.check()
        except WorkerUnfit as failure:
            return [failure] * len(batch)
        outcomes = run_batch(batch)
        if any(isinstance(one, RetryAlone) for one in outcomes):
            outcomes = self._with_room(outcomes)
        for one in outcomes:
            if isinstance(one, WorkerUnfit):
                self._breaker.open(one)
        return outcomes

    def _with_room(self, outcomes: list[object]) -> list[object]:
        """The outcomes; what the batch held on the device is let go before its tasks are tried again."""
        if any(isinstance(one, RetryAlone) and one.of_memory for one in outcomes):
            chunks = max(1, len(outcomes) // 2)
            with self._changed:
                self._scheduler.bound(chunks)
            log.warning("batch.bounded", extra={"chunks": chunks})
        gc.collect()  # an exception and the frames that it went through hold each other, and those the tensors
        try:
            self._free()
        except Exception as error:  # noqa: BLE001 - nothing can be tried on such a device, and nobody may wait for ever
            return [error if isinstance(one, RetryAlone) else one for one in outcomes]
        return outcomes

    def _settle(self, batch: Sequence[QueuedTask[Any]], outcomes: Sequence[object], span: Span) -> None:
        """Each task gets its outcome; those to be retried go back to the head of the queue."""
        again = []
        with self._changed:
            for queued, outcome in zip(batch, outcomes, strict=True):
                queued.spans.append(span)
                if isinstance(outcome, RetryAlone):
                    queued.alone = True
                    again.append(queued)
                else:
                    queued.job.since = span[1]
                    queued.job.has_failed |= isinstance(outcome, BaseException)
                    queued.end(outcome)
            for job in {queued.job for queued in batch}:
                job.unfetched += 1
            self._scheduler.waiting = again + self._scheduler.waiting
            self._changed.notify_all()


def _deliver(done: dict[int, QueuedTask[Value]], deliver: Callable[[Sequence[tuple[int, Value]]], None]) -> None:
    """Deliver the results, then raise the first failure among them."""
    if good := [(index, one.outcome.result()) for index, one in done.items() if one.has_succeeded]:
        deliver(good)
    for one in done.values():
        one.outcome.result()
