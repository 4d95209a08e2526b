"""The queue of tasks, seen by who asks: what is told when, who leads, and what becomes of who gives up."""

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from cloning.errors import GpuOutOfMemory, Interrupted, InvalidText
from cloning.ports import Samples, Utterance
from cloning.ports.gpu import GpuTask, Span
from engines.device.scheduler import Bounds
from tests.standins.desk import Desk, Recorder, task, utterance, wait_until


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Desk()) as one:
        yield one


def test_the_gpu_goes_on_while_an_asker_tells() -> None:
    """The bucket learns of a chunk while the next one is made, also where nobody else asks for turns."""
    desk, speaker, begun = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), Event()

    def second() -> Samples:
        begun.set()
        return speaker.alone(utterance("second"))

    tasks = [task(speaker, "first"), replace(task(speaker, "second"), run=second)]
    told: list[bool] = []
    desk.open()

    desk.do(tasks, deliver=lambda _: told.append(begun.wait(10)))
    desk.close()

    assert all(told)


def test_the_gpu_goes_on_for_two_turns_at_most() -> None:
    """Further ahead, a cancel would be seen late, and what is kept for who takes the job over would be old."""
    desk, speaker, ahead = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    def tell(done: Sequence[tuple[int, Samples]]) -> None:
        if not ahead:
            desk.wait_until_idle()
            ahead.append(len(speaker.batches) - len(done))

    desk.do([task(speaker, str(n)) for n in range(9)], deliver=tell)
    desk.close()

    assert ahead in ([1], [2])
    assert len(speaker.batches) == 9


def test_what_is_finished_when_its_asker_gives_up_is_told() -> None:
    """The GPU was a chunk ahead: who goes on with the job later needs that chunk too."""
    desk, speaker, told = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    def tell(done: Sequence[tuple[int, Samples]]) -> None:
        told.extend(index for index, _ in done)
        desk.wait_until_idle()
        assert len(speaker.batches) > 1
        raise Interrupted("enough")

    with pytest.raises(Interrupted):
        desk.do([task(speaker, str(n)) for n in range(9)], deliver=tell)
    desk.close()

    assert told == list(range(len(speaker.batches)))
    assert len(told) < 9


def test_what_is_finished_beside_a_failure_is_told(desk: Desk) -> None:
    """One turn made both: the good one is kept for who goes on with the job, and then the other's failure is raised."""
    speaker, told = Recorder(failure=InvalidText("bad")), list[int]()
    desk.open()

    with pytest.raises(InvalidText):
        desk.do(
            [task(speaker, "good"), task(speaker, "bad")],
            deliver=lambda done: told.extend(index for index, _ in done),
        )

    assert speaker.batches == [["good", "bad"]]
    assert told == [0]


def test_who_leads_and_gives_up_does_not_wait_for_anothers_chunk() -> None:
    """Turns in its name that nobody wants any more end when that chunk does, and without it."""
    desk, speaker, release, begun = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), Event(), Event()

    def wait() -> Samples:
        begun.set()
        assert release.wait(10)
        return speaker.alone(utterance("other"))

    def check() -> None:
        if begun.is_set():
            raise Interrupted("enough")

    mine = desk.ask(1, task(speaker, "mine"), check=check)
    other = desk.ask(2, GpuTask("here", 1.0, wait))
    desk.open()

    with pytest.raises(Interrupted):
        mine.result(timeout=10)
    assert not release.is_set()
    release.set()
    other.result(timeout=10)
    desk.close()
    assert speaker.batches == [["other"]]


def test_who_stops_is_withdrawn_and_the_others_are_spoken(desk: Desk) -> None:
    """An asker that gives up while it waits leaves no chunk behind; whoever else waits leads then."""
    speaker, stopped = Recorder(), Event()
    gone = desk.ask(1, task(speaker, "gone"), stopped=stopped)
    stays = desk.ask(2, task(speaker, "stays"))

    stopped.set()
    with pytest.raises(Interrupted):
        gone.result(timeout=10)
    desk.open()
    stays.result(timeout=10)

    assert speaker.batches == [["stays"]]


def test_a_batch_that_fails_after_its_job_gave_up_is_not_tried_again() -> None:
    """Its tasks would keep the job waiting, and everybody behind it, for what nobody wants."""
    desk, alone = Desk(), list[int]()
    begun, gave_up = Event(), Event()

    def together(_: Sequence[Utterance]) -> list[Samples | Exception]:
        begun.set()
        wait_until(lambda: gave_up.is_set() and not desk.waiting)
        raise GpuOutOfMemory("too much")

    def check() -> None:
        if begun.is_set():
            gave_up.set()
            raise Interrupted("enough")

    def run() -> Samples:
        alone.append(1)
        return np.ones(1, np.float32)

    one = replace(task(Recorder(), "text"), run=run, run_batch=together, batch_size=2)
    desk.open()
    with pytest.raises(Interrupted, match="enough"):
        desk.do([one] * 3, check=check)
    desk.close()

    assert alone == []


def test_who_waits_behind_another_asks_whether_it_is_still_wanted(desk: Desk) -> None:
    """It need not lead to be stopped."""
    speaker, given_up = Recorder(), Event()

    def check() -> None:
        if given_up.is_set():
            raise Interrupted("enough")

    leads = desk.ask(1, task(speaker, "leads"))
    waits = desk.ask(2, task(speaker, "waits"), check=check)
    given_up.set()

    with pytest.raises(Interrupted, match="enough"):
        waits.result(timeout=10)
    desk.open()
    leads.result(timeout=10)
    assert speaker.batches == [["leads"]]


def test_an_askers_own_failure_is_its_own(desk: Desk) -> None:
    """What `before_step` raises reaches its asker; the companion gets its samples."""

    def stop() -> None:
        raise Interrupted("enough")

    speaker = Recorder()
    one = utterance("one")
    stopping = Utterance(one.reference, "two", 1, one.parameters, stop)
    futures = [desk.ask(1, task(speaker, one)), desk.ask(2, task(speaker, stopping))]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(Interrupted, match="enough"):
        futures[1].result(timeout=10)


def test_each_chunk_is_told_as_soon_as_it_is_there() -> None:
    """Index and samples, each once, with the turn that it took; what was done before another's failure is told too."""
    desk, speaker = Desk(Bounds(chunks=2, seconds=1000.0)), Recorder()
    told, spans = list[list[int]](), list[Span]()
    desk.open()

    with pytest.raises(GpuOutOfMemory):
        desk.do(
            [task(speaker, text) for text in ("one", "two", "three", "bad", "five")],
            deliver=lambda done: told.append([index for index, _ in done]),
            spans=spans,
        )
    desk.close()

    assert sorted(index for done in told for index in done) == [0, 1, 2]
    assert len(spans) == 3
    assert desk.waiting == []


def test_many_askers_are_all_answered() -> None:
    """Whoever's turn does whose task: nobody is forgotten, nothing is spoken twice."""
    desk, speaker = Desk(Bounds(chunks=3, seconds=40.0)), Recorder()
    desk.open()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as pool:
            asked = [[(f"{n}-{m}", 5.0 + (n * m) % 9) for m in range(n % 4 + 1)] for n in range(64)]
            tasks = [[task(speaker, *chunk) for chunk in chunks] for chunks in asked]
            spoken = list(pool.map(desk.do, tasks))
    finally:
        sys.setswitchinterval(interval)
        desk.close()

    assert [len(one) for one in spoken] == [len(one) for one in asked]
    assert sorted(text for batch in speaker.batches for text in batch) == sorted(
        text for chunks in asked for text, _ in chunks
    )
    assert threading.active_count() < 60
