"""Weights leave an empty GPU: at once or after idle time, and never under a job."""

import threading

import pytest

from tests.standins.desk import gpu_thread, wait_until
from tests.standins.fakes import ManualClock


def test_unloading_at_once_is_part_of_the_turn() -> None:
    """In the GPU's thread, before anybody else's work, also if the work fails."""
    events: list[str] = []
    gpu = gpu_thread(unload=lambda: events.append(threading.current_thread().name), unload_after_s=0)

    gpu.run(lambda: events.append("work"))
    with pytest.raises(ZeroDivisionError):
        gpu.run(lambda: 1 / 0)

    assert events == ["work", "gpu", "gpu"]


def test_weights_stay_for_as_long_as_work_comes() -> None:
    """Every turn starts the wait anew; when it is over they leave once."""
    unloads: list[int] = []
    clock = ManualClock()
    gpu = gpu_thread(clock, unload=lambda: unloads.append(1), unload_after_s=30)

    gpu.run(lambda: None)
    clock.advance(20)
    early = gpu.run(lambda: len(unloads))
    clock.advance(20)
    late = gpu.run(lambda: len(unloads))
    clock.advance(30)
    wait_until(lambda: bool(unloads))
    gpu.run(lambda: None)

    assert (early, late, len(unloads)) == (0, 0, 1)


def test_unloading_waits_for_the_work_before_it() -> None:
    """Nothing leaves under a running job, and the wait begins when that ends."""
    events: list[str] = []
    release, running = threading.Event(), threading.Event()
    clock = ManualClock()
    gpu = gpu_thread(clock, unload=lambda: events.append("unload"), unload_after_s=1)

    def work() -> None:
        running.set()
        assert release.wait(30)
        events.append("work")

    gpu.run(lambda: None)
    thread = threading.Thread(target=gpu.run, args=(work,))
    thread.start()
    assert running.wait(30)
    clock.advance(1)
    assert events == []
    release.set()
    thread.join()
    clock.advance(1)
    wait_until(lambda: len(events) == 2)

    assert events == ["work", "unload"]


def test_a_failing_unload_costs_nobody_anything() -> None:
    """The work went well, and its caller gets the result."""

    def fail() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    assert gpu_thread(unload=fail, unload_after_s=0).run(lambda: 7) == 7


def test_the_real_clock_ends_the_wait_and_the_thread_keeps_no_process_alive() -> None:
    """A daemon thread."""
    unloaded = threading.Event()
    gpu = gpu_thread(unload=unloaded.set, unload_after_s=0.001)

    thread = gpu.run(threading.current_thread)

    assert unloaded.wait(30)
    assert thread.daemon


def test_weights_that_are_used_again_before_their_time_stay() -> None:
    """Held, or at work: that they were idle before counts no more."""
    unloaded = threading.Event()
    clock = ManualClock()
    gpu = gpu_thread(clock, unload=unloaded.set, unload_after_s=30)

    gpu.run(lambda: None)
    with gpu.using("weights"):
        clock.advance(3600)
        gpu.run(lambda: None)
        gpu.run(lambda: None)

        assert not unloaded.is_set()


def test_nothing_is_unloaded_while_somebody_has_more_work() -> None:
    """Two hold the models: they leave after the last of them, with UNLOAD_AFTER_S=0 at once."""
    events: list[str] = []
    gpu = gpu_thread(unload=lambda: events.append("unload"), unload_after_s=0)

    with gpu.using("weights"):
        with gpu.using("weights"):
            gpu.run(lambda: events.append("one"))
        gpu.run(lambda: events.append("two"))
    gpu.run(lambda: events.append("after"))

    assert events == ["one", "two", "unload", "after", "unload"]


def test_the_wait_of_idle_weights_begins_when_the_last_lets_go() -> None:
    """Not at a turn in the midst of a job."""
    unloads: list[int] = []
    clock = ManualClock()
    gpu = gpu_thread(clock, unload=lambda: unloads.append(1), unload_after_s=30)

    with gpu.using("weights"):
        gpu.run(lambda: None)
        clock.advance(40)
        in_between = gpu.run(lambda: len(unloads))
        clock.advance(40)
    after = gpu.run(lambda: len(unloads))
    with gpu.using("weights"):
        clock.advance(40)
    clock.advance(30)
    wait_until(lambda: bool(unloads))

    assert (in_between, after, len(unloads)) == (0, 0, 1)


@pytest.mark.parametrize("failure", [OSError("no such device"), SystemExit(1)])
def test_models_that_cannot_be_unloaded_leave_the_thread_alive(failure: BaseException) -> None:
    """Also if a library calls sys.exit."""
    failed = threading.Event()

    def unload() -> None:
        failed.set()
        raise failure

    gpu = gpu_thread(unload=unload, unload_after_s=0)

    gpu.run(lambda: None)

    assert failed.is_set()
    assert gpu.run(lambda: "still there") == "still there"
