"""The queue of tasks: who goes together, how many, and who waits for company."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from cloning.errors import Interrupted
from cloning.ports import F5Parameters, Samples
from cloning.ports.gpu import GpuTask, Span
from engines.device.scheduler import Bounds
from tests.standins.desk import REFERENCE, Desk, Recorder, ask_all, task, utterance
from tests.standins.fakes import ToneEngine


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Desk()) as one:
        yield one


def test_what_waits_together_is_spoken_together(desk: Desk) -> None:
    """Several askers, one batch, to each its own samples."""
    speaker = Recorder()

    waves = ask_all(desk, speaker, [("one", 5.0), ("two", 5.0), ("three", 5.0)])

    assert speaker.batches == [["one", "two", "three"]]
    for text, wave in zip(["one", "two", "three"], waves, strict=True):
        assert np.array_equal(wave, ToneEngine().speak(REFERENCE, text, seed=0, parameters=F5Parameters()))


def test_only_those_with_the_same_steps_go_together(desk: Desk) -> None:
    """Steps, guidance and sway decide; loudness and speed don't."""
    speaker = Recorder()
    chunks = [
        utterance("a", nfe_step=8),
        utterance("b", nfe_step=8, speed=1.2, target_rms=0.2),
        utterance("c", nfe_step=8, cfg_strength=1.0),
        utterance("d", nfe_step=8, sway_sampling_coef=0.0),
        utterance("e", nfe_step=9),
    ]

    desk.open()
    desk.do([task(speaker, chunk) for chunk in chunks])

    assert sorted(speaker.batches) == [["a", "b"], ["c"], ["d"], ["e"]]


def test_a_task_says_how_many_go_with_it(desk: Desk) -> None:
    """What is best for its engine; the queue's own bound is another."""
    speaker = Recorder()

    desk.open()
    desk.do([replace(task(speaker, text), batch_size=2) for text in ("a", "b", "c")])

    assert speaker.batches == [["a", "b"], ["c"]]


def test_weights_are_not_mixed(desk: Desk) -> None:
    """A chunk goes to the engine that it was meant for."""
    here, there = Recorder(), Recorder()
    futures = [desk.ask(1, task(here, "here")), desk.ask(2, task(there, "there", weights="there"))]

    desk.open()
    [future.result(timeout=10) for future in futures]

    assert (here.batches, there.batches) == ([["here"]], [["there"]])


def test_tasks_of_two_kinds_are_not_mixed(desk: Desk) -> None:
    """One name and one device, but other files behind them: who goes first must not answer for the other."""
    speaker = Recorder()
    tasks = [replace(task(speaker, kind), batch_key=kind) for kind in ("old", "new", "new")]

    desk.open()
    desk.do(tasks)

    assert speaker.batches == [["old"], ["new", "new"]]


def test_what_can_not_be_gathered_goes_alone(desk: Desk) -> None:
    """A load, or a chunk of an engine that speaks one by one: each has a turn of its own."""
    tasks: list[GpuTask[Samples]] = [GpuTask("here", 5.0, lambda: np.ones(1, np.float32)) for _ in range(3)]

    spans: list[Span] = []
    desk.open()

    waves = desk.gpu.run_tasks(tasks, spans=spans)

    assert (len(waves), len(spans)) == (3, 3)


@pytest.mark.parametrize(
    ("bounds", "sizes"),
    [
        (Bounds(chunks=2, seconds=1000.0), [2, 2, 1]),
        (Bounds(chunks=16, seconds=12.0), [2, 2, 1]),
        (Bounds(1, 1.0), [1] * 5),
    ],
)
def test_number_and_seconds_of_a_batch_are_bounded(bounds: Bounds, sizes: list[int]) -> None:
    """So that its memory is; one that is too long alone goes alone."""
    desk, speaker = Desk(bounds), Recorder()
    desk.open()

    desk.do([task(speaker, str(n)) for n in range(5)])
    desk.close()

    assert [len(batch) for batch in speaker.batches] == sizes


def test_a_chunk_may_wait_for_company() -> None:
    """With a waiting time, one that comes a little later goes along."""
    desk, speaker = Desk(Bounds(chunks=2, seconds=1000.0, wait_s=10.0)), Recorder()
    desk.open()
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(desk.do, [task(speaker, text)]) for text in ("one", "two")]
        [future.result(timeout=10) for future in futures]
    desk.close()

    assert sorted(speaker.batches[0]) == ["one", "two"]


def test_nobody_waits_for_company_that_has_gone() -> None:
    """The one whose chunk was to go next gives up: what is behind it goes at once."""
    desk, speaker, given_up = Desk(Bounds(chunks=2, seconds=1000.0, wait_s=20.0)), Recorder(), Event()

    def check() -> None:
        if given_up.is_set():
            raise Interrupted("enough")

    leads = desk.ask(1, GpuTask("here", 30.0, lambda: speaker.alone(utterance("leads"))))
    gone = desk.ask(2, task(speaker, "gone"), check=check)
    desk.open()
    given_up.set()

    with pytest.raises(Interrupted, match="enough"):
        gone.result(timeout=10)
    assert len(leads.result(timeout=10)) == 1
    assert speaker.batches == [["leads"]]
    desk.close()
