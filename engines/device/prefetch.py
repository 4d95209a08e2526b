"""What takes long to fetch is begun before it is needed. No torch here."""

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from cloning.ports import Value

Name = TypeVar("Name", bound=Hashable)


class Prefetch(Generic[Name, Value]):
    """
    Fetches by name. The first to take what is on its way waits for that fetch, and alone gets what it brings. Any thread may ask.

    What has come is kept for as long as somebody who had it begun may yet take it, and fetched (or looked at) anew for the next who begins.
    """

    def __init__(self, fetch: Callable[[Name], Value]) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._flights = WeakValueDictionary[Name, Future[Value]]()  # each is held by those who had it begun

    @contextmanager
    def ahead(self, name: Name) -> Iterator[None]:
        """Within the block the thing is fetched and kept. What the fetch raises is raised by `take`."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is None or flight.done():
                flight = Future[Value]()
                # No executor's thread: that would keep the process alive.
                Thread(target=self._fly, args=(name, flight), name="early", daemon=True).start()
                self._flights[name] = flight
        try:
            yield
        finally:
            del flight  # also where an exception keeps this frame

    def take(self, name: Name) -> Value:
        """The thing, to be kept by the caller. Raises what the fetch raises."""
        with self._lock:
            flight = self._flights.pop(name, None)
        return flight.result() if flight else self._fetch(name)

    def _fly(self, name: Name, flight: Future[Value]) -> None:
        try:
            flight.set_result(self._fetch(name))
        except BaseException as error:  # noqa: BLE001 - it is raised where the thing is needed
            flight.set_exception(error)
        finally:
            del flight  # the failure keeps this frame, which would keep the flight
