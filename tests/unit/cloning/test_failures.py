"""What an exception means: a fault of the machine is reported as such, however it is wrapped; a caller's own words never are."""

import errno
import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from concurrent.futures.thread import BrokenThreadPool
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cloning.errors import (
    CheckpointUnusable,
    DiskFailed,
    DiskFull,
    DownloadRefused,
    GpuOutOfMemory,
    HubUnavailable,
    Internal,
    Interrupted,
    InvalidAudio,
    InvalidText,
    JobCancelled,
    RecordDamaged,
    ServiceError,
    StorageMisconfigured,
    StorageUnavailable,
    TranscriptionFailed,
    Unavailable,
    VoiceNotFound,
    WorkerExhausted,
)
from cloning.failures import MOST_INCIDENTS, failure_of, machine_trouble, of_claimed_job
from tests.unit.cloning.test_errors import kinds

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FAILED = (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO)
EXHAUSTED = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS)
MACHINE = [
    *((code, DiskFull) for code in FULL),
    *((code, DiskFailed) for code in FAILED),
    *((code, WorkerExhausted) for code in EXHAUSTED),
]
EDGES = (CheckpointUnusable, TranscriptionFailed, HubUnavailable, StorageUnavailable, StorageMisconfigured, DownloadRefused)  # fmt: skip


def of_os(code: int) -> OSError:
    return OSError(code, os.strerror(code), "/srv/secret/path")


def behind(error: BaseException, cause: BaseException) -> BaseException:
    """The error as `raise error from cause` makes it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("code", "kind"), MACHINE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_trouble_of_the_machine_is_told_by_its_number(code: int, kind: type[ServiceError]) -> None:
    """A fault of the machine is retryable on another worker, with the error number's name and no path."""
    failure = failure_of(of_os(code))

    assert type(failure) is kind
    assert (failure.retryable, failure.refresh_worker) == (True, True)
    assert failure.details["os_code"] == errno.errorcode[code]
    assert "secret" not in str(failure.to_reply())


@pytest.mark.parametrize(("code", "kind"), MACHINE, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_that_took_it_for_something_else_is_seen_through(
    edge: type[ServiceError], code: int, kind: type[ServiceError]
) -> None:
    """If a library or one of our own errors wraps a machine's fault, that is still found: a full disk doesn't mean a damaged checkpoint."""
    between = behind(ValueError("can't read the file"), of_os(code))

    assert type(failure_of(behind(edge("unusable"), between))) is kind


@pytest.mark.parametrize("code", [*FULL, *FAILED, *EXHAUSTED])
@pytest.mark.parametrize("kind", [RuntimeError, OSError, ImportError])
def test_a_library_that_only_says_it_is_understood(kind: type[Exception], code: int) -> None:
    """torch, safetensors and the dynamic loader put the system's words into their own errors; those are recognised."""
    failure = failure_of(kind(f"libgomp.so.1: cannot open shared object file: {os.strerror(code)}"))

    assert isinstance(failure, DiskFull | DiskFailed | WorkerExhausted)


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory"), "memory"),
        (RuntimeError("std::bad_alloc"), "memory"),
        (RuntimeError("could not create a primitive"), "memory"),
        (RuntimeError("could not create a primitive descriptor for a convolution"), "memory"),
        (RuntimeError("could not create a memory object"), "memory"),
        (RuntimeError("can't start new thread"), "threads"),
        (BrokenProcessPool("a child was terminated abruptly"), "processes"),
        (BrokenThreadPool("an initializer failed"), "processes"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "processes"),
    ],
)
def test_what_the_worker_lacks_is_named(error: Exception, resource: str) -> None:
    """Exhausted memory, threads or processes are named, whichever library reports them."""
    failure = failure_of(error)

    assert isinstance(failure, WorkerExhausted)
    assert failure.details["resource"] == resource


def test_real_exhaustion_is_recognised() -> None:
    """NumPy's error for an array that no machine has memory for is recognised."""
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 60, np.uint8)

    assert isinstance(failure_of(caught.value), WorkerExhausted)


def test_a_file_that_libsndfile_can_not_open_is_a_disks_trouble(tmp_path: Path) -> None:
    """The number that libsndfile has for all errors of the system counts as the disk's fault."""
    with pytest.raises(soundfile.LibsndfileError) as caught:
        soundfile.write(tmp_path / "none" / "a.wav", np.zeros(10), 24_000)

    assert isinstance(failure_of(caught.value), DiskFailed)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),
        BrokenPipeError(errno.EPIPE, "broken"),
        TimeoutError(errno.ETIMEDOUT, "timed out"),
        OSError(errno.EHOSTUNREACH, "no route"),
        ssl.SSLError(1, "certificate verify failed"),
    ],
)
def test_a_broken_connection_may_work_later_on_the_same_worker(error: OSError) -> None:
    """A broken connection is retryable on the same worker, which is not replaced."""
    failure = failure_of(error)

    assert type(failure) is Unavailable
    assert (failure.retryable, failure.refresh_worker) == (True, False)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.ENOTDIR])
def test_a_lost_file_of_the_workers_is_its_disks_trouble_but_a_checkpoints_is_the_checkpoints(code: int) -> None:
    """A missing file is the disk's fault, unless one of our errors says that it is the checkpoint's."""
    checkpoint = behind(CheckpointUnusable("no file model.safetensors"), of_os(code))

    assert isinstance(failure_of(of_os(code)), DiskFailed)
    assert failure_of(checkpoint) is checkpoint


def test_an_ending_process_gives_the_job_back() -> None:
    """Pools of an ending process take no more work; the job is given back."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    with pytest.raises(RuntimeError) as caught:
        pool.submit(print)

    assert isinstance(failure_of(caught.value), Interrupted)


@pytest.mark.parametrize(
    "error", [TypeError("x"), AssertionError(), ZeroDivisionError(), RuntimeError("in the solver"), SystemExit(1), KeyError("x"), OSError("no number")]
)  # fmt: skip
def test_everything_else_is_a_bug(error: BaseException) -> None:
    """Any other exception is a bug: it gets no meaning here and becomes an incident with its traceback in the log."""
    assert failure_of(error) is None


@pytest.mark.parametrize(
    "kind",
    [kind for kind in kinds() if not issubclass(kind, DiskFull | DiskFailed | WorkerExhausted)],
)
def test_a_failure_of_ours_means_what_it_says(kind: type[ServiceError]) -> None:
    """One of our failures is returned as the same object, with its traceback."""
    failure = kind("words")

    assert failure_of(failure) is failure


@pytest.mark.parametrize("words", [os.strerror(code) for code in (*FULL, *FAILED, *EXHAUSTED)])
def test_a_callers_own_words_replace_no_worker(words: str) -> None:
    """'No space left on device' in a request's text gives that request's own refusal and replaces no worker."""
    refused = behind(InvalidText(f"{words!r} can't be spoken"), ValueError(words))

    assert failure_of(refused) is refused
    assert failure_of(ValueError(words)) is None


@pytest.mark.parametrize("final", [JobCancelled("x"), VoiceNotFound("x"), InvalidAudio("x"), Interrupted("x"), GpuOutOfMemory("x")])  # fmt: skip
def test_some_words_are_final(final: ServiceError) -> None:
    """Some failures are final whatever caused them: a recording that needs too much memory, or a cancelled job."""
    assert failure_of(behind(final, MemoryError())) is final


def test_causes_that_lead_in_a_circle_end() -> None:
    """Causes that form a circle don't hang the worker."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    assert machine_trouble(one) is None


def test_a_context_that_was_put_aside_says_nothing() -> None:
    """After `raise ... from None` the earlier exception isn't taken for the cause."""
    error = CheckpointUnusable("of an unknown layout")
    error.__context__, error.__suppress_context__ = of_os(errno.ENOSPC), True

    assert failure_of(error) is error


@pytest.mark.parametrize("kind", [*kinds()])
def test_what_may_pass_keeps_a_job_that_had_begun(kind: type[ServiceError]) -> None:
    """A begun job is kept by a retryable failure, and by one that somebody must fix in bucket, record or code; by no other."""
    told = of_claimed_job(kind("words"), [])

    assert told.retryable == (kind.retryable or issubclass(kind, StorageMisconfigured | RecordDamaged | Internal))
    assert (told.code, told.message, told.refresh_worker) == (kind.code, "words", kind.refresh_worker)


@pytest.mark.parametrize("others", [[], ["LOST"] * 9, ["INTERRUPTED", "STORAGE_UNAVAILABLE", None]])
@pytest.mark.parametrize("incidents", range(MOST_INCIDENTS + 2))
def test_bugs_alone_are_counted(incidents: int, others: list[str | None]) -> None:
    """The third bug ends the job for good; workers that died and buckets that were down don't count."""
    told = of_claimed_job(Internal("a bug", incident="i"), [*others, *[Internal.code] * incidents])

    assert told.retryable == (incidents < MOST_INCIDENTS - 1)
    assert told.details == {"incident": "i"}


def test_a_copy_is_as_retryable_as_its_original() -> None:
    """A copied failure is as retryable as its original, so record and reply agree."""
    given_back = Internal("a bug", incident="i").given_back()

    assert given_back.copied(engine_used=None).to_record()["retryable"] is True
    assert Internal.retryable is False
