"""The GPU's one thread: turns in order, and an empty GPU when nobody comes."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from cloning.clock import SystemClock
from cloning.errors import Interrupted
from cloning.ports.gpu import GpuTask
from engines.device.gpu_thread import GpuThread
from engines.device.idle import start_timer
from engines.device.scheduler import Bounds, JobTurns

PATIENCE_S = 30


def gpu_thread(**more: Any) -> GpuThread:
    return GpuThread(SystemClock(), Bounds(chunks=1, seconds=1.0), **more)


class Timers:
    """Timers that go off when the test says so."""

    def __init__(self) -> None:
        self.started: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def start(self, seconds: float, act: Callable[[], None]) -> "Timers":
        self.started.append((seconds, act))
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def test_unloading_at_once_is_part_of_the_turn() -> None:
    """In the GPU's thread, before anybody else's work, also if the work fails."""
    events: list[str] = []
    gpu = gpu_thread(unload=lambda: events.append(threading.current_thread().name), unload_after_s=0)

    gpu.run(lambda: events.append("work"))
    with pytest.raises(ZeroDivisionError):
        gpu.run(lambda: 1 / 0)

    assert events == ["work", "gpu_0", "gpu_0"]


def test_weights_stay_for_as_long_as_work_comes() -> None:
    """Every turn starts the wait anew; a timer that went off too early does nothing."""
    unloads: list[int] = []
    timers = Timers()
    gpu = gpu_thread(unload=lambda: unloads.append(1), unload_after_s=30, start_timer=timers.start)

    gpu.run(lambda: None)
    gpu.run(lambda: None)
    (first_s, first), (_, second) = timers.started
    first()
    early = gpu.run(lambda: len(unloads))
    second()
    late = gpu.run(lambda: len(unloads))
    timers.started[-1][1]()
    gpu.run(lambda: None)

    assert (first_s, early, late, len(unloads), timers.cancelled) == (30, 0, 0, 1, 4)


def test_unloading_waits_for_the_work_before_it() -> None:
    """The timer's question is asked in the GPU's thread: nothing leaves under a running job."""
    events: list[str] = []
    release, running = threading.Event(), threading.Event()
    timers = Timers()
    gpu = gpu_thread(unload=lambda: events.append("unload"), unload_after_s=1, start_timer=timers.start)

    def work() -> None:
        running.set()
        assert release.wait(30)
        events.append("work")

    gpu.run(lambda: None)
    thread = threading.Thread(target=gpu.run, args=(work,))
    thread.start()
    assert running.wait(30)
    timers.started[0][1]()
    assert events == []
    release.set()
    thread.join()
    timers.started[-1][1]()
    gpu.run(lambda: None)

    assert events == ["work", "unload"]


def test_a_failing_unload_costs_nobody_anything() -> None:
    """The work went well, and its caller gets the result."""

    def fail() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    assert gpu_thread(unload=fail, unload_after_s=0).run(lambda: 7) == 7


def test_the_real_timer_goes_off_and_keeps_no_process_alive() -> None:
    """A daemon thread."""
    rung = threading.Event()
    timer = start_timer(0.001, rung.set)

    assert rung.wait(30)
    assert isinstance(timer, threading.Timer)
    assert timer.daemon


def test_a_cancelled_timer_stays_silent() -> None:
    """What is cancelled before its time never happens."""
    rung = threading.Event()
    timer = start_timer(3600, rung.set)

    timer.cancel()
    assert isinstance(timer, threading.Timer)
    timer.join()

    assert not rung.is_set()


def test_who_is_stopped_while_waiting_never_has_a_turn() -> None:
    """The queue moves on without it."""
    running, release, done = threading.Event(), threading.Event(), []
    gpu = gpu_thread()

    def work() -> None:
        running.set()
        assert release.wait(30)

    thread = threading.Thread(target=gpu.run, args=(work,))
    thread.start()
    assert running.wait(30)
    stopped = threading.Event()
    stopped.set()

    with pytest.raises(Interrupted):
        gpu.run(lambda: done.append(1), stopped=stopped)
    release.set()
    thread.join()

    assert done == []


class Late(GpuThread):
    """Its work ends just after whoever waits for it has given up for the moment, and before that one looks again."""

    def _wait(self, job: JobTurns) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: job.unfetched > 0, PATIENCE_S)


@pytest.fixture
def late() -> GpuThread:
    return Late(SystemClock(), Bounds(chunks=1, seconds=1.0))


def test_work_that_ends_as_the_wait_for_it_does_has_succeeded(late: GpuThread) -> None:
    """Nobody waits for it a second time."""
    assert late.run(lambda: 7) == 7


def test_a_timeout_of_the_work_is_the_works(late: GpuThread) -> None:
    """It is raised as any other failure is."""

    def work() -> None:
        raise TimeoutError("the bucket")

    with pytest.raises(TimeoutError, match="the bucket"):
        late.run(work)


def test_nothing_is_unloaded_while_somebody_has_more_work() -> None:
    """Two hold the models: they leave after the last of them, with UNLOAD_AFTER_S=0 at once."""
    events: list[str] = []
    gpu = gpu_thread(unload=lambda: events.append("unload"), unload_after_s=0)

    with gpu.hold():
        with gpu.hold():
            gpu.run(lambda: events.append("one"))
        gpu.run(lambda: events.append("two"))
    gpu.run(lambda: events.append("after"))

    assert events == ["one", "two", "unload", "after", "unload"]


def test_the_wait_of_idle_weights_begins_when_the_last_lets_go() -> None:
    """Not at a turn in the midst of a job."""
    timers = Timers()
    gpu = gpu_thread(unload_after_s=30, start_timer=timers.start)

    with gpu.hold():
        gpu.run(lambda: None)
        in_between = len(timers.started)
    gpu.run(lambda: None)

    assert (in_between, len(timers.started)) == (0, 2)


def test_a_turn_that_asks_for_a_turn_is_a_mistake_and_not_a_deadlock() -> None:
    """It would wait for its own end; the thread goes on with the next work."""
    gpu = gpu_thread()

    with pytest.raises(AssertionError, match="waits for itself"):
        gpu.run(lambda: gpu.run(lambda: 1))

    assert gpu.run(lambda: 2) == 2


@pytest.mark.parametrize("turns_before", [0, 1])
def test_a_turn_that_brings_pieces_to_the_queue_is_a_mistake_too(turns_before: int) -> None:
    """The queue's turns are on the same thread: nobody would ever do them."""
    gpu = gpu_thread()

    def ask() -> list[int]:
        return gpu.run_tasks([GpuTask("weights", 1.0, lambda: 1)])

    for _ in range(turns_before):
        assert ask() == [1]
    with pytest.raises(AssertionError, match="waits for itself"):
        gpu.run(ask)

    assert ask() == [1]
