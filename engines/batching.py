"""
The GPU's work in turns: pieces of several jobs, the most urgent first, and some of them together. No torch here.

Who has work puts its pieces into the queue. One of those who wait leads: it asks the GPU's owner for one turn after another, until
its own pieces are done; then another leads. A turn does what is most urgent by then, whoever brought it. So jobs take turns piece
by piece, whoever is done goes on at once, and whoever tells a bucket about it doesn't keep the GPU.

Urgent is what should be done first: a job is owed its next piece within that piece's own length, counted from its last one. A short
piece overtakes long ones, and no long one waits for ever. Pieces for weights that are not the last ones used are due SWITCH_S later,
and not done before while somebody is `using` the last ones, who may be busy elsewhere: jobs with different checkpoints don't fetch
each other's weights from the GPU at every chunk. With the most urgent go those that share its weights and its solver's steps, and are
not much longer, up to a number of pieces and of seconds, which bounds the memory. What fails together is tried again piece by
piece, with all that helps against a failure of the device; after too little memory batches are half as large.
"""

import gc
import logging
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cloning.errors import WorkerUnfit
from cloning.ports import Clock, go_on
from cloning.turns import Piece, Span
from engines.tickets import Again, Line, Ticket, outcomes_of

log = logging.getLogger(__name__)

Value = TypeVar("Value")
SWITCH_S = 30.0
_LOOK_S = 0.2
_MUCH_LONGER = 1.5


@dataclass(frozen=True)
class Bounds:
    """The most that goes together, and how long a piece may wait for company; the longest is never kept out."""

    chunks: int
    seconds: float
    wait_s: float = 0.0


class Batcher:
    """The queue. Any thread may ask; the work is done in the GPU's. `free` gives back what the device keeps for later."""

    def __init__(self, clock: Clock, bounds: Bounds, free: Callable[[], None] = go_on) -> None:
        self._clock = clock
        self._bounds = bounds
        self._free = free
        self._waiting: list[Ticket[Any]] = []  # in the order of each line
        self._changed = threading.Condition()
        self._is_led = False
        self._weights: Hashable = None
        self._users = Counter[Hashable]()

    @contextmanager
    def using(self, weights: Hashable) -> Iterator[None]:
        """See `cloning.turns.Turns`."""
        with self._changed:
            self._users[weights] += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= Counter([weights])  # which forgets those that nobody uses
                self._changed.notify_all()

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
        What each piece makes, in order. See `cloning.turns.Turns`.

        Raises what the first piece to fail raised, and what `turn`, `check` and `tell` raise; nothing of these pieces is in the
        queue or in a turn then.
        """
        now = self._clock.monotonic()
        line = Line(now)
        tickets = [Ticket(piece, line, now) for piece in pieces]
        with self._changed:
            self._waiting += tickets
            self._changed.notify_all()
        try:
            untold = dict(enumerate(tickets))
            while untold:
                if not _tell(untold, tell):
                    check()
                    self._wait_or_lead(tickets, list(untold.values()), turn)
        finally:
            self._leave(tickets)
            for span in {span for ticket in tickets for span in ticket.spans}:
                spent(span)
        return [ticket.result() for ticket in tickets]

    def _wait_or_lead(
        self, mine: Sequence[Ticket[Any]], untold: Sequence[Ticket[Any]], turn: Callable[[Callable[[], None]], None]
    ) -> None:
        """Until one of ours is done, or it is time for `check`; a turn of all the askers' if nobody else asks for it."""

        def any_done() -> bool:
            return any(ticket.is_done for ticket in untold)

        def may_lead() -> bool:
            return not self._is_led and any(ticket.waits for ticket in mine) and bool(self._most_urgent())

        with self._changed:
            self._changed.wait_for(lambda: any_done() or may_lead(), _LOOK_S)
            if any_done() or not may_lead():
                return
            self._is_led = True
        try:
            turn(self._turn)
        finally:
            with self._changed:
                self._is_led = False
                self._changed.notify_all()

    def _leave(self, tickets: Sequence[Ticket[Any]]) -> None:
        """What waits is withdrawn; what is in another's turn ends first, for it works for the asker."""
        with self._changed:
            self._changed.wait_for(lambda: self._are_gone(tickets))

    def _are_gone(self, tickets: Sequence[Ticket[Any]]) -> bool:
        for ticket in tickets:
            if ticket.waits:
                self._waiting.remove(ticket)
                ticket.waits = False
                ticket.outcome.append(_WITHDRAWN)
                self._changed.notify_all()  # a turn may be waiting for its company
        return all(ticket.is_done for ticket in tickets)

    def _turn(self) -> None:
        """In the GPU's thread: do what is most urgent. Raises WorkerUnfit alone; every other outcome is its asker's."""
        batch = self._take()
        if not batch:
            return
        begun = self._clock.monotonic()
        outcomes = self._with_room(batch, outcomes_of(batch))
        self._settle(batch, outcomes, begun)
        for outcome in outcomes:
            if isinstance(outcome, WorkerUnfit):
                raise WorkerUnfit(outcome.message, **outcome.details)

    def _with_room(self, batch: Sequence[Ticket[Any]], outcomes: list[object]) -> list[object]:
        """The outcomes; if some are to be tried again, what the batch held on the device is let go first."""
        again = [one for one in outcomes if isinstance(one, Again)]
        if not again:
            return outcomes
        if any(one.of_memory for one in again):
            with self._changed:
                self._bounds = replace(self._bounds, chunks=max(1, len(batch) // 2))
            log.warning("batch.bounded", extra={"chunks": self._bounds.chunks})
        gc.collect()  # an exception and the frames that it went through hold each other, and those the tensors
        try:
            self._free()
        except Exception as error:  # noqa: BLE001 - nothing can be tried on such a device, and nobody may wait for ever
            return [error if isinstance(one, Again) else one for one in outcomes]
        return outcomes

    def _take(self) -> list[Ticket[Any]]:
        """The next batch, out of the queue; waits for company if that is allowed and the batch isn't full."""
        with self._changed:
            batch = self._most_urgent()
            while batch and not self._is_full(batch):
                left = batch[0].came + self._bounds.wait_s - self._clock.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
                batch = self._most_urgent()  # some have come, and some have gone
            for ticket in batch:
                ticket.waits = False
                self._weights = ticket.piece.weights
            self._waiting = [ticket for ticket in self._waiting if ticket.waits]
            return batch

    def _settle(self, batch: Sequence[Ticket[Any]], outcomes: Sequence[object], begun: float) -> None:
        """To each its outcome; who has none (its batch failed) goes back to the head of the queue, to be tried alone."""
        again = []
        with self._changed:
            now = self._clock.monotonic()
            for ticket, outcome in zip(batch, outcomes, strict=True):
                ticket.spans.append((begun, now))
                if isinstance(outcome, Again):
                    ticket.waits = ticket.alone = True
                    again.append(ticket)
                else:
                    ticket.line.since = now
                    ticket.outcome.append(outcome)
            self._waiting = again + self._waiting
            self._changed.notify_all()

    def _is_full(self, batch: Sequence[Ticket[Any]]) -> bool:
        has_all_seconds = sum(one.piece.seconds for one in batch) >= self._bounds.seconds
        return batch[0].is_alone or len(batch) >= self._bounds.chunks or has_all_seconds

    def _most_urgent(self) -> list[Ticket[Any]]:
        queue = self._by_urgency()
        batch = queue[:1]
        for ticket in queue[1:]:
            if len(batch) >= self._bounds.chunks:
                break
            seconds = ticket.piece.seconds
            fits = sum(one.piece.seconds for one in batch) + seconds <= self._bounds.seconds
            if fits and ticket.goes_with(batch[0]) and seconds <= batch[0].piece.seconds * _MUCH_LONGER:
                batch.append(ticket)
        return batch

    def _by_urgency(self) -> list[Ticket[Any]]:
        """Those that wait, without those that would drive out weights in use before the time of a switch is over."""
        now = self._clock.monotonic()
        are_used = self._weights in self._users
        due: dict[Ticket[Any], float] = {}
        owed: dict[Line, float] = {}
        for ticket in self._waiting:
            owed[ticket.line] = owed.get(ticket.line, ticket.line.since) + ticket.piece.seconds
            is_other = self._weights is not None and ticket.piece.weights != self._weights
            if is_other and are_used and now < ticket.line.since + SWITCH_S:
                continue
            due[ticket] = owed[ticket.line] + (SWITCH_S if is_other else 0.0)
        return sorted(due, key=lambda ticket: due[ticket])


_WITHDRAWN = RuntimeError("a piece of work was withdrawn")


def _tell(untold: "dict[int, Ticket[Value]]", tell: Callable[[Sequence[tuple[int, Value]]], None]) -> bool:
    """Whether any were done; they are told, and then the first failure among them is raised."""
    done = {index: untold.pop(index) for index in list(untold) if untold[index].is_done}
    good = [(index, ticket) for index, ticket in done.items() if not isinstance(ticket.outcome[0], BaseException)]
    if good:
        tell([(index, ticket.result()) for index, ticket in good])
    for ticket in done.values():
        ticket.result()
    return bool(done)
