"""
Decoding of untrusted audio in child processes, which it may crash: the only way from a caller's recording to samples.

`audio_decoder_child.py` is the child's program. Its answers are validated before they are used.
"""

import json
import logging
import signal
import struct
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from cloning.audio.canonical import SAMPLE_RATE, Canonical, Measures
from cloning.audio.decoding import Recording
from cloning.errors import Interrupted, InvalidAudio, Unavailable
from cloning.ports import Clock
from worker.audio_decoder_child import CANONICAL, MESSAGE, NO_MEMORY, RECORDING
from worker.audio_decoder_process import DecoderProcess, ProcessDied

log = logging.getLogger(__name__)

Result = TypeVar("Result")
_LOOK_S = 0.05
_MOST_TRIES = 2
_LONGEST_CANONICAL_S = 13
_WAV = struct.Struct("<4sI4s4sIHHIIHH4sI")
_ADVICE = "send a plain recording, as WAV, FLAC or MP3"


@dataclass(frozen=True)
class DecodingLimits:
    """
    Limits on decoding one file, and on the files decoded at a time.

    Exceeding the memory (on top of the libraries') or the CPU time is the file's fault. Exceeding the wall-clock time with little
    CPU time is the machine's.
    """

    memory_bytes: int = 800_000_000
    cpu_s: int = 10
    wall_s: float = 60.0
    processes: int = 2


class ChildDecoder:
    """
    An `AudioDecoder` in child processes, which are started on demand and kept.

    A file that exceeds the limits is refused. If the process ends for another reason the file is tried once more: a second crash
    is the file's fault, a second kill from outside is not. The processes end with this object, and with the interpreter.
    """

    def __init__(self, clock: Clock, limits: DecodingLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or DecodingLimits()
        self._slots = threading.BoundedSemaphore(self._limits.processes)
        self._idle: deque[DecoderProcess] = deque()
        weakref.finalize(self, _end_all, self._idle)

    def canonical(self, data: bytes, *, stopped: threading.Event | None = None) -> tuple[Canonical, Measures]:
        """See AudioDecoder."""
        return self._asked(CANONICAL, data, stopped, _canonical)

    def recording(self, data: bytes, *, stopped: threading.Event | None = None) -> Recording:
        """See AudioDecoder."""
        return self._asked(RECORDING, data, stopped, _recording)

    def _asked(
        self, what: int, data: bytes, stopped: threading.Event | None, read: Callable[["_Message"], Result]
    ) -> Result:
        how, crashes = "", 0
        for attempt in range(_MOST_TRIES):
            try:
                return read(_parsed(self._answer(what, data, stopped, fresh=attempt > 0)))
            except ProcessDied as death:  # not kept: its traceback holds the audio
                how, crashes = str(death), crashes + death.is_crash
                log.warning("decoder.died", extra={"how": how, "bytes": len(data)})
        if crashes == _MOST_TRIES:
            raise InvalidAudio(f"audio crashes the program that decodes it ({how}); {_ADVICE}", bytes=len(data))
        raise Unavailable(f"this worker could not decode the audio ({how}); try again")

    def _answer(self, what: int, data: bytes, stopped: threading.Event | None, *, fresh: bool) -> bytes:
        """Return the message of a successful process; `fresh` starts a new one. Raises what AudioDecoder does, and ProcessDied."""
        begun = self._clock.monotonic()

        def check() -> None:
            _refuse_stopped(stopped)
            if self._clock.monotonic() - begun > self._limits.wall_s:
                raise Unavailable(
                    f"audio was not decoded within {self._limits.wall_s:g} s, this worker is too busy; try again"
                )

        with self._process(stopped, fresh=fresh) as process:
            begun = self._clock.monotonic()
            status, message = process.ask(what, data, check)
        if status == -signal.SIGXCPU:
            self._refuse_greedy(f"{self._limits.cpu_s} s of computing", limit_s=self._limits.cpu_s)
        if status == NO_MEMORY:
            self._refuse_greedy(f"{self._limits.memory_bytes / 1e6:g} MB", limit_bytes=self._limits.memory_bytes)
        if status:
            raise ProcessDied(status)
        return message

    def _refuse_greedy(self, more_than: str, **details: object) -> NoReturn:
        raise InvalidAudio(
            f"audio takes more than {more_than} to decode, which no recording of a usual rate needs; {_ADVICE}",
            **details,
        )

    @contextmanager
    def _process(self, stopped: threading.Event | None, *, fresh: bool) -> Iterator[DecoderProcess]:
        """Yield a process for exclusive use; keep it afterwards unless the block fails."""
        _refuse_stopped(stopped)
        while not self._slots.acquire(timeout=_LOOK_S):
            _refuse_stopped(stopped)
        try:
            if fresh:  # whatever killed an idle process may kill the other idle ones too
                _end_all(self._idle)
            process = self._idle_one() or self._started(stopped)
            try:
                yield process
            except BaseException:
                process.end()
                raise
            self._idle.append(process)
        finally:
            self._slots.release()

    def _idle_one(self) -> DecoderProcess | None:
        """An idle process that still runs: when memory is short the kernel kills idle ones first, which no file caused."""
        while True:
            try:
                process = self._idle.pop()
            except IndexError:
                return None
            if process.runs:
                return process
            process.end()

    def _started(self, stopped: threading.Event | None) -> DecoderProcess:
        begun = self._clock.monotonic()
        try:
            process = DecoderProcess(self._limits.memory_bytes, self._limits.cpu_s, lambda: _refuse_stopped(stopped))
        except OSError as error:  # no memory, no descriptors, no process ids
            kind = error.strerror or type(error).__name__
            raise Unavailable(f"this worker can't start a process to decode audio ({kind}); try again") from error
        log.info("decoder.started", extra={"seconds": round(self._clock.monotonic() - begun, 3)})
        return process


def _refuse_stopped(stopped: threading.Event | None) -> None:
    if stopped is not None and stopped.is_set():
        raise Interrupted("the job was stopped while its audio was decoded; deliver it again")


def _end_all(idle: deque[DecoderProcess]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop().end()


class _Refusal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    message: str = Field(max_length=4000)
    details: dict[str, JsonValue] = Field(max_length=20)


class _Message(BaseModel):
    """A process's answer about a file: one of the fields, or two that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    refused: _Refusal | None = None
    bug: str | None = None
    canonical: Canonical | None = None
    measures: Measures | None = None
    sample_rate: int | None = Field(None, ge=8_000, le=192_000)
    warnings: tuple[dict[str, str], ...] = Field((), max_length=64)
    clipped_share: float | None = None
    body: bytes = b""


def _parsed(message: bytes) -> _Message:
    """Parse and validate a message. Raises InvalidAudio if it reports one, RuntimeError for a bug, ProcessDied for nonsense."""
    try:
        (size,) = MESSAGE.unpack_from(message)
        header: dict[str, Any] = json.loads(message[MESSAGE.size : MESSAGE.size + size])
        body = message[MESSAGE.size + size :]
        if "canonical" in header:
            header["canonical"]["wav"] = body
        parsed = _Message.model_validate({**header, "body": body})
        refusal = parsed.refused and InvalidAudio(parsed.refused.message, **parsed.refused.details)
    except (struct.error, ValueError, TypeError, RecursionError) as error:
        raise ProcessDied(0) from error
    if isinstance(refusal, InvalidAudio):
        raise refusal
    if parsed.bug is not None:
        raise RuntimeError(f"audio could not be decoded:\n{parsed.bug}")
    return parsed


def _canonical(message: _Message) -> tuple[Canonical, Measures]:
    canonical, measures = message.canonical, message.measures
    if canonical is None or measures is None or not _is_canonical(canonical):
        raise ProcessDied(0)
    return canonical, measures


def _is_canonical(canonical: Canonical) -> bool:
    """Whether the WAV is one of cloning/audio/canonical.py: 24 kHz mono PCM16, of the stated length, within a reference's limit."""
    size = len(canonical.wav) - _WAV.size
    frames = size // 2
    header = (b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16, b"data", size)
    return (
        0 < frames <= _LONGEST_CANONICAL_S * SAMPLE_RATE
        and canonical.wav[: _WAV.size] == _WAV.pack(*header)
        and abs(canonical.duration - frames / SAMPLE_RATE) < 1 / SAMPLE_RATE
    )


def _recording(message: _Message) -> Recording:
    if message.sample_rate is None or len(message.body) % 4:
        raise ProcessDied(0)
    samples = np.frombuffer(bytearray(message.body), dtype=np.float32)
    if not np.isfinite(samples).all():
        raise ProcessDied(0)
    return Recording(samples, message.sample_rate, message.warnings, message.clipped_share)
