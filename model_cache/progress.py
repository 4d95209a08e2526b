"""Progress reports of long work."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from cloning.ports import Progress

Watch = Callable[[str, int], AbstractContextManager[Progress]]
"""(name of the work, its size in bytes) -> a callback for the bytes done."""


@contextmanager
def unwatched(_what: str, _size: int) -> Iterator[Progress]:
    """Discard the progress."""
    yield lambda _: None
