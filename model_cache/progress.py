"""Long work, told to whoever watches."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from cloning.ports import Progress

Watch = Callable[[str, int], AbstractContextManager[Progress]]
"""(what is done, how many bytes it has) -> what is told of the bytes as they are done."""


@contextmanager
def unwatched(_what: str, _size: int) -> Iterator[Progress]:
    """Nobody watches."""
    yield lambda _: None
