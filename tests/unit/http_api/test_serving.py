"""The timers of a connection, without one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from http_api.serving import _TimedProtocol


@dataclass
class Clock:
    """A loop and its timer: what is due runs when the test says so."""

    due: list[Callable[[], None]] = field(default_factory=list)

    def call_later(self, _seconds: float, what: Callable[..., None], *given: Any) -> "Clock":
        self.due = [lambda: what(*given)]
        return self

    def cancel(self) -> None:
        self.due = []

    def strike(self) -> None:
        """Let the time run out."""
        (what,) = self.due
        self.due = []
        what()


@dataclass
class Transport:
    """The bytes that wait to be sent, and whether the connection was given up."""

    waiting: int = 0
    is_aborted: bool = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.is_aborted = True


def stalled(waiting: int) -> tuple[_TimedProtocol, Clock, Transport]:
    """A connection whose reader has begun to read more slowly than data arrives."""
    protocol, clock, transport = object.__new__(_TimedProtocol), Clock(), Transport(waiting)
    protocol.loop = clock  # type: ignore[assignment]
    protocol.transport = transport  # type: ignore[assignment]
    protocol._watch_reader(waiting)
    return protocol, clock, transport


def test_a_reader_that_takes_nothing_is_given_up() -> None:
    """A reader that reads nothing is given up, because what waits for it takes memory."""
    _, clock, transport = stalled(100_000)

    clock.strike()

    assert transport.is_aborted


def test_a_reader_that_takes_a_little_has_its_time_anew() -> None:
    """A reader that reads a little gets its time again, as long as it goes on."""
    _, clock, transport = stalled(100_000)

    for waiting in (99_999, 50_000, 1):
        transport.waiting = waiting
        clock.strike()
    still = transport.is_aborted
    clock.strike()

    assert not still
    assert transport.is_aborted


def test_a_reader_that_has_caught_up_is_not_watched() -> None:
    """A reader that has caught up has no timer."""
    protocol, clock, _ = stalled(100_000)

    protocol._unwatch_reader()

    assert clock.due == []
