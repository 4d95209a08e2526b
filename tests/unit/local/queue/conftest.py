"""A queue on a clock that only the test moves."""

import pytest

from local.queue import Queue
from tests.unit.local.queue.making import Clock, queue_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return queue_of(clock)
