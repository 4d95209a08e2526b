"""A new file's way to its place, while forked children hold copies of every descriptor."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from storage import atomic as module
from storage.atomic import appearing


@pytest.fixture
def fork() -> Iterator[Callable[[], None]]:
    """Make children that keep the files their parent has open, and do nothing until the end of the test."""
    reader, writer = os.pipe()
    children: list[int] = []

    def make() -> None:
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        children.append(child)

    yield make
    os.close(writer)
    os.close(reader)
    for child in children:
        os.waitpid(child, 0)


def is_free(descriptor: int) -> bool:
    """Whether nobody holds the lock on this path, tested by a descriptor of its own."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_a_child_does_not_keep_the_place_locked(fork: Callable[[], None], tmp_path: Path) -> None:
    """The hidden folder's lock ends with the work, although a child was forked in the middle of it."""
    with appearing(tmp_path / "x") as new:
        new.touch()
        held = os.open(new.parent, os.O_RDONLY)
        fork()

    assert is_free(held)


def test_a_child_does_not_keep_the_folder_locked(
    fork: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder's lock ends too, or the next writer there would wait for ever."""

    def forked(**words: str) -> str:
        fork()
        return mkdtemp(**words)

    monkeypatch.setattr(module, "mkdtemp", forked)
    with appearing(tmp_path / "x") as new:
        new.touch()

    assert is_free(os.open(tmp_path, os.O_RDONLY))


def test_a_childs_end_does_not_free_its_parents_place(tmp_path: Path) -> None:
    """A child that leaves the block by an exception takes neither the lock nor the new file from its parent."""
    place = appearing(tmp_path / "x")
    new = place.__enter__()
    new.touch()

    child = os.fork()
    if child == 0:
        try:
            place.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert not is_free(os.open(new.parent, os.O_RDONLY))
    place.__exit__(None, None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
