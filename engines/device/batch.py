"""A piece in the queue of engines/device/scheduler.py, and what becomes of a batch of them. No torch here."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from cloning.errors import DeviceUnavailable, GpuOutOfMemory, WorkerUnfit
from cloning.ports import Utterance
from cloning.ports.turns import Piece, Span

log = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(eq=False)
class Line:
    """
    The pieces of one asker: when the last was done (or the first came), how it asks for a turn, of how many turns it has not
    fetched what they made, and whether one has failed, so that the others are not wanted.
    """

    since: float
    turn: Callable[[Callable[[], None]], None]
    unfetched: int = 0
    has_failed: bool = False


@dataclass(eq=False)
class Ticket(Generic[Value]):
    """A piece in the queue (`waits`), in a turn, or done: then it has an outcome. `spans` are the turns it was in."""

    piece: Piece[Value]
    line: Line
    came: float
    waits: bool = True
    alone: bool = False
    spans: list[Span] = field(default_factory=list)
    outcome: "Future[Value]" = field(default_factory=Future)

    def end(self, outcome: Value | BaseException) -> None:
        """It waits no longer: this has come of it."""
        self.waits = False
        if isinstance(outcome, BaseException):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)

    @property
    def is_done(self) -> bool:
        return self.outcome.done()

    @property
    def is_good(self) -> bool:
        """Done, and not by a failure."""
        return self.is_done and self.outcome.exception() is None

    @property
    def is_alone(self) -> bool:
        return self.alone or self.piece.together is None or self.piece.utterance is None

    def result(self) -> Value:
        """What was made, or what was raised for this piece."""
        return self.outcome.result()

    def goes_with(self, other: "Ticket[Any]") -> bool:
        """Whether both can be solved in the same steps."""
        mine, others = self.piece, other.piece
        if self.is_alone or other.is_alone or (mine.weights, mine.kin) != (others.weights, others.kin):
            return False
        return _steps(mine.utterance) == _steps(others.utterance)


@dataclass(frozen=True)
class Again:
    """In place of an outcome: it failed with others, and is to be tried alone. Was it the memory?"""

    of_memory: bool = False


def _steps(utterance: Utterance | None) -> tuple[float, ...] | None:
    if utterance is None:
        return None
    asked = utterance.parameters
    return asked.nfe_step, asked.cfg_strength, asked.sway_sampling_coef


def outcomes_of(batch: Sequence[Ticket[Any]]) -> list[object]:
    """What each is to get; Again for those whom a failure of the device met together (the memory, say)."""
    piece = batch[0].piece
    if len(batch) == 1 or piece.together is None:
        return [_alone(ticket) for ticket in batch]
    try:
        outcomes = piece.together([ticket.piece.utterance for ticket in batch if ticket.piece.utterance])
    except WorkerUnfit as failure:
        return [failure] * len(batch)
    except BaseException as error:  # noqa: BLE001 - whose fault it is, and what helps, is seen when each is tried alone
        log.warning("batch.failed", extra={"pieces": len(batch), "kind": type(error).__name__})
        return [Again(of_memory=isinstance(error, GpuOutOfMemory))] * len(batch)
    if len(outcomes) != len(batch):
        log.warning("batch.miscounted", extra={"pieces": len(batch), "outcomes": len(outcomes)})
        return [Again()] * len(batch)
    return [
        Again(of_memory=isinstance(one, GpuOutOfMemory)) if isinstance(one, GpuOutOfMemory | DeviceUnavailable) else one
        for one in outcomes
    ]


def _alone(ticket: Ticket[Any]) -> object:
    try:
        return ticket.piece.run()
    except BaseException as error:  # noqa: BLE001 - it is its asker's, and raised there
        return error
