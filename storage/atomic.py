"""
Atomic creation of files: made in a hidden folder beside the target, complete when it appears, never over another file.

A killed process leaves its hidden folder; the next process that makes a file there removes it. A free lock on the folder shows
that its process is dead. Locks may not reach other machines of a shared volume, so a machine removes only folders with its name.
"""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from storage.locks import locked


def this_machine() -> str:
    """The machine's name, as a part of file names."""
    return re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """
    Yield a temporary path on the disk of `out`; the file there becomes `out` at the end, and the folder is synced.

    Raises FileExistsError if `out` exists by then, OSError.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    owner = os.getpid()
    with ExitStack() as stack:
        folder = _workplace(out.parent, stack)
        try:
            yield folder / out.name
            _give_name(folder / out.name, out)
        finally:
            if os.getpid() == owner:  # a forked child must not remove its parent's folder
                shutil.rmtree(folder, ignore_errors=True)
    sync(out.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _workplace(parent: Path, stack: ExitStack) -> Path:
    """Make a hidden folder, locked until the stack ends; remove those of dead processes."""
    prefix = f".repair-{this_machine()}-"
    with _locked_if_possible(parent):  # protects a new folder until it is locked itself
        for old in parent.glob(f"{prefix}*"):
            _clear_if_dead(old)
        folder = Path(mkdtemp(dir=parent, prefix=prefix))
        stack.enter_context(_locked_if_possible(folder))  # where locks are not available nothing is removed
    return folder


def _clear_if_dead(folder: Path) -> None:
    with suppress(OSError), locked(folder, flags=os.O_RDONLY, wait=False):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked_if_possible(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        with suppress(OSError):  # locks are not available
            stack.enter_context(locked(folder, flags=os.O_RDONLY))
        yield


def _give_name(new: Path, out: Path) -> None:
    """Name the file by a hard link, which never replaces an existing file as a rename does."""
    try:
        os.link(new, out)
    except FileExistsError:
        raise FileExistsError(f"{out.name} exists already: it was made in the meantime, and stays") from None
    except OSError:  # a disk without hard links
        if out.exists():
            raise FileExistsError(f"{out.name} exists already: it was made in the meantime, and stays") from None
        new.rename(out)
