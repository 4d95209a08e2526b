"""
The GPU's work in turns: pieces of several jobs, the most urgent first, and some of them together. No torch here.

Who has work puts its pieces into the queue. A thread beside the askers' asks the GPU's owner for one turn after another, each in the
name of whose piece is the most urgent; the turn does what is most urgent by then, whoever brought it. So jobs take turns piece by
piece, whoever is done goes on at once, and whoever tells a bucket about a piece doesn't keep the GPU: its next one is made meanwhile.

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cloning.errors import WorkerUnfit
from cloning.ports import Clock, go_on
from cloning.ports.turns import Piece, Span
from engines.device.batch import Again, Line, Ticket, outcomes_of

log = logging.getLogger(__name__)

Value = TypeVar("Value")
SWITCH_S = 30.0
_LOOK_S = 0.2
_MUCH_LONGER = 1.5
# Turns that an asker may not have come for when its next piece begins. One may just have ended; with more, what is told of a job (and
# kept for who takes it over) would fall behind, and a cancel be seen late.
_MOST_AHEAD = 1


@dataclass(frozen=True)
class Bounds:
    """The most that goes together, and how long a piece may wait for company; the longest is never kept out."""

    chunks: int
    seconds: float
    wait_s: float = 0.0


class Batcher:
    """
    The queue. Any thread may ask but the GPU's, which does the work. `free` gives back what the device keeps for later.

    `expect_elsewhere` raises in the GPU's thread.
    """

    def __init__(
        self,
        clock: Clock,
        bounds: Bounds,
        free: Callable[[], None] = go_on,
        expect_elsewhere: Callable[[], None] = go_on,
    ) -> None:
        self._clock = clock
        self._bounds = bounds
        self._free = free
        self._expect_elsewhere = expect_elsewhere
        self._waiting: list[Ticket[Any]] = []  # in the order of each line
        self._changed = threading.Condition()
        self._is_asking = False  # the thread asks for turns
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turns")
        self._weights: Hashable = None
        self._users = Counter[Hashable]()

    @contextmanager
    def using(self, weights: Hashable) -> Iterator[None]:
        """See `cloning.ports.turns.Turns`."""
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
        What each piece makes, in order. See `cloning.ports.turns.Turns`.

        Raises what the first piece to fail raised, and what `turn`, `check` and `tell` raise; nothing of these pieces is in the
        queue or in a turn then, and what is finished has been told. Raises AssertionError in the GPU's own thread, which would wait
        for itself.
        """
        self._expect_elsewhere()
        now = self._clock.monotonic()
        line = Line(now, turn)
        tickets = [Ticket(piece, line, now) for piece in pieces]
        with self._changed:
            self._waiting += tickets
            self._changed.notify_all()
        untold = dict(enumerate(tickets))
        try:
            while untold:
                done = self._fetch(untold, line)
                self._see_to_turns()
                if done:
                    _tell(done, tell)
                else:
                    check()
                    self._wait(line)
        except BaseException:
            self._leave(tickets)
            finished = {index: ticket for index, ticket in untold.items() if ticket.is_good}
            with suppress(Exception):  # what was raised first counts
                _tell(finished, tell)
            raise
        finally:
            for span in {span for ticket in tickets for span in ticket.spans}:
                spent(span)
        return [ticket.result() for ticket in tickets]

    def _wait(self, line: Line) -> None:
        """Until one of ours is done, or nobody asks for turns that are to be had; or it is time for `check`."""
        with self._changed:
            self._changed.wait_for(lambda: line.unfetched > 0 or self._is_idle(), _LOOK_S)

    def _see_to_turns(self) -> None:
        """Somebody asks for turns while there are any to be had."""
        with self._changed:
            if self._is_idle():
                self._thread.submit(self._go_ahead)
                self._is_asking = True

    def _is_idle(self) -> bool:
        return not self._is_asking and bool(self._most_urgent())

    def _go_ahead(self) -> None:
        """Turn after turn, in a thread beside the askers'."""
        while line := self._next_line():
            try:
                line.turn(self._turn)
            except BaseException as error:  # noqa: BLE001 - it is the asker's, and raised there
                self._fail(line, error)

    def _next_line(self) -> Line | None:
        """In whose name the next turn is. None: there is nothing to do, and from this very moment another may begin."""
        with self._changed:
            batch = self._most_urgent()
            self._is_asking = bool(batch)
            self._changed.notify_all()
            return batch[0].line if batch else None

    def _fail(self, line: Line, error: BaseException) -> None:
        """What waits in that line comes to this."""
        with self._changed:
            for ticket in self._waiting:
                if ticket.line is line:
                    ticket.end(error)
            self._waiting = [ticket for ticket in self._waiting if ticket.waits]
            line.unfetched += 1
            self._changed.notify_all()

    def _fetch(self, untold: dict[int, Ticket[Value]], line: Line) -> dict[int, Ticket[Value]]:
        """Those that are done, out of the untold ones; the line's next piece may begin."""
        with self._changed:
            line.unfetched = 0
            self._changed.notify_all()
            return {index: untold.pop(index) for index in list(untold) if untold[index].is_done}

    def _leave(self, tickets: Sequence[Ticket[Any]]) -> None:
        """What waits is withdrawn; what is in a turn ends first, for it works for the asker."""
        with self._changed:
            self._changed.wait_for(lambda: self._are_gone(tickets))

    def _are_gone(self, tickets: Sequence[Ticket[Any]]) -> bool:
        for ticket in tickets:
            if ticket.waits:
                self._waiting.remove(ticket)
                ticket.end(_WITHDRAWN)
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
                    ticket.line.has_failed |= isinstance(outcome, BaseException)
                    ticket.end(outcome)
            for line in {ticket.line for ticket in batch}:
                line.unfetched += 1
            self._waiting = again + self._waiting
            self._changed.notify_all()

    def _is_full(self, batch: Sequence[Ticket[Any]]) -> bool:
        has_all_seconds = sum(one.piece.seconds for one in batch) >= self._bounds.seconds
        return batch[0].is_alone or len(batch) >= self._most(batch[0]) or has_all_seconds

    def _most(self, ticket: Ticket[Any]) -> int:
        return min(self._bounds.chunks, ticket.piece.company)

    def _most_urgent(self) -> list[Ticket[Any]]:
        queue = self._by_urgency()
        batch = queue[:1]
        for ticket in queue[1:]:
            if len(batch) >= self._most(batch[0]):
                break
            seconds = ticket.piece.seconds
            fits = sum(one.piece.seconds for one in batch) + seconds <= self._bounds.seconds
            if fits and ticket.goes_with(batch[0]) and seconds <= batch[0].piece.seconds * _MUCH_LONGER:
                batch.append(ticket)
        return batch

    def _by_urgency(self) -> list[Ticket[Any]]:
        """Those that wait and may begin: not those far ahead of their asker, nor what would drive out weights in use too early."""
        now = self._clock.monotonic()
        are_used = self._weights in self._users
        due: dict[Ticket[Any], float] = {}
        owed: dict[Line, float] = {}
        for ticket in self._waiting:
            owed[ticket.line] = owed.get(ticket.line, ticket.line.since) + ticket.piece.seconds
            is_other = self._weights is not None and ticket.piece.weights != self._weights
            is_early = is_other and are_used and now < ticket.line.since + SWITCH_S
            if is_early or ticket.line.unfetched > _MOST_AHEAD or ticket.line.has_failed:
                continue
            due[ticket] = owed[ticket.line] + (SWITCH_S if is_other else 0.0)
        return sorted(due, key=lambda ticket: due[ticket])


_WITHDRAWN = RuntimeError("a piece of work was withdrawn")


def _tell(done: "dict[int, Ticket[Value]]", tell: Callable[[Sequence[tuple[int, Value]]], None]) -> None:
    """They are told, and then the first failure among them is raised."""
    if good := [(index, ticket.result()) for index, ticket in done.items() if ticket.is_good]:
        tell(good)
    for ticket in done.values():
        ticket.result()
