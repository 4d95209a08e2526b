"""The machine's clock, an implementation of the port `cloning.ports.Clock`; and stopwatches."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Timings = Callable[[str, float], None]
"""Receives the name of a part of a phase, and its seconds."""


def no_timings(_part: str, _seconds: float) -> None:
    """Discard the timing."""


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The seconds that lie in any of the spans from a begin to an end."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


@contextmanager
def timed(part: Timings, name: str) -> Iterator[None]:
    """Report the seconds of a `with` block, even if it raises."""
    begun = time.monotonic()
    try:
        yield
    finally:
        part(name, time.monotonic() - begun)


class SystemClock:
    """Wall time in UTC, and the monotonic clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stopwatch:
    """Seconds by phase, by the clock `now`; a phase that is entered twice adds up."""

    def __init__(self, phases: tuple[str, ...], now: Callable[[], float]) -> None:
        self.now = now
        self._seconds = dict.fromkeys(phases, 0.0)
        self._begun = now()

    def add(self, phase: str, seconds: float) -> None:
        self._seconds[phase] += seconds

    def parts_of(self, phase: str) -> Timings:
        """Return a function that adds seconds to `<phase>_<part>`."""
        return lambda part, seconds: self.add(f"{phase}_{part}", seconds)

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Add the seconds of a `with` block to a phase, even if it raises."""
        begun = self.now()
        try:
            yield
        finally:
            self.add(phase, self.now() - begun)

    def to_json(self) -> dict[str, float]:
        """Return the seconds of every phase, and `total` since the watch was made (including time outside phases)."""
        seconds = {phase: round(value, 4) for phase, value in self._seconds.items()}
        return {**seconds, "total": round(self.now() - self._begun, 4)}
