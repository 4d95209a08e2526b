"""
The one place that decides which of our errors an exception becomes.

A job fails for ever only because of its own request, voice, text or checkpoint. A failure of the machine (a full disk, no memory, no
descriptors) or of the moment (a broken connection) gives the job back. Anything else is a bug.

Libraries wrap the machine's failures in their own errors, and our own code may have reported them as a damaged checkpoint. So the
chain of causes is searched too, but only for unmistakable errors.
"""

import errno
import os
import re
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor

from cloning.errors import (
    Conflict,
    DiskFailed,
    DiskFull,
    Internal,
    Interrupted,
    InvalidAudio,
    NotFound,
    ServiceError,
    Unavailable,
    WorkerExhausted,
)

MOST_INCIDENTS = 3
"""A job whose attempts all meet a bug fails for ever at the third: by then the job itself is the likely cause."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FAILED = {errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.EUCLEAN}
_EXHAUSTED = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    errno.ENOBUFS: "memory",
}
_NETWORK = {
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENETRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
}
# Libraries' messages that replace the operating system's error. Searched only in exceptions that hold no caller's text.
_TALKERS = {"RuntimeError", "OSError", "ImportError", "SafetensorError"}
_SAID = tuple(
    (re.compile(words), code)
    for words, code in (
        ("[Cc]an(?:'t|not) allocate memory|not enough memory|bad_alloc", errno.ENOMEM),
        # oneDNN, under torch, out of memory; its kernels stay broken after that.
        ("could not create a (?:primitive|memory)", errno.ENOMEM),
        *((re.escape(os.strerror(code)), code) for code in sorted(_FULL | _FAILED | _EXHAUSTED.keys())),
    )
)
_NO_THREAD = "can't start new thread"
_ENDING = "cannot schedule new futures after"
_SYSTEM_ERROR = 2  # libsndfile's number for an error of the operating system
# These hold for the request or the moment, whatever their causes.
_FINAL_WORDS = (Conflict, NotFound, InvalidAudio, Interrupted)


def failure_of(error: BaseException) -> ServiceError | None:
    """The error to report to the caller: the same object if it is ours and unambiguous; None for a bug."""
    if isinstance(error, ServiceError):
        is_clear = error.refresh_worker or isinstance(error, _FINAL_WORDS)
        return error if is_clear else machine_trouble(error) or error
    return machine_trouble(error) or _of_this_alone(error)


def machine_trouble(error: BaseException) -> ServiceError | None:
    """DiskFull, DiskFailed or WorkerExhausted, if the exception, or one of its causes, can mean nothing else."""
    return next((failure for one in _chain(error) if (failure := _unmistakable(one)) is not None), None)


def of_claimed_job(failure: ServiceError, outcomes: Iterable[str | None]) -> ServiceError:
    """
    The failure of a job that this worker has claimed: retryable if the job is kept for its next delivery.

    `outcomes` are those of its attempts so far. If a bucket refuses a job that it had let begin, an operator must fix the bucket,
    and the job waits for that; a bug may be the worker's, until it has occurred MOST_INCIDENTS times.
    """
    if isinstance(failure, Internal) and sum(one == Internal.code for one in outcomes) >= MOST_INCIDENTS - 1:
        return failure
    return failure.given_back() if failure.keeps_job else failure


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, each once."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _unmistakable(error: BaseException) -> ServiceError | None:
    if isinstance(error, MemoryError):
        return _of_code(errno.ENOMEM)
    if isinstance(error, BrokenExecutor):
        return _exhausted("processes", type(error).__name__)
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno is not None:
        return _of_code(error.errno)
    if type(error).__name__ not in _TALKERS:
        return None
    said = str(error)
    if _NO_THREAD in said:
        return _exhausted("threads", "EAGAIN")
    return next((_of_code(code) for words, code in _SAID if words.search(said)), None)


def _of_this_alone(error: BaseException) -> ServiceError | None:
    """The error for an exception that our own code has not translated yet."""
    if isinstance(error, RuntimeError):
        if type(error).__name__ == "LibsndfileError" and getattr(error, "code", None) == _SYSTEM_ERROR:
            return _disk_failed("LIBSNDFILE")
        if str(error).startswith(_ENDING):
            return Interrupted("the worker is ending; send the request again, and another worker takes it")
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError) or error.errno in _NETWORK or error.errno < 0:
        return Unavailable("a connection of this worker failed; send the request again", kind=type(error).__name__)
    if error.errno == errno.EAGAIN:
        return _exhausted("processes", "EAGAIN")
    return _disk_failed(_name(error.errno))


def _of_code(code: int) -> ServiceError | None:
    if code in _FULL:
        return DiskFull(
            "a disk of this worker is full: send the request again, and another worker takes it; if it lasts, give the endpoint a "
            "larger container disk",
            os_code=_name(code),
        )
    if code in _FAILED:
        return _disk_failed(_name(code))
    return _exhausted(_EXHAUSTED[code], _name(code)) if code in _EXHAUSTED else None


def _disk_failed(code: str) -> DiskFailed:
    return DiskFailed(
        f"a file of this worker can't be read or written ({code}): send the request again, and another worker takes it",
        os_code=code,
    )


def _exhausted(what: str, code: str) -> WorkerExhausted:
    return WorkerExhausted(
        f"this worker has no {what} left: send the request again, and another worker takes it",
        resource=what,
        os_code=code,
    )


def _name(code: int) -> str:
    return errno.errorcode.get(code, str(code))
