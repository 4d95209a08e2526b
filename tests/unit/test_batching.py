"""The queue of pieces: who goes together, who goes first, and who is left out."""

import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from cloning.clock import SystemClock
from cloning.errors import DeviceMismatch, GpuOutOfMemory, Interrupted, WorkerUnfit
from cloning.ports import Clock, F5Parameters, Reference, Samples, Utterance
from cloning.turns import Piece, Span
from engines.batching import SWITCH_S, Batcher, Bounds
from engines.owner import SingleOwner
from tests.fakes import ManualClock, ToneEngine

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


class Desk:
    """A batcher whose GPU is held until all askers are in the queue."""

    def __init__(self, bounds: Bounds = WIDE, clock: Clock | None = None, **more: Any) -> None:
        self.gpu = SingleOwner()
        self.batcher = Batcher(clock or SystemClock(), bounds, **more)
        self._pool = ThreadPoolExecutor(32)
        self._free = Event()
        self._pool.submit(self.gpu.run, self._free.wait)

    def do(
        self, pieces: Sequence[Piece[Samples]], *, stopped: Event | None = None, using: str | None = None, **more: Any
    ) -> list[Samples]:
        """As a job does it: in this thread."""
        with self.batcher.using(using) if using else nullcontext():
            return self.batcher.do(pieces, turn=lambda work: self.gpu.run(work, stopped=stopped), **more)

    def ask(self, waiting: int, *pieces: Piece[Samples], **more: Any) -> "Future[list[Samples]]":
        """Ask in a thread of its own, and see that so many pieces wait now."""
        future = self._pool.submit(self.do, pieces, **more)
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


def piece(speaker: Recorder, what: str | Utterance, seconds: float = 5.0, *, weights: str = "here") -> Piece[Samples]:
    one = utterance(what) if isinstance(what, str) else what
    return Piece(weights, seconds, lambda: speaker.alone(one), one, speaker.speak_many)


def ask_all(desk: Desk, speaker: Recorder, chunks: Sequence[tuple[str, float]]) -> list[Samples]:
    """Every chunk by an asker of its own; the samples in order."""
    futures = [desk.ask(n + 1, piece(speaker, *chunk)) for n, chunk in enumerate(chunks)]
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

    futures = [desk.ask(1, piece(speaker, "long", 30.0))]
    desk.batcher._waiting[0].line.since -= 100.0
    futures.append(desk.ask(2, piece(speaker, "short", 6.0)))
    desk.open()
    [future.result(timeout=10) for future in futures]
    desk.close()

    assert speaker.batches == [["long", "short"]]


def test_a_short_job_goes_between_the_chunks_of_a_long_one() -> None:
    """Sent when the long one had been in hand for long already: it waits for the chunk in hand, and for no other."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0)), Recorder()
    late: list[Future[list[Samples]]] = []
    long_one = [piece(speaker, str(n), 20.0) for n in range(5)]

    def second() -> Samples:
        late.append(desk.ask(4, piece(speaker, "short", 6.0)))
        return speaker.alone(utterance("1"))

    long_one[1] = replace(long_one[1], run=second)
    desk.open()
    desk.do(long_one)
    late[0].result(timeout=10)
    desk.close()

    assert speaker.batches == [["0"], ["1"], ["short"], ["2"], ["3"], ["4"]]


def test_jobs_with_other_weights_wait_their_time_and_then_have_their_turn() -> None:
    """The weights that were used last go on; SWITCH_S later those of the other job are due, and go on in their turn."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0)), Recorder()
    desk.ask(1, piece(speaker, "first", 1.0))
    mine = desk.ask(4, *[piece(speaker, f"mine {n}", 20.0) for n in range(3)], using="here")
    other = desk.ask(6, *[piece(speaker, f"other {n}", 5.0, weights="there") for n in range(2)], using="there")
    assert SWITCH_S + 5.0 > 20.0

    desk.open()
    [future.result(timeout=10) for future in (mine, other)]
    desk.close()

    assert speaker.batches == [[one] for one in ("first", "mine 0", "mine 1", "mine 2", "other 0", "other 1")]


def test_other_weights_are_not_kept_waiting_for_ever() -> None:
    """Beyond SWITCH_S they go first, though the weights in use have work left."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0)), Recorder()
    desk.batcher._weights = "here"
    other = desk.ask(1, piece(speaker, "other", 5.0, weights="there"))
    desk.batcher._waiting[0].line.since -= SWITCH_S
    mine = desk.ask(3, *[piece(speaker, f"mine {n}", 20.0) for n in range(2)])

    desk.open()
    [future.result(timeout=10) for future in (mine, other)]
    desk.close()

    assert speaker.batches[0] == ["other"]


def test_the_gpu_goes_on_while_an_asker_tells() -> None:
    """The bucket learns of a chunk while the next one is made, also where nobody else asks for turns."""
    desk, speaker, begun = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), Event()

    def second() -> Samples:
        begun.set()
        return speaker.alone(utterance("second"))

    pieces = [piece(speaker, "first"), replace(piece(speaker, "second"), run=second)]
    told: list[bool] = []
    desk.open()

    desk.do(pieces, tell=lambda _: told.append(begun.wait(10)))
    desk.close()

    assert all(told)


def test_the_gpu_goes_on_for_two_turns_at_most() -> None:
    """Further ahead, a cancel would be seen late, and what is kept for who takes the job over would be old."""
    desk, speaker, ahead = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    def tell(done: Sequence[tuple[int, Samples]]) -> None:
        if not ahead:
            wait_until(lambda: not desk.batcher._is_led)  # nothing more is begun
            ahead.append(len(speaker.batches) - len(done))

    desk.do([piece(speaker, str(n)) for n in range(9)], tell=tell)
    desk.close()

    assert ahead in ([1], [2])
    assert len(speaker.batches) == 9


def test_what_is_finished_when_its_asker_gives_up_is_told() -> None:
    """The GPU was a chunk ahead: who goes on with the job later needs that chunk too."""
    desk, speaker, told = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    def tell(done: Sequence[tuple[int, Samples]]) -> None:
        told.extend(index for index, _ in done)
        wait_until(lambda: len(speaker.batches) > 1 and not desk.batcher._is_led)
        raise Interrupted("enough")

    with pytest.raises(Interrupted):
        desk.do([piece(speaker, str(n)) for n in range(9)], tell=tell)
    desk.close()

    assert told == list(range(len(speaker.batches)))
    assert len(told) < 9


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

    mine = desk.ask(1, piece(speaker, "mine"), check=check)
    other = desk.ask(2, Piece("here", 1.0, wait))
    desk.open()

    with pytest.raises(Interrupted):
        mine.result(timeout=10)
    assert not release.is_set()
    release.set()
    other.result(timeout=10)
    desk.close()
    assert speaker.batches == [["other"]]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def wait_for_rounds(rounds: Sequence[int], *futures: "Future[Any]") -> None:
    """Until an asker has looked in vain for a whole round (its `check` fills `rounds`), or is answered."""
    deadline = time.monotonic() + 10
    while len(rounds) < 2 and not any(future.done() for future in futures):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_weights_in_use_stay_while_their_job_is_busy_elsewhere() -> None:
    """Between its load and its chunks a job has no piece in the queue; another's load waits, and each is loaded once."""
    desk, speaker, rounds = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    with desk.batcher.using("here"):
        desk.do([piece(speaker, "mine 0", 0.0)])
        other = desk.ask(1, piece(speaker, "other", 0.0, weights="there"), check=lambda: rounds.append(1))
        wait_for_rounds(rounds, other)
        desk.do([piece(speaker, "mine 1")])
    other.result(timeout=10)
    desk.close()

    assert speaker.batches == [["mine 0"], ["mine 1"], ["other"]]


def test_weights_in_use_are_not_waited_for_beyond_the_time_of_a_switch() -> None:
    """A job that stays away too long finds the other's weights; nobody hangs."""
    clock = ManualClock()
    desk, speaker, rounds = Desk(Bounds(chunks=1, seconds=22.0), clock), Recorder(), list[int]()
    desk.open()

    with desk.batcher.using("here"):
        desk.do([piece(speaker, "mine 0", 0.0)])
        other = desk.ask(1, piece(speaker, "other", weights="there"), check=lambda: rounds.append(1))
        wait_for_rounds(rounds, other)
        clock.advance(SWITCH_S)
        other.result(timeout=10)
    desk.close()

    assert speaker.batches == [["mine 0"], ["other"]]


def test_who_waits_for_weights_in_use_does_not_keep_their_own_job_waiting() -> None:
    """Due before a long chunk of the weights in use, but not due yet: the long one goes."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), ManualClock()), Recorder()
    desk.batcher._weights = "here"

    with desk.batcher.using("here"):
        other = desk.ask(1, piece(speaker, "other", 0.0, weights="there"))
        mine = desk.ask(2, piece(speaker, "mine", SWITCH_S + 1.0))
        desk.open()
        mine.result(timeout=10)
    other.result(timeout=10)
    desk.close()

    assert speaker.batches == [["mine"], ["other"]]


def test_who_fails_while_it_uses_weights_lets_go_of_them() -> None:
    """The one who waits for other weights goes on at once, though the clock stands still."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), ManualClock()), Recorder()
    desk.open()

    def fail(_: object) -> None:
        raise Interrupted("enough")

    with pytest.raises(Interrupted), desk.batcher.using("here"):
        desk.do([piece(speaker, "mine")], tell=fail)

    assert len(desk.do([piece(speaker, "other", weights="there")])) == 1
    desk.close()


def test_who_waits_for_weights_in_use_can_be_stopped() -> None:
    """It asks whether it is still wanted, and leaves nothing behind."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), ManualClock()), Recorder()
    desk.open()

    def check() -> None:
        raise Interrupted("enough")

    with desk.batcher.using("here"):
        desk.do([piece(speaker, "mine")])
        with pytest.raises(Interrupted, match="enough"):
            desk.do([piece(speaker, "other", weights="there")], check=check)
    desk.close()

    assert (speaker.batches, desk.batcher._waiting) == ([["mine"]], [])


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
    desk.do([piece(speaker, chunk) for chunk in chunks])

    assert sorted(speaker.batches) == [["a", "b"], ["c"], ["d"], ["e"]]


def test_weights_are_not_mixed(desk: Desk) -> None:
    """A chunk goes to the engine that it was meant for."""
    here, there = Recorder(), Recorder()
    futures = [desk.ask(1, piece(here, "here")), desk.ask(2, piece(there, "there", weights="there"))]

    desk.open()
    [future.result(timeout=10) for future in futures]

    assert (here.batches, there.batches) == ([["here"]], [["there"]])


def test_pieces_of_two_kinds_are_not_mixed(desk: Desk) -> None:
    """One name and one device, but other files behind them: who goes first must not answer for the other."""
    speaker = Recorder()
    pieces = [replace(piece(speaker, kind), kin=kind) for kind in ("old", "new", "new")]

    desk.open()
    desk.do(pieces)

    assert speaker.batches == [["old"], ["new", "new"]]


def test_what_can_not_be_gathered_goes_alone(desk: Desk) -> None:
    """A load, or a chunk of an engine that speaks one by one: each has a turn of its own."""
    turns: list[int] = []
    pieces: list[Piece[Samples]] = [Piece("here", 5.0, lambda: np.ones(1, np.float32)) for _ in range(3)]

    desk.open()

    def turn(work: Callable[[], None]) -> None:
        turns.append(1)
        desk.gpu.run(work)

    waves = desk.batcher.do(pieces, turn=turn)

    assert (len(waves), len(turns)) == (3, 3)


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

    desk.do([piece(speaker, str(n)) for n in range(5)])
    desk.close()

    assert [len(batch) for batch in speaker.batches] == sizes


@pytest.mark.parametrize("failure", [GpuOutOfMemory("too much"), DeviceMismatch("astray"), RuntimeError("a bug")])
def test_a_batch_that_fails_together_is_tried_one_by_one(desk: Desk, failure: Exception) -> None:
    """Too little memory for all is enough for each; who fails alone fails alone, and fails first for its asker."""
    speaker = Recorder(most=1, failure=failure)

    futures = [desk.ask(1, piece(speaker, "good")), desk.ask(2, piece(speaker, "bad"))]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(type(failure)):
        futures[1].result(timeout=10)
    assert speaker.batches == [["good", "bad"], ["good"], ["bad"]]


class Tensors:
    """What a failed batch had on the device."""


def test_what_a_failed_batch_held_is_gone_before_its_pieces_are_tried() -> None:
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

    desk.do([Piece("here", 5.0, alone, utterance("text"), together) for _ in range(2)])
    desk.close()

    assert seen == ["free", None, None]


@pytest.mark.parametrize("failure", [WorkerUnfit("illegal access"), RuntimeError("a bug")])
def test_a_device_that_can_not_be_emptied_is_everybodys_failure(failure: Exception) -> None:
    """Nobody hangs, and nothing is tried again."""

    def fail() -> None:
        raise failure

    desk, speaker = Desk(WIDE, free=fail), Recorder(most=1)
    futures = [desk.ask(n + 1, piece(speaker, "text")) for n in range(2)]
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

    work = desk._pool.submit(desk.do, [replace(piece(speaker, text), together=together) for text in ("one", "two")])

    assert len(work.result(timeout=10)) == 2
    assert speaker.batches == [["one", "two"], ["one"], ["two"]]
    desk.close()


def test_too_little_memory_for_a_batch_is_learned_from(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The next ones have half as many, for as long as the process lives; the log is told once."""
    speaker = Recorder(most=2)
    desk.open()

    desk.do([piece(speaker, "text") for _ in range(4)])
    desk.do([piece(speaker, "text") for _ in range(4)])

    assert [len(batch) for batch in speaker.batches] == [4, 1, 1, 1, 1, 2, 2]
    assert [entry.__dict__["chunks"] for entry in caplog.records if entry.message == "batch.bounded"] == [2]


def test_another_failure_of_a_batch_bounds_nothing(desk: Desk) -> None:
    """A model astray is loaded again, and has the same memory."""
    speaker = Recorder(most=1, failure=DeviceMismatch("astray"))
    desk.open()

    desk.do([piece(speaker, "text") for _ in range(2)])
    desk.do([piece(speaker, "text") for _ in range(2)])

    assert [len(batch) for batch in speaker.batches] == [2, 1, 1, 2, 1, 1]


def test_one_of_a_batch_that_has_no_memory_is_tried_alone(desk: Desk) -> None:
    """Its companions have their samples already."""
    speaker = Recorder()

    futures = [desk.ask(1, piece(speaker, "good")), desk.ask(2, piece(speaker, "bad"))]
    desk.open()

    assert len(futures[0].result(timeout=10)) == 1
    with pytest.raises(GpuOutOfMemory):
        futures[1].result(timeout=10)
    assert speaker.batches == [["good", "bad"], ["bad"]]


def test_a_fatal_failure_is_everybodys(desk: Desk) -> None:
    """Whoever was in the batch learns of it, and so does whoever took the turn: nothing is tried again."""
    speaker = Recorder(most=1, failure=WorkerUnfit("illegal access"))

    futures = [desk.ask(1, piece(speaker, "one")), desk.ask(2, piece(speaker, "two"))]
    desk.open()

    for future in futures:
        with pytest.raises(WorkerUnfit, match="illegal access"):
            future.result(timeout=10)
    assert speaker.batches == [["one", "two"]]


def test_who_stops_is_withdrawn_and_the_others_are_spoken(desk: Desk) -> None:
    """An asker that gives up while it waits leaves no chunk behind; whoever else waits leads then."""
    speaker, stopped = Recorder(), Event()
    gone = desk.ask(1, piece(speaker, "gone"), stopped=stopped)
    stays = desk.ask(2, piece(speaker, "stays"))

    stopped.set()
    with pytest.raises(Interrupted):
        gone.result(timeout=10)
    desk.open()
    stays.result(timeout=10)

    assert speaker.batches == [["stays"]]


def test_who_waits_behind_another_asks_whether_it_is_still_wanted(desk: Desk) -> None:
    """It need not lead to be stopped."""
    speaker, given_up = Recorder(), Event()

    def check() -> None:
        if given_up.is_set():
            raise Interrupted("enough")

    leads = desk.ask(1, piece(speaker, "leads"))
    waits = desk.ask(2, piece(speaker, "waits"), check=check)
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
    futures = [desk.ask(1, piece(speaker, one)), desk.ask(2, piece(speaker, stopping))]
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
            [piece(speaker, text) for text in ("one", "two", "three", "bad", "five")],
            tell=lambda done: told.append([index for index, _ in done]),
            spent=spans.append,
        )
    desk.close()

    assert sorted(index for done in told for index in done) == [0, 1, 2]
    assert len(spans) == 3
    assert desk.batcher._waiting == []


def test_a_chunk_may_wait_for_company() -> None:
    """With a waiting time, one that comes a little later goes along."""
    desk, speaker = Desk(Bounds(chunks=2, seconds=1000.0, wait_s=10.0)), Recorder()
    desk.open()
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(desk.do, [piece(speaker, text)]) for text in ("one", "two")]
        [future.result(timeout=10) for future in futures]
    desk.close()

    assert sorted(speaker.batches[0]) == ["one", "two"]


def test_nobody_waits_for_company_that_has_gone() -> None:
    """The one whose chunk was to go next gives up: what is behind it goes at once."""
    desk, speaker, given_up = Desk(Bounds(chunks=2, seconds=1000.0, wait_s=20.0)), Recorder(), Event()

    def check() -> None:
        if given_up.is_set():
            raise Interrupted("enough")

    leads = desk.ask(1, Piece("here", 30.0, lambda: speaker.alone(utterance("leads"))))
    gone = desk.ask(2, piece(speaker, "gone"), check=check)
    desk.open()
    given_up.set()

    with pytest.raises(Interrupted, match="enough"):
        gone.result(timeout=10)
    assert len(leads.result(timeout=10)) == 1
    assert speaker.batches == [["leads"]]
    desk.close()


def test_many_askers_are_all_answered() -> None:
    """Whoever's turn does whose piece: nobody is forgotten, nothing is spoken twice."""
    desk, speaker = Desk(Bounds(chunks=3, seconds=40.0)), Recorder()
    desk.open()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as pool:
            asked = [[(f"{n}-{m}", 5.0 + (n * m) % 9) for m in range(n % 4 + 1)] for n in range(64)]
            pieces = [[piece(speaker, *chunk) for chunk in chunks] for chunks in asked]
            spoken = list(pool.map(desk.do, pieces))
    finally:
        sys.setswitchinterval(interval)
        desk.close()

    assert [len(one) for one in spoken] == [len(one) for one in asked]
    assert sorted(text for batch in speaker.batches for text in batch) == sorted(
        text for chunks in asked for text, _ in chunks
    )
    assert threading.active_count() < 60
