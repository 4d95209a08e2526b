"""The queue of chunks: who goes together, who goes first, and who is left out."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from cloning.clock import SystemClock
from cloning.errors import GpuOutOfMemory, Interrupted
from cloning.ports import F5Parameters, Reference, Samples, Utterance
from engines.batching import Batcher, Bounds
from engines.owner import SingleOwner
from tests.fakes import ToneEngine

REFERENCE = Reference(Path("nowhere.wav"), "words", "0" * 64, 5.0)
WIDE = Bounds(chunks=16, seconds=1000.0)


class Recorder(ToneEngine):
    """A speaker that remembers its batches; those of more than `most` fail, and a text `bad` always does."""

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self.most = most
        self.batches: list[list[str]] = []

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        self.batches.append([one.text for one in utterances])
        if len(utterances) > self.most or utterances[0].text == "bad":
            raise GpuOutOfMemory("too much", device="cpu")
        return [self._outcome(one) for one in utterances]

    def _outcome(self, one: Utterance) -> Samples | Exception:
        try:
            one.before_step()
        except Exception as error:  # noqa: BLE001 - as an engine does
            return error
        return self.speak(one.reference, one.text, seed=one.seed, parameters=one.parameters)


class Desk:
    """A batcher whose GPU is held until all askers are in the queue."""

    def __init__(self, bounds: Bounds = WIDE) -> None:
        self.gpu = SingleOwner()
        self.batcher = Batcher(self.gpu, SystemClock(), bounds)
        self._pool = ThreadPoolExecutor(32)
        self._free = Event()
        self._pool.submit(self.gpu.run, self._free.wait)

    def ask(self, ask: Callable[[], list[Samples]], waiting: int) -> "Future[list[Samples]]":
        """Ask in a thread of its own, and see that so many chunks wait now."""
        future = self._pool.submit(ask)
        deadline = time.monotonic() + 10
        while len(self.batcher._waiting) != waiting and not future.done():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return future

    def open(self) -> None:
        self._free.set()

    def close(self) -> None:
        self.open()
        self._pool.shutdown()


@pytest.fixture
def desk() -> Iterator[Desk]:
    one = Desk()
    yield one
    one.close()


def utterance(text: str, seed: int = 0, **parameters: float) -> Utterance:
    return Utterance(REFERENCE, text, seed, F5Parameters(**parameters))  # type: ignore[arg-type]  # real fields


def ask_all(desk: Desk, speaker: Recorder, chunks: Sequence[tuple[str, float]]) -> list[Samples]:
    """Every chunk by an asker of its own; the samples in order."""

    def asking(text: str, seconds: float) -> Callable[[], list[Samples]]:
        return lambda: desk.batcher.speak(speaker, [(utterance(text), seconds)])

    futures = [desk.ask(asking(*chunk), n + 1) for n, chunk in enumerate(chunks)]
    desk.open()
    return [future.result(timeout=10)[0] for future in futures]


def test_what_waits_together_is_spoken_together(desk: Desk) -> None:
    """Several askers, one batch, to each its own samples."""
    speaker = Recorder()

    waves = ask_all(desk, speaker, [("one", 5.0), ("two", 5.0), ("three", 5.0)])

    assert speaker.batches == [["one", "two", "three"]]
    for text, wave in zip(["one", "two", "three"], waves, strict=True):
        assert np.array_equal(wave, ToneEngine().speak(REFERENCE, text, seed=0, parameters=F5Parameters()))


def test_a_short_chunk_is_not_held_up_by_a_long_one(desk: Desk) -> None:
    """It goes first, though it came last, and not in the long one's batch."""
    speaker = Recorder()

    ask_all(desk, speaker, [("long", 30.0), ("longer", 40.0), ("short", 6.0)])

    assert speaker.batches == [["short"], ["long", "longer"]]


def test_a_long_chunk_does_not_wait_for_ever() -> None:
    """What came long ago is due before what is short and new: here the first is 100 s old."""
    desk, speaker = Desk(), Recorder()

    futures = [desk.ask(lambda: desk.batcher.speak(speaker, [(utterance("long"), 30.0)]), 1)]
    desk.batcher._waiting[0].came -= 100.0
    futures.append(desk.ask(lambda: desk.batcher.speak(speaker, [(utterance("short"), 6.0)]), 2))
    desk.open()
    [future.result(timeout=10) for future in futures]
    desk.close()

    assert speaker.batches == [["long", "short"]]


def test_only_those_with_the_same_steps_go_together(desk: Desk) -> None:
    """Steps, guidance and sway decide; loudness and speed don't."""
    speaker = Recorder()
    chunks = [
        (utterance("a", nfe_step=8), 5.0),
        (utterance("b", nfe_step=8, speed=1.2, target_rms=0.2), 5.0),
        (utterance("c", nfe_step=8, cfg_strength=1.0), 5.0),
        (utterance("d", nfe_step=8, sway_sampling_coef=0.0), 5.0),
        (utterance("e", nfe_step=9), 5.0),
    ]

    desk.open()
    desk.batcher.speak(speaker, chunks)

    assert sorted(speaker.batches) == [["a", "b"], ["c"], ["d"], ["e"]]


def test_engines_are_not_mixed(desk: Desk) -> None:
    """A chunk goes to the engine that it was meant for."""
    here, there = Recorder(), Recorder()
    futures = [
        desk.ask(lambda: desk.batcher.speak(here, [(utterance("here"), 5.0)]), 1),
        desk.ask(lambda: desk.batcher.speak(there, [(utterance("there"), 5.0)]), 2),
    ]

    desk.open()
    [future.result(timeout=10) for future in futures]

    assert (here.batches, there.batches) == ([["here"]], [["there"]])


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

    desk.batcher.speak(speaker, [(utterance(str(n)), 5.0) for n in range(5)])
    desk.close()

    assert [len(batch) for batch in speaker.batches] == sizes


def test_a_batch_that_fails_together_is_tried_one_by_one(desk: Desk) -> None:
    """Too little memory for all is enough for each; who fails alone fails alone."""
    speaker = Recorder(most=1)

    with pytest.raises(GpuOutOfMemory):
        ask_all(desk, speaker, [("good", 5.0), ("bad", 5.0)])

    assert speaker.batches == [["good", "bad"], ["good"], ["bad"]]


def test_who_stops_is_withdrawn_and_the_others_are_spoken(desk: Desk) -> None:
    """An asker that gives up while it waits leaves no chunk behind."""
    speaker, stopped = Recorder(), Event()
    gone = desk.ask(lambda: desk.batcher.speak(speaker, [(utterance("gone"), 5.0)], stopped=stopped), 1)
    stays = desk.ask(lambda: desk.batcher.speak(speaker, [(utterance("stays"), 5.0)]), 2)

    stopped.set()
    with pytest.raises(Interrupted):
        gone.result(timeout=10)
    desk.open()
    stays.result(timeout=10)

    assert speaker.batches == [["stays"]]


def test_an_askers_own_failure_is_its_own(desk: Desk) -> None:
    """What `before_step` raises reaches its asker; the companion gets its samples."""

    def stop() -> None:
        raise Interrupted("enough")

    speaker = Recorder()
    one = utterance("one")
    stopping = Utterance(one.reference, "two", 1, one.parameters, stop)
    futures = [
        desk.ask(lambda: desk.batcher.speak(speaker, [(one, 5.0)]), 1),
        desk.ask(lambda: desk.batcher.speak(speaker, [(stopping, 5.0)]), 2),
    ]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(Interrupted, match="enough"):
        futures[1].result(timeout=10)


def test_each_chunk_is_told_as_soon_as_it_is_there() -> None:
    """Index and samples, in whatever order they are made, each once; the result is in the asked order."""
    desk, speaker, told = Desk(Bounds(chunks=1, seconds=1.0)), Recorder(), list[int]()
    desk.open()

    waves = desk.batcher.speak(
        speaker, [(utterance("a long one"), 30.0), (utterance("short"), 5.0)], tell=lambda index, _: told.append(index)
    )
    desk.close()

    assert told == [1, 0]
    assert len(waves[0]) > len(waves[1])


def test_a_chunk_may_wait_for_company() -> None:
    """With a waiting time, one that comes a little later goes along."""
    desk, speaker = Desk(Bounds(chunks=2, seconds=1000.0, wait_s=10.0)), Recorder()
    desk.open()
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(desk.batcher.speak, speaker, [(utterance(text), 5.0)]) for text in ("one", "two")]
        [future.result(timeout=10) for future in futures]
    desk.close()

    assert sorted(speaker.batches[0]) == ["one", "two"]


def test_many_askers_are_all_answered() -> None:
    """Whoever's turn speaks whose chunk: nobody is forgotten, nothing is spoken twice."""
    desk, speaker = Desk(Bounds(chunks=3, seconds=40.0)), Recorder()
    desk.open()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as pool:
            asked = [[(utterance(f"{n}-{m}"), 5.0 + (n * m) % 9) for m in range(n % 4 + 1)] for n in range(64)]
            spoken = list(pool.map(lambda chunks: desk.batcher.speak(speaker, chunks), asked))
    finally:
        sys.setswitchinterval(interval)
        desk.close()

    assert [len(one) for one in spoken] == [len(one) for one in asked]
    assert sorted(text for batch in speaker.batches for text in batch) == sorted(
        chunk.text for chunks in asked for chunk, _ in chunks
    )
    assert threading.active_count() < 60
