"""Locks among processes, while forked children hold copies of every descriptor."""

import os
from pathlib import Path

import pytest

from storage.locks import locked


def is_free(path: Path) -> bool:
    try:
        with locked(path, wait=False):
            return True
    except BlockingIOError:
        return False


def test_one_at_a_time_has_the_lock(tmp_path: Path) -> None:
    """Without `wait` a taken lock raises; after the block, even after an exception, it is free."""
    path = tmp_path / "lock"

    def break_down() -> None:
        with locked(path):
            assert not is_free(path)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        break_down()
    assert is_free(path)


def test_a_child_that_lives_on_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A child that lives on keeps the file open but not the lock."""
    reader, writer = os.pipe()
    with locked(tmp_path / "lock"):
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)

    free = is_free(tmp_path / "lock")
    os.close(writer)
    os.close(reader)
    os.waitpid(child, 0)

    assert free


def test_a_child_that_leaves_the_block_does_not_free_its_parents_lock(tmp_path: Path) -> None:
    """A child that leaves the block, as by an exception, doesn't free its parent's lock."""
    lock = locked(tmp_path / "lock")
    lock.__enter__()
    child = os.fork()
    if child == 0:
        try:
            lock.__exit__(None, None, None)
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    free = is_free(tmp_path / "lock")
    lock.__exit__(None, None, None)

    assert (free, is_free(tmp_path / "lock")) == (False, True)
