"""Failures of this machine's disk: as errors for the caller, or logged where they must not stop the work."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cloning.errors import CheckpointUnusable, DiskFull
from cloning.failures import machine_trouble

_log = logging.getLogger(__name__)


def is_full(error: OSError) -> bool:
    """Whether the disk, or this user's quota, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def trouble_explained() -> Iterator[None]:
    """Turn an OSError into a DiskFull, another failure of this machine, or a CheckpointUnusable, each with advice."""
    advice = "MODEL_CACHE_DIR must be a folder that this user may write, with 3 GB free for a checkpoint"
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(
                "the disk is full: make room, or set MODEL_CACHE_MAX_GB so that unused checkpoints go; another worker may have "
                f"room, so the same call may work later. {advice}",
                os_code=_code(error),
            ) from error
        if (trouble := machine_trouble(error)) is not None:
            raise trouble from error
        raise CheckpointUnusable(
            f"a checkpoint's file can't be read or written ({error.strerror}). {advice}", os_code=_code(error)
        ) from error


@contextmanager
def not_in_the_way() -> Iterator[None]:
    """Log an OSError of housekeeping, and go on."""
    try:
        yield
    except OSError as error:
        _log.warning("checkpoint.housekeeping_failed", extra={"code": _code(error)})


def _code(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "UNKNOWN")
