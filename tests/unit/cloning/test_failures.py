"""What an exception means: the machine's trouble is told as that, however it is wrapped; a caller's own words never are."""

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
    """As `raise error from cause` makes it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("code", "kind"), MACHINE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_trouble_of_the_machine_is_told_by_its_number(code: int, kind: type[ServiceError]) -> None:
    """Retryable, for another worker, with the number's name and no path."""
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
    """Even if a library has wrapped it: a checkpoint is not damaged because the disk is full."""
    between = behind(ValueError("can't read the file"), of_os(code))

    assert type(failure_of(behind(edge("unusable"), between))) is kind


@pytest.mark.parametrize("code", [*FULL, *FAILED, *EXHAUSTED])
@pytest.mark.parametrize("kind", [RuntimeError, OSError, ImportError])
def test_a_library_that_only_says_it_is_understood(kind: type[Exception], code: int) -> None:
    """torch, safetensors and the loader of shared libraries put the system's words into errors of their own."""
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
    """Memory, threads, processes: each by whatever says so."""
    failure = failure_of(error)

    assert isinstance(failure, WorkerExhausted)
    assert failure.details["resource"] == resource


def test_real_exhaustion_is_recognised() -> None:
    """What NumPy raises for an array that no machine has room for."""
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 60, np.uint8)

    assert isinstance(failure_of(caught.value), WorkerExhausted)


def test_a_file_that_libsndfile_can_not_open_is_a_disks_trouble(tmp_path: Path) -> None:
    """It has its own number for errors of the operating system."""
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
    """It is the moment's trouble: nobody is replaced."""
    failure = failure_of(error)

    assert type(failure) is Unavailable
    assert (failure.retryable, failure.refresh_worker) == (True, False)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.ENOTDIR])
def test_a_lost_file_of_the_workers_is_its_disks_trouble_but_a_checkpoints_is_the_checkpoints(code: int) -> None:
    """A number that can mean either is believed only where no edge has said what it means."""
    checkpoint = behind(CheckpointUnusable("no file model.safetensors"), of_os(code))

    assert isinstance(failure_of(of_os(code)), DiskFailed)
    assert failure_of(checkpoint) is checkpoint


def test_an_ending_process_gives_the_job_back() -> None:
    """Its pools take no more work."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    with pytest.raises(RuntimeError) as caught:
        pool.submit(print)

    assert isinstance(failure_of(caught.value), Interrupted)


@pytest.mark.parametrize(
    "error", [TypeError("x"), AssertionError(), ZeroDivisionError(), RuntimeError("in the solver"), SystemExit(1), KeyError("x"), OSError("no number")]
)  # fmt: skip
def test_everything_else_is_a_bug(error: BaseException) -> None:
    """None: it becomes an incident, whose traceback is in the log."""
    assert failure_of(error) is None


@pytest.mark.parametrize(
    "kind",
    [kind for kind in kinds() if not issubclass(kind, DiskFull | DiskFailed | WorkerExhausted)],
)
def test_a_failure_of_ours_means_what_it_says(kind: type[ServiceError]) -> None:
    """The same object, with the traceback that it has."""
    failure = kind("words")

    assert failure_of(failure) is failure


@pytest.mark.parametrize("words", [os.strerror(code) for code in (*FULL, *FAILED, *EXHAUSTED)])
def test_a_callers_own_words_replace_no_worker(words: str) -> None:
    """'No space left on device' as text, name or file of a request gets that request's own refusal."""
    refused = behind(InvalidText(f"{words!r} can't be spoken"), ValueError(words))

    assert failure_of(refused) is refused
    assert failure_of(ValueError(words)) is None


@pytest.mark.parametrize("final", [JobCancelled("x"), VoiceNotFound("x"), InvalidAudio("x"), Interrupted("x"), GpuOutOfMemory("x")])  # fmt: skip
def test_some_words_are_final(final: ServiceError) -> None:
    """A recording that takes more memory than there is says something of the recording, and a cancelled job is cancelled."""
    assert failure_of(behind(final, MemoryError())) is final


def test_causes_that_lead_in_a_circle_end() -> None:
    """Nobody should make them; a worker must not hang on them."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    assert machine_trouble(one) is None


def test_a_context_that_was_put_aside_says_nothing() -> None:
    """`raise ... from None` means that what was being handled is not the cause."""
    error = CheckpointUnusable("of an unknown layout")
    error.__context__, error.__suppress_context__ = of_os(errno.ENOSPC), True

    assert failure_of(error) is error


@pytest.mark.parametrize("kind", [*kinds()])
def test_what_may_pass_keeps_a_job_that_had_begun(kind: type[ServiceError]) -> None:
    """Retryable ones do, and what somebody must mend in bucket, record or code; nothing else becomes retryable."""
    told = of_claimed_job(kind("words"), [])

    assert told.retryable == (kind.retryable or issubclass(kind, StorageMisconfigured | RecordDamaged | Internal))
    assert (told.code, told.message, told.refresh_worker) == (kind.code, "words", kind.refresh_worker)


@pytest.mark.parametrize("others", [[], ["LOST"] * 9, ["INTERRUPTED", "STORAGE_UNAVAILABLE", None]])
@pytest.mark.parametrize("incidents", range(MOST_INCIDENTS + 2))
def test_bugs_alone_are_counted(incidents: int, others: list[str | None]) -> None:
    """The job fails for ever with the third; workers that died and buckets that were away don't count."""
    told = of_claimed_job(Internal("a bug", incident="i"), [*others, *[Internal.code] * incidents])

    assert told.retryable == (incidents < MOST_INCIDENTS - 1)
    assert told.details == {"incident": "i"}


def test_a_copy_is_as_retryable_as_its_original() -> None:
    """The record and the reply say the same."""
    given_back = Internal("a bug", incident="i").given_back()

    assert given_back.copied(engine_used=None).to_record()["retryable"] is True
    assert Internal.retryable is False
