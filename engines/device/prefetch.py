"""What takes long to bring is begun before it is needed. No torch here."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


def _begun(fetch: Callable[[], Value]) -> "Future[Value]":
    """The fetch, in a thread of its own, which keeps no process alive (an executor's would)."""
    flight: Future[Value] = Future()

    def fly() -> None:
        try:
            flight.set_result(fetch())
        except BaseException as error:  # noqa: BLE001 - it is raised where the thing is needed
            flight.set_exception(error)

    threading.Thread(target=fly, name="early", daemon=True).start()
    return flight


class Prefetch(Generic[Name, Value]):
    """
    Fetches by name, begun ahead of whoever takes the thing.

    Who takes one that is on its way waits for that fetch; there is no second one. What has come is kept for as long as somebody
    who had it begun may yet take it, and fetched (or looked at) anew for the next who begins. Any thread may ask.
    """

    def __init__(self, fetch: Callable[[Name], Value]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._flights: dict[Name, Future[Value]] = {}
        self._askers = Counter[Name]()

    @contextmanager
    def ahead(self, name: Name) -> Iterator[None]:
        """Within the block the thing is fetched, or looked at anew if it is there, and kept. What the fetch raises is raised by `take`."""
        with self._lock:
            self._askers[name] += 1
            flight = self._flights.get(name)
            if flight is None or flight.done():
                self._flights[name] = _begun(partial(self._fetch, name))
        try:
            yield
        finally:
            with self._lock:
                self._askers -= Counter([name])  # which forgets those whom nobody asks for
                if name not in self._askers:
                    self._flights.pop(name, None)

    def take(self, name: Name) -> Value:
        """The thing, to be kept by the caller. Raises what the fetch raises."""
        with self._lock:
            flight = self._flights.pop(name, None)
        return flight.result() if flight else self._fetch(name)
