"""
How a new file comes to its place: made in a hidden folder beside it, whole when it appears, never over another file.

A killed process leaves its hidden folder; the next one that makes something there clears it away. The folder's lock, which dies
with its process, tells; on another machine of a shared volume it may not, so a machine clears only what has its own name.
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
    A place beside `out`, on the same disk; what is there at the end becomes `out`, and its folder is synced.

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
            if os.getpid() == owner:  # a forked child that leaves this way takes nothing from its parent
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
    """A new hidden folder, locked until the stack's end; those of the dead are gone."""
    prefix = f".repair-{this_machine()}-"
    with _locked_if_possible(parent):  # nobody clears away a folder that was made and is not locked yet
        for old in parent.glob(f"{prefix}*"):
            _clear_if_dead(old)
        folder = Path(mkdtemp(dir=parent, prefix=prefix))
        stack.enter_context(_locked_if_possible(folder))  # where no lock is to be had nobody clears it away
    return folder


def _clear_if_dead(folder: Path) -> None:
    with suppress(OSError), locked(folder, flags=os.O_RDONLY, wait=False):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked_if_possible(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        with suppress(OSError):  # no lock is to be had
            stack.enter_context(locked(folder, flags=os.O_RDONLY))
        yield


def _give_name(new: Path, out: Path) -> None:
    """By a second name for the same file, which never takes another's place as a rename does."""
    try:
        os.link(new, out)
    except FileExistsError:
        raise FileExistsError(f"{out.name} exists already: it was made in the meantime, and stays") from None
    except OSError:  # a disk without hard links
        if out.exists():
            raise FileExistsError(f"{out.name} exists already: it was made in the meantime, and stays") from None
        new.rename(out)
