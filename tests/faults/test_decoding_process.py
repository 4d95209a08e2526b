"""The process that decodes uploads at work: what ends it, and what that means for the file."""

import errno
import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloning.errors import Interrupted, InvalidAudio, ServiceError, Unavailable
from tests.bombs.mp4 import mp4_constant_samples
from tests.conftest import ROOT
from tests.faults.decoding import GOOD, PATIENCE_S, children_of, decoder, is_gone, process_of, wait_until
from tests.unit.cloning.audio.test_canonical import tone, wav


@pytest.fixture(scope="module")
def slow() -> bytes:
    """The most expensive recording that is accepted: over a second of CPU time, long enough to be killed."""
    import numpy as np
    import soundfile

    one = tone(59.0, rate=192_000)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.repeat(one[:, np.newaxis], 8, axis=1), 192_000, format="FLAC")
    return buffer.getvalue()


# ---- limits


def test_too_much_memory_is_the_files_fault() -> None:
    """A file that needs too much memory is refused for good with the limit; the process that is kept was another one."""
    some = decoder(memory_bytes=60_000_000)
    some.canonical(GOOD)
    before = process_of(some)

    with pytest.raises(InvalidAudio, match="more than 60 MB") as refused:
        some.canonical(wav(tone(60.0, rate=192_000), 192_000))

    assert refused.value.retryable is False
    assert some.canonical(GOOD)[0].duration == pytest.approx(2.05, abs=0.01)
    assert process_of(some) == before


def test_too_much_computing_is_the_files_fault(slow: bytes) -> None:
    """A file that needs too much CPU time is refused for good with the limit, and the next one is decoded."""
    some = decoder(cpu_s=1)

    with pytest.raises(InvalidAudio, match="more than 1 s of computing"):
        some.canonical(slow)

    assert some.canonical(GOOD)


def test_too_long_by_the_clock_is_the_machines_fault(slow: bytes) -> None:
    """Too much time by the clock is retryable, since another worker may be less busy; the next file gets a new process."""
    some = decoder(wall_s=0.3)
    some.canonical(GOOD)
    before = process_of(some)

    with pytest.raises(Unavailable):
        some.canonical(slow)

    wait_until(lambda: is_gone(before))
    assert some.canonical(GOOD)


def test_a_table_of_gigabytes_is_no_more_than_a_file_that_cant_be_decoded() -> None:
    """Nine kilobytes that claim 134 million samples can't be decoded, and don't touch the worker's own memory."""
    with pytest.raises(InvalidAudio):
        decoder().canonical(mp4_constant_samples(2**27))


def test_the_largest_recording_that_we_take_fits_into_the_limits() -> None:
    """A minute at 192 kHz in eight channels fits into the limits."""
    import numpy as np

    one = tone(60.0, rate=192_000)

    canonical, measures = decoder().canonical(wav(np.repeat(one[:, np.newaxis], 8, axis=1), 192_000))

    assert (measures.sample_rate, round(measures.duration)) == (192_000, 60)
    assert canonical.clipped


def test_a_failure_names_no_path(slow: bytes) -> None:
    """No message reveals a path."""
    failures: list[ServiceError] = []
    for limits in ({"cpu_s": 1}, {"wall_s": 0.2}, {"memory_bytes": 1_000_000}):
        with pytest.raises(ServiceError) as failed:
            decoder(**limits).canonical(slow)
        failures.append(failed.value)

    assert not [one for one in failures if "/" in one.message or "python" in one.message.lower()]


# ---- deaths


@contextmanager
def struck(victim: Callable[[], list[int]], number: int, times: int) -> Iterator[list[int]]:
    """Strike the first `times` processes that `victim` names, each once."""
    done: list[int] = []
    over = threading.Event()

    def strike() -> None:
        while len(done) < times and not over.is_set():
            for pid in victim():
                if pid not in done and len(done) < times:
                    done.append(pid)
                    os.kill(pid, number)
            time.sleep(0.002)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(strike)
        try:
            yield done
        finally:
            over.set()


def forks() -> list[int]:
    """The processes that decode a file now: grandchildren of this one."""
    return [fork for child in children_of_all_threads() for fork in children_of(child)]


def children_of_all_threads() -> list[int]:
    """The children of all threads, since a child belongs to the thread that started it."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += [int(one) for one in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_one_death_is_got_over(slow: bytes, number: int) -> None:
    """If the process dies once, for any cause, the file is decoded again."""
    some = decoder()

    with struck(forks, number, 1) as done:
        canonical, _ = some.canonical(slow)

    assert len(done) == 1
    assert canonical.duration > 10


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL])
def test_two_crashes_are_the_files_fault(slow: bytes, number: int) -> None:
    """Two crashes refuse the file for good: delivered again it would crash the next worker's process."""
    with struck(forks, number, 2), pytest.raises(InvalidAudio, match=signal.Signals(number).name) as refused:
        decoder().canonical(slow)

    assert refused.value.retryable is False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_two_kills_from_outside_are_not_the_files_fault(slow: bytes, number: int) -> None:
    """Two kills from outside are retryable, since the kernel kills these processes first when memory is short."""
    with struck(forks, number, 2), pytest.raises(Unavailable) as failed:
        decoder().canonical(slow)

    assert failed.value.retryable is True


@pytest.mark.parametrize("times", [1, 2])
def test_the_kept_process_may_die_too(slow: bytes, times: int) -> None:
    """If the waiting process dies once, a new one takes over; twice is the machine's fault. A fork never outlives it."""
    some = decoder()
    begun: list[int] = []

    def busy() -> list[int]:
        found = [child for child in children_of_all_threads() if children_of(child)]
        begun.extend(fork for child in found for fork in children_of(child))
        return found

    with struck(busy, signal.SIGKILL, times):
        if times == 1:
            some.canonical(slow)
        else:
            with pytest.raises(Unavailable):
                some.canonical(slow)

    wait_until(lambda: all(is_gone(pid) for pid in begun))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EAGAIN])
def test_a_process_that_cant_be_started_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """If no process can be started for lack of descriptors, memory or process ids, the failure is retryable and names no path."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/secret/path")

    monkeypatch.setattr(subprocess, "Popen", refuse)

    with pytest.raises(Unavailable) as failed:
        decoder().canonical(GOOD)

    assert failed.value.retryable is True
    assert "/" not in failed.value.message


def test_a_process_that_cant_decode_at_all_is_a_bug_with_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken installation is an incident in the log, not a caller's bad audio."""
    (tmp_path / "worker").mkdir()
    for name in ("__init__.py", "audio_decoder_child.py"):  # and nothing of what it imports
        (tmp_path / "worker" / name).write_text((ROOT / "worker" / name).read_text())
    monkeypatch.setattr("worker.audio_decoder_process._ROOT", tmp_path)

    with pytest.raises(RuntimeError, match="No module named"):
        decoder().canonical(GOOD)


# ---- stopping, sharing


def test_a_stop_ends_the_process_that_decodes(slow: bytes) -> None:
    """A stop ends the process that decodes, since nobody waits for the recording any more."""
    some = decoder()
    some.canonical(GOOD)
    before = process_of(some)
    stopped = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(some.canonical, slow, stopped=stopped)
        wait_until(lambda: children_of(before))
        fork = children_of(before)[0]
        stopped.set()
        with pytest.raises(Interrupted):
            asked.result(PATIENCE_S)

    wait_until(lambda: is_gone(before) and is_gone(fork))
    assert some.canonical(GOOD)


def test_who_waits_for_a_process_hears_the_stop(slow: bytes) -> None:
    """A call that waits for the only process, busy with another file, also notices its stop."""
    some = decoder(processes=1)
    some.canonical(GOOD)
    busy = process_of(some)
    stopped, first = threading.Event(), threading.Event()

    with ThreadPoolExecutor(2) as pool:
        decoding = pool.submit(some.canonical, slow, stopped=first)
        wait_until(lambda: children_of(busy))
        waiting = pool.submit(some.canonical, GOOD, stopped=stopped)
        stopped.set()
        with pytest.raises(Interrupted):
            waiting.result(PATIENCE_S)
        first.set()
        with pytest.raises(Interrupted):
            decoding.result(PATIENCE_S)


def test_one_file_does_not_hold_up_another(slow: bytes) -> None:
    """Two files are decoded at a time; of many, each is answered, by no more than two processes."""
    some = decoder()
    with ThreadPoolExecutor(6) as pool:
        held = pool.submit(some.canonical, slow)
        others = [pool.submit(some.canonical, GOOD) for _ in range(5)]
        durations = {other.result(PATIENCE_S)[0].duration for other in others}
        held.result(PATIENCE_S)

    assert durations == {2.05}
    assert 1 <= len(some._idle) <= 2
