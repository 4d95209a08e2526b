"""The GPU's one thread: turns in order, stops that come in time or too late, and its end."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloning.clock import SystemClock
from cloning.errors import Interrupted, WorkerUnfit
from cloning.ports.gpu import GpuTask
from cloning.service import GpuBreaker
from tests.standins.desk import gpu_thread, wait_until


def test_the_thread_ends_with_its_gpu() -> None:
    """Who lets go of the `GpuThread` lets go of the thread."""
    gpu = gpu_thread()
    thread = gpu.run(threading.current_thread)

    del gpu
    thread.join(30)

    assert not thread.is_alive()


def test_a_thread_that_cannot_be_started_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job learns of it; the next one has a thread, and nobody waits for one that never ran."""
    gpu = gpu_thread()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            gpu.run(lambda: 1)

    assert gpu.run(lambda: 2) == 2


def test_the_process_ends_at_once_but_never_within_a_turn() -> None:
    """The thread waits for work, or for the end of what it does on the device."""
    ending = """
import threading, time
from cloning.clock import SystemClock
from engines.device.gpu_thread import Bounds, GpuThread

def unload():
    unloading.set()
    time.sleep(0.5)
    print("unloaded", flush=True)

unloading = threading.Event()
idle = GpuThread(SystemClock(), Bounds(1, 1.0), unload=unload, unload_after_s=3600.0)
busy = GpuThread(SystemClock(), Bounds(1, 1.0), unload=unload, unload_after_s=0.01)
idle.run(lambda: None)
busy.run(lambda: None)
unloading.wait()
"""

    done = subprocess.run([sys.executable, "-c", ending], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "unloaded\n", "")


def test_a_forked_child_ends_at_once() -> None:
    """It has no such thread: it waits for no turn, and for no lock that the thread held."""
    forking = """
import os, sys, threading
from cloning.clock import SystemClock
from engines.device.gpu_thread import Bounds, GpuThread

begun, release = threading.Event(), threading.Event()
gpu = GpuThread(SystemClock(), Bounds(1, 1.0))
busy = threading.Thread(target=gpu.run, args=(lambda: (begun.set(), release.wait()),), daemon=True)
busy.start()
begun.wait()
child = os.fork()
if child == 0:
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
release.set()
"""

    done = subprocess.run([sys.executable, "-c", forking], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "7\n")


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


def late(work: Callable[[], int]) -> int:
    """The work's result; it ends just after whoever waits for it has looked in vain, and before that one waits again."""
    looked = threading.Event()
    gpu = gpu_thread()

    def run() -> int:
        assert looked.wait(30)
        return work()

    def check() -> None:
        looked.set()
        gpu.run_tasks([GpuTask(None, 2.0, lambda: None)])  # behind it

    return gpu.run_tasks([GpuTask(None, 1.0, run)], check=check)[0]


def test_work_that_ends_as_the_wait_for_it_does_has_succeeded() -> None:
    """Nobody waits for it a second time."""
    assert late(lambda: 7) == 7


def test_a_timeout_of_the_work_is_the_works() -> None:
    """It is raised as any other failure is."""

    def work() -> int:
        raise TimeoutError("the bucket")

    with pytest.raises(TimeoutError, match="the bucket"):
        late(work)


def test_a_failure_is_raised_as_soon_as_what_came_before_it_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have come meanwhile: there is nothing to wait for."""
    monkeypatch.setattr("engines.device.gpu_thread.LOOK_S", 60.0)
    gpu = gpu_thread()

    def fail() -> None:
        raise ZeroDivisionError

    def deliver(_: object) -> None:
        wait_until(lambda: not gpu._scheduler.waiting and not gpu._scheduler.in_turn)

    with ThreadPoolExecutor(1) as asker:
        tasks = [GpuTask(None, 0.0, lambda: None), GpuTask(None, 0.0, fail)]
        asked = asker.submit(gpu.run_tasks, tasks, deliver=deliver)
        failure = asked.exception(timeout=10)

    assert isinstance(failure, ZeroDivisionError)


def test_a_turn_that_asks_for_a_turn_is_a_mistake_and_not_a_deadlock() -> None:
    """It would wait for its own end; the thread goes on with the next work."""
    gpu = gpu_thread()

    with pytest.raises(AssertionError, match="waits for itself"):
        gpu.run(lambda: gpu.run(lambda: 1))

    assert gpu.run(lambda: 2) == 2


@pytest.mark.parametrize("turns_before", [0, 1])
def test_a_turn_that_brings_tasks_to_the_queue_is_a_mistake_too(turns_before: int) -> None:
    """The queue's turns are on the same thread: nobody would ever do them."""
    gpu = gpu_thread()

    def ask() -> list[int]:
        return gpu.run_tasks([GpuTask("weights", 1.0, lambda: 1)])

    for _ in range(turns_before):
        assert ask() == [1]
    with pytest.raises(AssertionError, match="waits for itself"):
        gpu.run(ask)

    assert ask() == [1]


def test_a_stop_before_the_turn_keeps_the_work_from_beginning() -> None:
    """Whether the asking thread sees it first or the GPU thread: who is interrupted has had nothing done."""
    done: list[str] = []
    running, release, stopped = threading.Event(), threading.Event(), threading.Event()
    gpu = gpu_thread()

    def occupy() -> None:
        running.set()
        release.wait()

    with ThreadPoolExecutor(2) as askers:
        first = askers.submit(gpu.run, occupy)
        running.wait()
        second = askers.submit(gpu.run, lambda: done.append("work"), stopped=stopped)
        wait_until(lambda: bool(gpu._scheduler.waiting))

        stopped.set()
        release.set()
        first.result()
        with pytest.raises(Interrupted):
            second.result()

    assert done == []


def test_a_stop_just_as_the_work_begins_is_too_late() -> None:
    """The GPU thread has looked already and does the work: its result is returned."""
    seen = threading.Event()

    class Late(threading.Event):
        def is_set(self) -> bool:
            was_set = super().is_set()
            if threading.current_thread().name == "gpu":
                self.set()
                assert seen.wait(30)
            elif was_set:
                seen.set()
            return was_set

    result = gpu_thread().run(lambda: 7, stopped=Late())

    assert result == 7


def test_if_the_thread_itself_fails_every_job_learns_of_it() -> None:
    """Nobody waits for ever: those in the queue get the failure, later ones are refused, and the worker is unfit."""

    class Broken(SystemClock):
        def monotonic(self) -> float:
            if threading.current_thread().name == "gpu":
                raise OverflowError("a clock that can't be read")
            return super().monotonic()

    breaker = GpuBreaker()
    gpu = gpu_thread(Broken(), breaker=breaker)

    with pytest.raises(OverflowError):
        gpu.run(lambda: None)

    with pytest.raises(WorkerUnfit, match="GPU thread has failed"):
        gpu.run(lambda: None)
    with pytest.raises(WorkerUnfit):
        breaker.check()
