"""One decoding process from its owner's side: start it, ask it over pipes with regular checks, end it."""

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from worker import audio_decoder_child
from worker.audio_decoder_child import ANSWER, REQUEST

_ROOT = Path(__file__).resolve().parent.parent
_LOOK_S = 0.05
_PIPE_BYTES = 2**20
_MOST_BYTES = 64 * 2**20  # of one answer: 300 s at 48 kHz have 58 MB
# Sent by a kernel short of memory, or by another program.
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}


class ProcessDied(Exception):
    """
    A process ended, or answered nonsense, in the middle of a file.

    `status` is its exit code, or minus the signal's number; 0 for nonsense. `is_crash` means that the process itself failed.
    """

    def __init__(self, status: int) -> None:
        super().__init__(_how(status))
        self.is_crash = status == 0 or (status < 0 and -status not in _FROM_OUTSIDE)


def _how(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"exit code {status}" if status else "no answer of ours"


class DecoderProcess:
    """
    A running `audio_decoder_child.py` with these limits for each file. For one thread at a time.

    `check` is called repeatedly during waits, and may raise to give up; then only `end` may be called. Raises OSError if no process
    can be started, ProcessDied if it ends, and RuntimeError with its traceback if it can't decode at all.
    """

    def __init__(self, memory_bytes: int, cpu_s: int, check: Callable[[], None]) -> None:
        # Its own session: ended as a group. None of our variables, which hold the bucket's keys; no unused threads; no programs in PATH.
        self._process = subprocess.Popen(  # noqa: S603 - our own file, without a shell
            [sys.executable, "-s", "-P", "-m", audio_decoder_child.__name__, str(memory_bytes), str(cpu_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={
                "PATH": os.devnull,
                "PYTHONPATH": str(_ROOT),
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "MALLOC_ARENA_MAX": "1",
            },
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - for mypy: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._answers = self._process.stdin, self._process.stdout
        for pipe in (self._requests, self._answers):
            os.set_blocking(pipe.fileno(), False)
            with suppress(OSError):  # if this user may have them so large: fewer switches between the processes
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            self._expect_ready(check)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process id, also of its group."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it hasn't ended."""
        return self._process.poll() is None

    def ask(self, what: int, data: bytes, check: Callable[[], None]) -> tuple[int, bytes]:
        """Decode `data`; return the exit code, or minus a signal's number, and the message."""
        self._write(REQUEST.pack(what, len(data)), check)
        self._write(data, check)
        return self._answer(check)

    def end(self) -> None:
        """Kill the process and its children; may be called more than once."""
        if self._process.returncode is None:  # not yet waited for, so the id is still its own
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._requests.close()
        self._answers.close()

    def _expect_ready(self, check: Callable[[], None]) -> None:
        status, trace = self._answer(check)
        if status:
            raise RuntimeError(f"the process that decodes audio doesn't start:\n{trace.decode(errors='replace')}")

    def _answer(self, check: Callable[[], None]) -> tuple[int, bytes]:
        status, size = ANSWER.unpack(self._read(ANSWER.size, check))
        if size > _MOST_BYTES:
            raise ProcessDied(0)
        return os.waitstatus_to_exitcode(status), self._read(size, check)

    def _write(self, data: bytes, check: Callable[[], None]) -> None:
        left = memoryview(data)
        while left:
            _wait(self._requests.fileno(), select.POLLOUT, check)
            try:
                left = left[os.write(self._requests.fileno(), left) :]
            except BrokenPipeError:
                raise self._death() from None

    def _read(self, size: int, check: Callable[[], None]) -> bytes:
        data = bytearray()
        while len(data) < size:
            _wait(self._answers.fileno(), select.POLLIN, check)
            block = os.read(self._answers.fileno(), size - len(data))
            if not block:
                raise self._death()
            data += block
        return bytes(data)

    def _death(self) -> ProcessDied:
        self.end()
        return ProcessDied(self._process.returncode)


def _wait(file: int, event: int, check: Callable[[], None]) -> None:
    """Wait until the pipe is ready, or broken."""
    waiting = select.poll()
    waiting.register(file, event)
    check()
    while not waiting.poll(_LOOK_S * 1000):
        check()
