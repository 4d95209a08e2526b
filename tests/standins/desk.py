"""A queue of tasks whose GPU is held until everybody has asked, and a speaker that remembers its batches."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

from cloning.clock import SystemClock
from cloning.errors import GpuOutOfMemory, Interrupted
from cloning.ports import Clock, F5Parameters, Reference, Samples, Utterance, keep_going
from cloning.ports.gpu import GpuTask
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds, QueuedTask
from tests.standins.fakes import ToneEngine

REFERENCE = Reference(Path("nowhere.wav"), "words", "0" * 64, 5.0)


WIDE = Bounds(chunks=16, seconds=1000.0)


class Recorder(ToneEngine):
    """A speaker that remembers its batches; those of more than `most` fail, and a text `bad` always does."""

    def __init__(self, most: int = 100, failure: Exception | None = None) -> None:
        super().__init__()
        self.most = most
        self.failure = failure or GpuOutOfMemory("too much", device="cpu")
        self.batches: list[list[str]] = []

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        self.batches.append([one.text for one in utterances])
        if len(utterances) > self.most:
            raise self.failure
        return [self._outcome(one) for one in utterances]

    def alone(self, one: Utterance) -> Samples:
        self.batches.append([one.text])
        outcome = self._outcome(one)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _outcome(self, one: Utterance) -> Samples | Exception:
        try:
            one.before_step()
        except Exception as error:  # noqa: BLE001 - as an engine does
            return error
        if one.text == "bad":
            return self.failure
        return self.speak(one.reference, one.text, seed=one.seed, parameters=one.parameters)


def gpu_thread(clock: Clock | None = None, **more: Any) -> GpuThread:
    """A GPU thread whose turns have one task each."""
    return GpuThread(clock or SystemClock(), Bounds(chunks=1, seconds=1.0), **more)


class Desk:
    """A GPU thread that is busy until all jobs are in the queue."""

    def __init__(self, bounds: Bounds = WIDE, clock: Clock | None = None, **more: Any) -> None:
        self.gpu = GpuThread(clock or SystemClock(), bounds, **more)
        self._pool = ThreadPoolExecutor(32)
        self._free = Event()
        self._begun = Event()
        self._pool.submit(self.gpu.run, self._be_busy)
        assert self._begun.wait(10)

    def _be_busy(self) -> None:
        self._begun.set()
        self._free.wait()

    def do(
        self,
        tasks: Sequence[GpuTask[Samples]],
        *,
        stopped: Event | None = None,
        check: Callable[[], None] = keep_going,
        using: str | None = None,
        **more: Any,
    ) -> list[Samples]:
        """Ask in this thread, as a job does."""
        with self.gpu.using(using) if using else nullcontext():
            return self.gpu.run_tasks(tasks, check=checking(stopped, check), **more)

    @property
    def waiting(self) -> list[QueuedTask]:
        return self.gpu._scheduler.waiting

    def ask(self, waiting: int, *tasks: GpuTask[Samples], **more: Any) -> "Future[list[Samples]]":
        """Ask in a thread of its own, and wait until so many tasks are queued."""
        future = self._pool.submit(self.do, tasks, **more)
        deadline = time.monotonic() + 10
        while len(self.waiting) != waiting and not future.done():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return future

    def wait_until_idle(self) -> None:
        """Wait until nothing else may begin: this task is due last."""
        self.gpu.run_tasks([GpuTask(None, 1000.0, keep_going)])

    def open(self) -> None:
        self._free.set()

    def close(self) -> None:
        self.open()
        self._pool.shutdown()


def checking(stopped: Event | None, check: Callable[[], None]) -> Callable[[], None]:
    """The check that a waiting job makes: is it still wanted?"""

    def ask() -> None:
        if stopped is not None and stopped.is_set():
            raise Interrupted("the job was stopped while it waited for the GPU")
        check()

    return ask


def utterance(text: str, seed: int = 0, **parameters: float) -> Utterance:
    return Utterance(REFERENCE, text, seed, F5Parameters(**parameters))  # type: ignore[arg-type]  # real fields


def task(speaker: Recorder, what: str | Utterance, seconds: float = 5.0, *, weights: str = "here") -> GpuTask[Samples]:
    one = utterance(what) if isinstance(what, str) else what
    return GpuTask(
        weights, seconds, lambda: speaker.alone(one), one, speaker.speak_many, (weights, one.steps), batch_size=16
    )


def ask_all(desk: Desk, speaker: Recorder, chunks: Sequence[tuple[str, float]]) -> list[Samples]:
    """Ask for every chunk in a thread of its own; return the samples in order."""
    futures = [desk.ask(n + 1, task(speaker, *chunk)) for n, chunk in enumerate(chunks)]
    desk.open()
    return [future.result(timeout=10)[0] for future in futures]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def wait_for_rounds(rounds: Sequence[int], *futures: "Future[Any]") -> None:
    """Wait until an asker has checked for a whole round in vain (its `check` fills `rounds`), or is answered."""
    deadline = time.monotonic() + 10
    while len(rounds) < 2 and not any(future.done() for future in futures):
        assert time.monotonic() < deadline
        time.sleep(0.001)
