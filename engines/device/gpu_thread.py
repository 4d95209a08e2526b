"""
The one thread that may use the models. No torch here.

A job that gives up waits until its task in hand has ended: nobody overtakes a running kernel.
"""

import gc
import logging
import math
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Condition, Event, Thread, current_thread
from typing import Any

from cloning.errors import DeviceUnavailable, GpuOutOfMemory, Interrupted, WorkerUnfit
from cloning.ports import Clock, Value, keep_going
from cloning.ports.gpu import GpuTask, Span
from cloning.service import GpuBreaker
from engines.device.errors import clear_frames
from engines.device.scheduler import LOOK_S, Bounds, JobTurns, QueuedTask, Scheduler

log = logging.getLogger(__name__)


class GpuThread:
    """
    Runs work and tasks in one thread. See `cloning.ports.gpu.Gpu`.

    `free` gives back what the device caches, before tasks that failed together are tried again. `unload` takes the models off the
    device after `unload_after_s` idle seconds (0: after each turn, None: never).
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
            self._scheduler.users.append(weights)
        try:
            yield
        finally:
            with self._changed:
                self._scheduler.users.remove(weights)
                self._unload_at = self._clock.monotonic() + self._unload_after_s
                self._changed.notify_all()

    def run(self, work: Callable[[], Value], *, stopped: Event | None = None) -> Value:
        begun = Event()

        def check(*, in_turn: bool = False) -> None:
            if stopped is not None and stopped.is_set() and (in_turn or not begun.is_set()):
                raise Interrupted("the job was stopped while it waited for the GPU")

        def begin() -> Value:
            begun.set()  # from here on only this thread decides
            check(in_turn=True)
            return work()

        return self.run_tasks([GpuTask(None, 0.0, begin)], check=check)[0]

    def run_tasks(
        self,
        tasks: Sequence[GpuTask[Value]],
        *,
        check: Callable[[], None] = keep_going,
        deliver: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spans: list[Span] | None = None,
    ) -> list[Value]:
        job = JobTurns(self._clock.monotonic(), [] if spans is None else spans)
        results: dict[int, Value] = {}
        self._queue(tasks, job)
        try:
            while len(results) < len(tasks):
                check()
                if done := self._fetch(job):
                    deliver(done)
                    results |= dict(done)
        except BaseException as error:
            with self._changed:
                job.failure = error  # what comes back from a turn is not done again
                self._changed.wait_for(lambda: self._scheduler.withdraw(job))  # what is in a turn ends first
            with suppress(Exception):  # what was raised first counts
                if job.done:
                    deliver(job.done)
            raise
        return [results[index] for index in range(len(tasks))]

    def _queue(self, tasks: Sequence[GpuTask[Value]], job: JobTurns) -> None:
        if current_thread() is self._thread:
            raise AssertionError("the GPU thread waits for itself: call the work instead of queueing it")
        with self._changed:
            self._breaker.check()
            if self._thread is None:
                ended = Event()
                thread = Thread(target=_work, args=(weakref.ref(self), ended), name="gpu", daemon=True)
                thread.start()
                self._thread = thread
                weakref.finalize(self, _end, thread, ended)
            self._scheduler.waiting += [QueuedTask(task, index, job, job.since) for index, task in enumerate(tasks)]
            self._changed.notify_all()

    def _fetch(self, job: JobTurns) -> list[tuple[int, Any]]:
        """What is done, if not now then within LOOK_S; the job's next task may begin. Raises the job's failure when all else is fetched."""
        with self._changed:
            self._changed.wait_for(lambda: job.unfetched > 0 or job.failure is not None, LOOK_S)
            done, job.done, job.unfetched = job.done, [], 0
            self._changed.notify_all()
        if job.failure is not None and not done:
            raise job.failure
        return done

    def step(self) -> None:
        """In the GPU thread: do the next turn, or wait a while for one. Models that are to leave at once leave before its jobs do anything else."""
        with self._changed:
            batch, wait_s = ([], 0.0) if self._is_unload_due() else self._scheduler.take()
            if wait_s:
                self._changed.wait(wait_s)
                return
        begun = self._clock.monotonic()
        outcomes = self._outcomes(batch)
        ended = self._clock.monotonic()
        if batch:
            self._unload_at = ended + self._unload_after_s
        if self._is_unload_due():
            self._unload_at = math.inf
            try:
                self._unload()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the work went well; the next one will meet what is wrong
                log.warning("gpu.not_emptied", extra={"kind": type(error).__name__})
        with self._changed:
            self._scheduler.settle(outcomes, (begun, ended))
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Give every job the failure of the thread itself: the worker is unfit, and nobody waits for ever."""
        log.error("gpu.thread_failed", extra={"kind": type(error).__name__})
        with self._changed:
            self._breaker.open(WorkerUnfit("the GPU thread has failed: send the job again, another worker takes it"))
            for queued in self._scheduler.waiting + self._scheduler.in_turn:
                queued.job.failure = queued.job.failure or error
            self._scheduler.waiting, self._scheduler.in_turn = [], []
            self._changed.notify_all()

    def _is_unload_due(self) -> bool:
        return not self._scheduler.users and self._clock.monotonic() >= self._unload_at

    def _outcomes(self, batch: list[QueuedTask]) -> dict[QueuedTask, Any]:
        """Each task's result or exception. None for those that failed together: what they held on the device has gone."""
        outcomes = self._run(batch) if batch else {}
        if len(outcomes) < len(batch):
            gc.collect()  # an exception and the frames that it went through hold each other, and those the tensors
            try:
                self._free()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing can be tried on such a device, and nobody may wait for ever
                outcomes = dict.fromkeys(batch, error) | outcomes
        for one in outcomes.values():
            if isinstance(one, BaseException):
                clear_frames(one)  # its job may keep it for long, and a cycle of frames until the next collection
            if isinstance(one, WorkerUnfit):
                self._breaker.open(one)
        return outcomes

    def _run(self, batch: list[QueuedTask]) -> dict[QueuedTask, Any]:
        task = batch[0].task
        again: tuple[type, ...] = (GpuOutOfMemory, DeviceUnavailable)
        try:
            self._breaker.check()
            if len(batch) == 1 or task.run_batch is None:
                return {batch[0]: task.run()}
            utterances = [one.task.utterance for one in batch if one.task.utterance]
            outcomes: dict[QueuedTask, Any] = dict(zip(batch, task.run_batch(utterances), strict=True))
        except BaseException as error:  # noqa: BLE001 - of one it is its job's; of many, what helps is seen when each is tried alone
            if len(batch) == 1 or isinstance(error, WorkerUnfit):
                return dict.fromkeys(batch, error)
            log.warning("batch.failed", extra={"pieces": len(batch), "kind": type(error).__name__})
            outcomes, again = dict.fromkeys(batch, error), (object,)
        if any(isinstance(one, GpuOutOfMemory) for one in outcomes.values()):
            self._scheduler.most = max(1, len(batch) // 2)
            log.warning("batch.bounded", extra={"chunks": self._scheduler.most})
        return {queued: one for queued, one in outcomes.items() if not isinstance(one, again)}


def _work(found: Callable[[], GpuThread | None], ended: Event) -> None:
    while not ended.is_set() and (gpu := found()):
        try:
            gpu.step()
        except BaseException as error:  # noqa: BLE001 - a bug of ours: the jobs learn of it
            gpu.fail(error)
            return
        del gpu  # it goes, and the thread with it, when nobody else has it


def _end(thread: Thread, ended: Event) -> None:
    """Python must not go while the thread is inside torch."""
    ended.set()
    if thread is not current_thread():
        thread.join()
