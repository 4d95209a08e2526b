"""What takes long to bring is begun before it is needed. No torch here."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class _Flight(Generic[Value]):
    """One fetch in a thread of its own, which keeps no process alive."""

    def __init__(self, name: str, fetch: Callable[[str], Value]) -> None:
        self._name = name
        self._fetch = fetch
        self._outcome: list[Value | BaseException] = []
        self._thread = threading.Thread(target=self._fly, name="early", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return bool(self._outcome)

    @property
    def has_failed(self) -> bool:
        return any(isinstance(outcome, BaseException) for outcome in self._outcome)

    def result(self) -> Value:
        """Waits; raises what the fetch raised."""
        self._thread.join()
        outcome = self._outcome[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _fly(self) -> None:
        try:
            self._outcome.append(self._fetch(self._name))
        except BaseException as error:  # noqa: BLE001 - it is raised where the thing is needed
            self._outcome.append(error)


class Early(Generic[Value]):
    """
    Fetches by name, some of them begun ahead.

    Who takes a thing that is on its way waits for that fetch; there is no second one. The last `most` that came are kept until they
    are taken, for whoever began one may have to wait for something else first; what else was fetched for nobody is let go at the
    next `begin`, and fetched (or looked at) anew when it is wanted. Any thread may ask.
    """

    def __init__(self, fetch: Callable[[str], Value], *, most: int = 1) -> None:
        self._fetch = fetch
        self._most = most
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight[Value]] = {}

    def begin(self, name: str) -> None:
        """Fetch beside what the caller does, or look anew at what is there. What it raises is raised by `take`."""
        with self._lock:
            over = [known for known, flight in self._flights.items() if flight.is_over]
            kept = [known for known in over if known != name and not self._flights[known].has_failed][-self._most :]
            for known in set(over) - set(kept):
                del self._flights[known]
            if name not in self._flights:
                self._flights[name] = _Flight(name, self._fetch)

    def take(self, name: str) -> Value:
        """The thing, to be kept by the caller. Raises what the fetch raises."""
        with self._lock:
            flight = self._flights.pop(name, None)
        return flight.result() if flight else self._fetch(name)
