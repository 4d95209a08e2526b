"""Pieces of work that take turns on the GPU, and the queue of them (engines.device.scheduler.Batcher)."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol

from cloning.ports import Utterance, Value, go_on

Span = tuple[float, float]
"""Begin and end, by a monotonic clock in seconds."""


def covered(spans: Iterable[Span]) -> float:
    """The seconds that lie in any of them."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


@dataclass(frozen=True)
class Piece(Generic[Value]):
    """
    Work for the GPU's thread, small enough to take turns with others'.

    `weights` tells whose model it needs, `seconds` how long reference and speech are together (0: no speech). `run` does it alone,
    with all that helps against a failure of the device. Where there is an `utterance`, `together` may be given it with those of
    other pieces of its `kin` for the same weights (there may be other files behind one name by now), `company` in all at most; what
    it gives for each is what `run` would have given (in half precision: but for rounding), or the exception.
    """

    weights: Hashable
    seconds: float
    run: Callable[[], Value]
    utterance: Utterance | None = None
    together: Callable[[Sequence[Utterance]], Sequence[Value | Exception]] | None = None
    kin: Hashable = None
    company: int = 1


class Turns(Protocol):
    """The queue of pieces of all jobs."""

    def using(self, weights: Hashable) -> AbstractContextManager[None]:
        """Within the block more pieces for these weights are to come: they stay in between, unless others wait for long."""

    def do(
        self,
        pieces: Sequence[Piece[Value]],
        *,
        turn: Callable[[Callable[[], None]], None],
        check: Callable[[], None] = go_on,
        tell: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
        spent: Callable[[Span], None] = lambda _: None,
    ) -> list[Value]:
        """
        What each piece makes, in order; pieces of others may be done between them, and by the `turn` that is asked for in this name.

        `turn` runs work in the GPU's thread and is called from a thread beside the asker's. In the asker's own, `check` may raise to
        give up while others are served, `tell` learns of pieces (by index) as soon as they are done, while the next ones are made, and
        `spent` at the end of every turn that they were in, failed ones too, once.
        Raises what the first piece to fail raised; what was finished has been told then.
        """
