"""The queue of tasks: what fails together is tried alone, what is fatal is everybody's."""

import gc
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from cloning.errors import DeviceMismatch, GpuOutOfMemory, WorkerUnfit
from cloning.ports import Samples, Utterance
from cloning.ports.gpu import GpuTask
from tests.standins.desk import WIDE, Desk, Recorder, task, utterance


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Desk()) as one:
        yield one


@pytest.mark.parametrize("failure", [GpuOutOfMemory("too much"), DeviceMismatch("astray"), RuntimeError("a bug")])
def test_a_batch_that_fails_together_is_tried_one_by_one(desk: Desk, failure: Exception) -> None:
    """Too little memory for all is enough for each; who fails alone fails alone, and fails first for its asker."""
    speaker = Recorder(most=1, failure=failure)

    futures = [desk.ask(1, task(speaker, "good")), desk.ask(2, task(speaker, "bad"))]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(type(failure)):
        futures[1].result(timeout=10)
    assert speaker.batches == [["good", "bad"], ["good"], ["bad"]]


class Tensors:
    """What a failed batch had on the device."""


def test_what_a_failed_batch_held_is_gone_before_its_tasks_are_tried() -> None:
    """Its frames and its exception hold each other; then what is cached goes back to the device too."""
    held, seen = list["weakref.ref[Tensors]"](), list[object]()
    desk = Desk(WIDE, free=lambda: seen.append("free"))
    desk.open()

    def together(_: Sequence[Utterance]) -> list[Samples | Exception]:
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        failure = GpuOutOfMemory("too much")  # which this frame holds, and its traceback the frame
        raise failure

    def alone() -> Samples:
        seen.append(held[0]())
        return np.ones(1, np.float32)

    one = utterance("text")
    desk.do([GpuTask("here", 5.0, alone, one, together, one.steps, batch_size=2) for _ in range(2)])
    desk.close()

    assert seen == ["free", None, None]


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_what_a_failed_task_held_is_gone_when_its_job_learns_of_it(desk: Desk) -> None:
    """Not at some garbage collection later: the next task needs the memory. Where it failed can still be read from the failure."""
    held = list["weakref.ref[Tensors]"]()

    def compute() -> None:
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        int("CUDA out of memory")

    def fail() -> None:
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        try:
            compute()
        except ValueError as error:
            failure = GpuOutOfMemory("too much")  # which this frame holds, and its traceback the frame
            raise failure from error

    desk.open()
    with pytest.raises(GpuOutOfMemory) as caught:
        desk.gpu.run(fail)

    assert [one() for one in held] == [None, None]
    assert caught.traceback[-1].name == "fail"


@pytest.mark.usefixtures("uncollected")
def test_what_a_batch_held_is_gone_when_one_of_its_jobs_was_stopped(desk: Desk) -> None:
    """The failure was caught further in, and its frames hold those of their callers."""
    held = list["weakref.ref[Tensors]"]()

    def stopped() -> Exception:
        try:
            int("enough")
        except ValueError as failure:
            return failure
        pytest.fail("it was not stopped")

    def together(_: Sequence[Utterance]) -> list[Samples | Exception]:
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        return [np.ones(1, np.float32), stopped()]

    desk.open()
    with pytest.raises(ValueError, match="enough"):
        desk.do([replace(task(Recorder(), "text"), run_batch=together) for _ in range(2)])

    assert held[0]() is None


@pytest.mark.parametrize("failure", [WorkerUnfit("illegal access"), RuntimeError("a bug")])
def test_a_device_that_can_not_be_emptied_is_everybodys_failure(failure: Exception) -> None:
    """Nobody hangs, and nothing is tried again."""

    def fail() -> None:
        raise failure

    desk, speaker = Desk(WIDE, free=fail), Recorder(most=1)
    futures = [desk.ask(n + 1, task(speaker, "text")) for n in range(2)]
    desk.open()

    for future in futures:
        with pytest.raises(type(failure), match=str(failure)):
            future.result(timeout=10)
    desk.close()
    assert speaker.batches == [["text", "text"]]


def test_an_engine_that_answers_too_few_is_asked_one_by_one() -> None:
    """Whose the answers are is unknown: none is used, and nobody waits for ever."""
    desk, speaker = Desk(), Recorder()
    desk.open()

    def together(utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        return speaker.speak_many(utterances)[1:]

    work = desk._pool.submit(desk.do, [replace(task(speaker, text), run_batch=together) for text in ("one", "two")])

    assert len(work.result(timeout=10)) == 2
    assert speaker.batches == [["one", "two"], ["one"], ["two"]]
    desk.close()


def test_too_little_memory_for_a_batch_is_learned_from(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The next ones have half as many, for as long as the process lives; the log is told once."""
    speaker = Recorder(most=2)
    desk.open()

    desk.do([task(speaker, "text") for _ in range(4)])
    desk.do([task(speaker, "text") for _ in range(4)])

    assert [len(batch) for batch in speaker.batches] == [4, 1, 1, 1, 1, 2, 2]
    assert [entry.__dict__["chunks"] for entry in caplog.records if entry.message == "batch.bounded"] == [2]


def test_another_failure_of_a_batch_bounds_nothing(desk: Desk) -> None:
    """A model astray is loaded again, and has the same memory."""
    speaker = Recorder(most=1, failure=DeviceMismatch("astray"))
    desk.open()

    desk.do([task(speaker, "text") for _ in range(2)])
    desk.do([task(speaker, "text") for _ in range(2)])

    assert [len(batch) for batch in speaker.batches] == [2, 1, 1, 2, 1, 1]


def test_one_of_a_batch_that_has_no_memory_is_tried_alone(desk: Desk) -> None:
    """Its companions have their samples already."""
    speaker = Recorder()

    futures = [desk.ask(1, task(speaker, "good")), desk.ask(2, task(speaker, "bad"))]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(GpuOutOfMemory):
        futures[1].result(timeout=10)
    assert speaker.batches == [["good", "bad"], ["bad"]]


def test_a_fatal_failure_is_everybodys(desk: Desk) -> None:
    """Whoever was in the batch learns of it, and so does whoever took the turn: nothing is tried again."""
    speaker = Recorder(most=1, failure=WorkerUnfit("illegal access"))

    futures = [desk.ask(1, task(speaker, "one")), desk.ask(2, task(speaker, "two"))]
    desk.open()

    for future in futures:
        with pytest.raises(WorkerUnfit, match="illegal access"):
            future.result(timeout=10)
    assert speaker.batches == [["one", "two"]]
