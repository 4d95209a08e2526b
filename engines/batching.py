"""
Chunks of several jobs, spoken together. No torch here.

Who wants chunks spoken puts them into the queue and asks the GPU's owner for a turn; a turn speaks whatever is most urgent by
then, whoever asked for it. So jobs take turns chunk by chunk, and what waits together goes together.

Urgent is what should be done first: each chunk is owed its own length after it came. A short one overtakes long ones that came
just before it, and no long one waits for ever. With the most urgent go those that share its engine and its solver's steps, and
are not much longer, up to a number of chunks and of seconds, which bounds the memory. One that fails fails alone: its companions
are spoken again without it.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from cloning.errors import Interrupted
from cloning.ports import Clock, EngineFacts, GpuOwner, Samples, Utterance

_LOOK_S = 0.2
_MUCH_LONGER = 1.5


class Speaker(Protocol):
    """An engine that speaks several utterances at once; each outcome is what `speak` gives or raises."""

    facts: EngineFacts

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]: ...


@dataclass(frozen=True)
class Bounds:
    """The most that goes together, and how long a chunk may wait for company; the longest is never kept out."""

    chunks: int
    seconds: float
    wait_s: float = 0.0


@dataclass(eq=False)
class Ticket:
    """A chunk in the queue. `seconds` is how long reference and speech will be together."""

    speaker: Speaker
    utterance: Utterance
    seconds: float
    came: float
    _outcome: list[Samples | Exception] = field(default_factory=list)
    _done: Event = field(default_factory=Event)

    @property
    def due(self) -> float:
        return self.came + self.seconds

    def settle(self, outcome: Samples | Exception) -> None:
        """Give the outcome to whoever waits."""
        self._outcome.append(outcome)
        self._done.set()

    def is_done(self, within_s: float = 0.0) -> bool:
        return self._done.wait(within_s)

    def result(self) -> Samples:
        """The samples, or what was raised for this chunk."""
        outcome = self._outcome[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def goes_with(self, other: "Ticket") -> bool:
        """Whether both can be solved in the same steps."""
        return self.speaker is other.speaker and _steps(self.utterance) == _steps(other.utterance)


def _steps(utterance: Utterance) -> tuple[float, ...]:
    asked = utterance.parameters
    return asked.nfe_step, asked.cfg_strength, asked.sway_sampling_coef


class Batcher:
    """The queue. Any thread may ask; the work is done in the GPU's."""

    def __init__(self, gpu: GpuOwner, clock: Clock, bounds: Bounds) -> None:
        self._gpu = gpu
        self._clock = clock
        self._bounds = bounds
        self._waiting: list[Ticket] = []
        self._changed = threading.Condition()

    def speak(
        self,
        speaker: Speaker,
        utterances: Sequence[tuple[Utterance, float]],
        *,
        stopped: Event | None = None,
        tell: Callable[[int, Samples], None] = lambda _index, _samples: None,
    ) -> list[Samples]:
        """
        The samples of each utterance, which comes with its seconds; `tell` learns of each one as soon as it is there.

        Raises what the first one to fail raised, and Interrupted if `stopped` is set before all are spoken; the rest is withdrawn.
        """
        came = self._clock.monotonic()
        tickets = [Ticket(speaker, utterance, seconds, came) for utterance, seconds in utterances]
        with self._changed:
            self._waiting += tickets
            self._changed.notify_all()
        try:
            self._see_through(tickets, stopped, tell)
        finally:
            self._withdraw(tickets)
        return [ticket.result() for ticket in tickets]

    def _see_through(
        self, tickets: Sequence[Ticket], stopped: Event | None, tell: Callable[[int, Samples], None]
    ) -> None:
        untold = dict(enumerate(tickets))
        while untold:
            for index in [index for index, ticket in untold.items() if ticket.is_done()]:
                tell(index, untold.pop(index).result())
            if not untold:
                return
            if stopped is not None and stopped.is_set():
                raise Interrupted("the job was stopped while it waited for the GPU")
            if self._waits(untold.values()):
                self._gpu.run(self._turn, stopped=stopped)
            else:  # another's turn has them
                next(iter(untold.values())).is_done(_LOOK_S)

    def _waits(self, tickets: Iterable[Ticket]) -> bool:
        with self._changed:
            return any(ticket in self._waiting for ticket in tickets)

    def _withdraw(self, tickets: Sequence[Ticket]) -> None:
        with self._changed:
            self._waiting = [ticket for ticket in self._waiting if ticket not in tickets]

    def _turn(self) -> None:
        """In the GPU's thread: speak what is most urgent."""
        batch = self._take()
        if batch:
            for ticket, outcome in zip(batch, _outcomes(batch), strict=True):
                ticket.settle(outcome)

    def _take(self) -> list[Ticket]:
        """The next batch, out of the queue; waits for company if that is allowed and the batch isn't full."""
        with self._changed:
            batch = self._most_urgent()
            while batch and not self._is_full(batch):
                left = batch[0].came + self._bounds.wait_s - self._clock.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
                batch = self._most_urgent()
            self._waiting = [ticket for ticket in self._waiting if ticket not in batch]
            return batch

    def _is_full(self, batch: Sequence[Ticket]) -> bool:
        return len(batch) >= self._bounds.chunks or sum(one.seconds for one in batch) >= self._bounds.seconds

    def _most_urgent(self) -> list[Ticket]:
        queue = sorted(self._waiting, key=lambda ticket: ticket.due)
        batch = queue[:1]
        for ticket in queue[1:]:
            fits = sum(one.seconds for one in batch) + ticket.seconds <= self._bounds.seconds
            alike = ticket.goes_with(batch[0]) and ticket.seconds <= batch[0].seconds * _MUCH_LONGER
            if len(batch) < self._bounds.chunks and fits and alike:
                batch.append(ticket)
        return batch


def _outcomes(batch: Sequence[Ticket]) -> list[Samples | Exception]:
    """What each is to get; if they fail together (the memory, say), each has a try of its own."""
    try:
        return batch[0].speaker.speak_many([ticket.utterance for ticket in batch])
    except Exception as error:  # noqa: BLE001 - it is raised where the ticket was drawn
        return [error] if len(batch) == 1 else [outcome for ticket in batch for outcome in _outcomes([ticket])]
