"""The queue of tasks: who goes first, and how long weights in use are left on the device."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace

import pytest

from cloning.errors import Interrupted
from cloning.ports import Samples
from cloning.ports.gpu import GpuTask
from engines.device.scheduler import SWITCH_S, Bounds
from tests.standins.desk import Desk, Recorder, ask_all, task, utterance, wait_for_rounds
from tests.standins.fakes import ManualClock


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Desk()) as one:
        yield one


def test_a_short_chunk_is_not_held_up_by_a_long_one(desk: Desk) -> None:
    """It goes first, though it came last, and not in the long one's batch."""
    speaker = Recorder()

    ask_all(desk, speaker, [("long", 30.0), ("longer", 40.0), ("short", 6.0)])

    assert speaker.batches == [["short"], ["long", "longer"]]


def test_a_long_chunk_does_not_wait_for_ever() -> None:
    """What came long ago is due before what is short and new: here the first is 100 s old."""
    desk, speaker = Desk(), Recorder()

    futures = [desk.ask(1, task(speaker, "long", 30.0))]
    desk.waiting[0].job.since -= 100.0
    futures.append(desk.ask(2, task(speaker, "short", 6.0)))
    desk.open()
    [future.result(timeout=10) for future in futures]
    desk.close()

    assert speaker.batches == [["long", "short"]]


def test_two_long_jobs_take_turns() -> None:
    """What a job is owed counts from its last chunk: who came first is not done before the other begins."""
    clock = ManualClock()
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), clock), Recorder()

    def lasting(text: str) -> GpuTask[Samples]:
        def run() -> Samples:
            clock.advance(20.0)
            return speaker.alone(utterance(text))

        return replace(task(speaker, text, 20.0), run=run)

    first = desk.ask(2, lasting("first 0"), lasting("first 1"))
    second = desk.ask(4, lasting("second 0"), lasting("second 1"))
    desk.open()
    [future.result(timeout=10) for future in (first, second)]
    desk.close()

    assert speaker.batches == [["first 0"], ["second 0"], ["first 1"], ["second 1"]]


def test_a_short_job_goes_between_the_chunks_of_a_long_one() -> None:
    """Sent when the long one had been in hand for long already: it waits for the chunk in hand, and for no other."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0)), Recorder()
    late: list[Future[list[Samples]]] = []
    long_one = [task(speaker, str(n), 20.0) for n in range(5)]

    def second() -> Samples:
        late.append(desk.ask(4, task(speaker, "short", 6.0)))
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
    desk.ask(1, task(speaker, "first", 1.0))
    mine = desk.ask(4, *[task(speaker, f"mine {n}", 20.0) for n in range(3)], using="here")
    other = desk.ask(6, *[task(speaker, f"other {n}", 5.0, weights="there") for n in range(2)], using="there")
    assert SWITCH_S + 5.0 > 20.0

    desk.open()
    [future.result(timeout=10) for future in (mine, other)]
    desk.close()

    assert speaker.batches == [[one] for one in ("first", "mine 0", "mine 1", "mine 2", "other 0", "other 1")]


def test_other_weights_are_not_kept_waiting_for_ever() -> None:
    """Beyond SWITCH_S they go first, though the weights in use have work left."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0)), Recorder()
    desk.gpu._scheduler.weights = "here"
    other = desk.ask(1, task(speaker, "other", 5.0, weights="there"))
    desk.waiting[0].job.since -= SWITCH_S
    mine = desk.ask(3, *[task(speaker, f"mine {n}", 20.0) for n in range(2)])

    desk.open()
    [future.result(timeout=10) for future in (mine, other)]
    desk.close()

    assert speaker.batches[0] == ["other"]


def test_weights_in_use_stay_while_their_job_is_busy_elsewhere() -> None:
    """Between its load and its chunks a job has no task in the queue; another's load waits, and each is loaded once."""
    desk, speaker, rounds = Desk(Bounds(chunks=1, seconds=22.0)), Recorder(), list[int]()
    desk.open()

    with desk.gpu.using("here"):
        desk.do([task(speaker, "mine 0", 0.0)])
        other = desk.ask(1, task(speaker, "other", 0.0, weights="there"), check=lambda: rounds.append(1))
        wait_for_rounds(rounds, other)
        desk.do([task(speaker, "mine 1")])
    other.result(timeout=10)
    desk.close()

    assert speaker.batches == [["mine 0"], ["mine 1"], ["other"]]


def test_weights_in_use_are_not_waited_for_beyond_the_time_of_a_switch() -> None:
    """A job that stays away too long finds the other's weights; nobody hangs."""
    clock = ManualClock()
    desk, speaker, rounds = Desk(Bounds(chunks=1, seconds=22.0), clock), Recorder(), list[int]()
    desk.open()

    with desk.gpu.using("here"):
        desk.do([task(speaker, "mine 0", 0.0)])
        other = desk.ask(1, task(speaker, "other", weights="there"), check=lambda: rounds.append(1))
        wait_for_rounds(rounds, other)
        clock.advance(SWITCH_S)
        other.result(timeout=10)
    desk.close()

    assert speaker.batches == [["mine 0"], ["other"]]


def test_who_waits_for_weights_in_use_does_not_keep_their_own_job_waiting() -> None:
    """Due before a long chunk of the weights in use, but not due yet: the long one goes."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), ManualClock()), Recorder()
    desk.gpu._scheduler.weights = "here"

    with desk.gpu.using("here"):
        other = desk.ask(1, task(speaker, "other", 0.0, weights="there"))
        mine = desk.ask(2, task(speaker, "mine", SWITCH_S + 1.0))
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

    with pytest.raises(Interrupted), desk.gpu.using("here"):
        desk.do([task(speaker, "mine")], deliver=fail)

    assert len(desk.do([task(speaker, "other", weights="there")])) == 1
    desk.close()


def test_who_waits_for_weights_in_use_can_be_stopped() -> None:
    """It asks whether it is still wanted, and leaves nothing behind."""
    desk, speaker = Desk(Bounds(chunks=1, seconds=22.0), ManualClock()), Recorder()
    desk.open()

    def check() -> None:
        raise Interrupted("enough")

    with desk.gpu.using("here"):
        desk.do([task(speaker, "mine")])
        with pytest.raises(Interrupted, match="enough"):
            desk.do([task(speaker, "other", weights="there")], check=check)
    desk.close()

    assert (speaker.batches, desk.waiting) == ([["mine"]], [])
