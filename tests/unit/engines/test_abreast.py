"""Two pieces of work at once, and what becomes of torch's threads by that."""

import threading
from collections.abc import Iterator

import pytest
import torch

from engines.abreast import Abreast, lanes

PATIENCE_S = 10


@pytest.fixture
def threads() -> Iterator[None]:
    """Torch has its number of threads again after the test."""
    number = torch.get_num_threads()
    yield
    torch.set_num_threads(number)


def test_two_are_done_at_once() -> None:
    """Each waits for the other, which one by one would never end."""
    both = threading.Barrier(2)

    Abreast(2).each(lambda _: both.wait(PATIENCE_S), ["one", "other"])

    assert not both.broken


def test_one_lane_goes_one_by_one_in_the_askers_thread() -> None:
    """As where torch has all cores for each."""
    done: list[tuple[str, threading.Thread]] = []

    Abreast(1).each(lambda work: done.append((work, threading.current_thread())), ["one", "other"])

    assert done == [("one", threading.current_thread()), ("other", threading.current_thread())]


def test_one_piece_of_work_has_all_threads() -> None:
    """There is nothing to be done beside it."""
    seen: list[int] = []

    Abreast(2).each(lambda _: seen.append(torch.get_num_threads()), ["one"])

    assert seen == [torch.get_num_threads()]


def test_what_fails_is_raised_when_all_have_ended() -> None:
    """Nobody works on behind the back of who asked."""
    ended: list[str] = []
    failed = threading.Event()

    def act(work: str) -> None:
        if work == "bad":
            failed.set()
            raise ValueError(work)
        assert failed.wait(PATIENCE_S)
        ended.append(work)

    with pytest.raises(ValueError, match="bad"):
        Abreast(2).each(act, ["good", "bad", "better"])

    assert sorted(ended) == ["better", "good"]


@pytest.mark.usefixtures("threads")
def test_a_lane_has_one_of_torchs_threads_and_nobody_elses_number_changes() -> None:
    """Neither the asker's nor that of threads which begin later, such as those of the official path."""
    torch.set_num_threads(2)
    in_lanes: list[int] = []
    later: list[int] = []

    Abreast(2).each(lambda _: in_lanes.append(torch.get_num_threads()), range(4))
    newcomer = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()

    assert in_lanes == [1, 1, 1, 1]
    assert (torch.get_num_threads(), later) == (2, [2])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("device", "number", "expected"), [("cpu", 1, 1), ("cpu", 2, 2), ("cpu", 3, 1), ("cuda:0", 2, 1)]
)
def test_two_lanes_are_for_a_cpu_of_two_threads(device: str, number: int, expected: int) -> None:
    """With three threads torch's results are not those of one."""
    torch.set_num_threads(number)

    assert lanes(device) == expected
