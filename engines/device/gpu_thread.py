"""
The one thread that may use the models. No torch here.

Jobs queue their tasks and wait for the results, each in its own thread; so the GPU makes a job's next chunk while the job reports the
last one. A job that gives up waits until its task in hand has ended: nobody overtakes a running kernel.
"""

import gc
import logging
import math
import os
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Condition, Event, Thread, current_thread
from typing import Any

from cloning.errors import DeviceUnavailable, GpuOutOfMemory, Interrupted, WorkerUnfit
from cloning.ports import Clock, Value, keep_going
from cloning.ports.gpu import GpuTask, Span
from cloning.service import GpuBreaker
from engines.device.scheduler import LOOK_S, Bounds, JobTurns, QueuedTask, Scheduler

log = logging.getLogger(__name__)

Batch = Sequence[QueuedTask]
_RETRY = object()
"""In place of a result: the task failed in company and is tried again alone."""


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
    ) -> None:
        self._clock = clock
        self._breaker = breaker or GpuBreaker()
        self._free = free
        self._unload = unload
        self._unload_after_s = math.inf if unload_after_s is None else unload_after_s
        self._unload_at = math.inf
        self._scheduler = Scheduler(clock, bounds)
        self._changed = Condition()
        self._thread: Thread | None = None

    @contextmanager
    def using(self, weights: Hashable) -> Iterator[None]:
        with self._changed:
            self._scheduler.users[weights] += 1
        try:
            yield
        finally:
            with self._changed:
                self._scheduler.users -= Counter([weights])  # which drops those that nobody uses
                self._unload_at = self._clock.monotonic() + self._unload_after_s
                self._changed.notify_all()

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        begun = Event()

        def begin() -> Value:
            check()
            begun.set()
            return work()

        def check() -> None:
            if stopped is not None and stopped.is_set() and not begun.is_set():
                raise Interrupted("the job was stopped while it waited for the GPU")

        return self.run_tasks([GpuTask(None, 0.0, begin)], check=check)[0]

    def run_tasks(
        self,
        tasks: Sequence[GpuTask[Value]],
        *,
        check: Callable[[], None] = keep_going,
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spent: Callable[[Span], None] = lambda _: None,
    ) -> list[Value]:
        job = JobTurns(self._clock.monotonic())
        results: dict[int, Value] = {}
        self._queue(tasks, job)
        try:
            while len(results) < len(tasks):
                if done := self._fetch(job):
                    deliver(done)
                    results |= dict(done)
                else:
                    check()
                    with self._changed:
                        self._changed.wait_for(lambda: job.unfetched > 0, LOOK_S)
        except BaseException:
            with self._changed:
                self._changed.notify_all()  # a turn may be waiting for one of them to join
                self._changed.wait_for(lambda: self._scheduler.withdraw(job))  # what is in a turn ends first
            with suppress(Exception):  # what was raised first counts
                if job.done:
                    deliver(job.done)
            raise
        finally:
            for span in job.spans:
                spent(span)
        return [results[index] for index in range(len(tasks))]

    # In the asking threads.

    def _queue(self, tasks: Sequence[GpuTask[Value]], job: JobTurns) -> None:
        if current_thread() is self._thread:
            raise AssertionError("the GPU thread waits for itself: call the work instead of queueing it")
        with self._changed:
            self._breaker.check()
            if self._thread is None:
                self._thread = _start(self, self._changed)
            self._scheduler.waiting += [QueuedTask(task, index, job, job.since) for index, task in enumerate(tasks)]
            self._changed.notify_all()

    def _fetch(self, job: JobTurns) -> list[tuple[int, Any]]:
        """What was done meanwhile; the job's next task may begin. Raises the job's failure when all before it is fetched."""
        with self._changed:
            done, job.done, job.unfetched = job.done, [], 0
            self._changed.notify_all()
        if job.failure is not None and not done:
            raise job.failure
        return done

    # In the GPU thread.

    def take(self) -> tuple[Batch, float | None]:
        """The tasks that begin now; else how long to wait (0: idle models are to leave; None: for any change). With the lock held."""
        if self._is_unload_due():
            return [], 0
        batch, wait_s = self._scheduler.take()
        is_idle = self._unload_at < math.inf and not self._scheduler.users
        return batch, LOOK_S if wait_s is None and is_idle else wait_s

    def turn(self, batch: Batch) -> None:
        """Do the batch. Models that are to leave at once leave before its jobs do anything else."""
        begun = self._clock.monotonic()
        outcomes = self._outcomes(batch)
        ended = self._clock.monotonic()
        self._unload_at = ended + self._unload_after_s
        if self._is_unload_due():
            self.unload()
        with self._changed:
            self._settle(batch, outcomes, (begun, ended))

    def unload(self) -> None:
        self._unload_at = math.inf
        try:
            self._unload()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the work itself went well; the next one will meet what is wrong
            log.warning("gpu.not_emptied", extra={"kind": type(error).__name__})

    def fail(self, error: BaseException) -> None:
        """Give every task the failure of the thread itself: the worker is unfit, and no job waits for ever."""
        log.error("gpu.thread_failed", extra={"kind": type(error).__name__})
        with self._changed:
            self._breaker.open(WorkerUnfit("the GPU thread has failed: send the job again, another worker takes it"))
            for queued in self._scheduler.waiting + self._scheduler.in_turn:
                queued.job.failure = queued.job.failure or error
                queued.job.unfetched += 1
            self._scheduler.waiting, self._scheduler.in_turn = [], []
            self._changed.notify_all()

    def _is_unload_due(self) -> bool:
        return not self._scheduler.users and self._clock.monotonic() >= self._unload_at

    def _outcomes(self, batch: Batch) -> list[object]:
        """Each task's result or exception, or `_RETRY`."""
        outcomes = self._run(batch)
        if any(one is _RETRY for one in outcomes):
            gc.collect()  # an exception and the frames that it went through hold each other, and those the tensors
            try:
                self._free()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing can be tried on such a device, and nobody may wait for ever
                outcomes = [error if one is _RETRY else one for one in outcomes]
        for one in outcomes:
            if isinstance(one, WorkerUnfit):
                self._breaker.open(one)
        return outcomes

    def _run(self, batch: Batch) -> list[object]:
        """As `_outcomes`; what the failed tasks hold on the device is garbage by then."""
        task = batch[0].task
        again: tuple[type, ...] = (GpuOutOfMemory, DeviceUnavailable)
        try:
            self._breaker.check()
            if len(batch) == 1 or task.run_batch is None:
                return [task.run()]
            outcomes = list(task.run_batch([one.task.utterance for one in batch if one.task.utterance]))
        except BaseException as error:  # noqa: BLE001 - of one it is its job's; of many, what helps is seen when each is tried alone
            if len(batch) == 1 or isinstance(error, WorkerUnfit):
                return [error] * len(batch)
            log.warning("batch.failed", extra={"pieces": len(batch), "kind": type(error).__name__})
            outcomes, again = [error] * len(batch), (object,)
        if len(outcomes) != len(batch):
            log.warning("batch.miscounted", extra={"pieces": len(batch), "outcomes": len(outcomes)})
            outcomes, again = [None] * len(batch), (object,)
        if any(isinstance(one, GpuOutOfMemory) for one in outcomes):
            chunks = max(1, len(batch) // 2)
            self._scheduler.bounds = replace(self._scheduler.bounds, chunks=chunks)
            log.warning("batch.bounded", extra={"chunks": chunks})
        return [_RETRY if isinstance(one, again) else one for one in outcomes]

    def _settle(self, batch: Batch, outcomes: Sequence[object], span: Span) -> None:
        """Each job gets its tasks' outcomes; those to be tried again go back to the head of the queue, each for a turn alone."""
        again = []
        for queued, outcome in zip(batch, outcomes, strict=True):
            if outcome is _RETRY:
                again.append(replace(queued, task=replace(queued.task, run_batch=None)))
                continue
            queued.job.since = span[1]
            if isinstance(outcome, BaseException):
                queued.job.failure = queued.job.failure or outcome
            else:
                queued.job.done.append((queued.index, outcome))
        for job in {queued.job for queued in batch}:
            job.unfetched += 1
            job.spans.append(span)
        self._scheduler.waiting = again + self._scheduler.waiting
        self._scheduler.in_turn = []
        self._changed.notify_all()


def _start(gpu: GpuThread, changed: Condition) -> Thread:
    """The thread, started. It ends when nobody has the `GpuThread` any more, and with the process, but never within a turn."""
    found, ended, pid = weakref.ref(gpu), Event(), os.getpid()

    def work() -> None:
        try:
            _loop(found, ended, changed)
        except BaseException as error:  # noqa: BLE001 - a bug of ours: the jobs learn of it
            if one := found():
                one.fail(error)

    def end() -> None:
        if os.getpid() != pid:
            return  # a forked child has no such thread, and perhaps a lock that nobody will release
        with changed:
            ended.set()
            changed.notify_all()
        if thread is not current_thread():
            thread.join()  # Python must not go while the thread is inside torch

    thread = Thread(target=work, name="gpu", daemon=True)
    thread.start()
    weakref.finalize(gpu, end)
    return thread


def _loop(found: Callable[[], GpuThread | None], ended: Event, changed: Condition) -> None:
    while not ended.is_set() and (one := found()):
        with changed:
            batch, wait_s = one.take()
            if not batch and wait_s != 0:
                del one  # it may go while the thread waits
                if not ended.is_set():
                    changed.wait(wait_s)
                continue
        if batch:
            one.turn(batch)
        else:
            one.unload()
        del one, batch
