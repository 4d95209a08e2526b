"""
Whether English speech has more phones than its text, by pocketsphinx in a process of its own, on the CPU.

The process has none of the worker's variables. It starts at the first question, and ends with the worker.
"""

import json
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from cloning.ports import AddedPhones, Samples
from engines.phones import search
from engines.phones.search import REQUEST

_ROOT = Path(search.__file__).resolve().parents[2]
_RATE = 16_000
_LONGEST_S = 30.0  # what is checked is no longer
_LEAST_S = 0.1
_WAIT_S = 120.0  # an answer takes about a seventh of its recording's length; nothing waits for a process that hangs


class PhoneProcessDied(RuntimeError):
    """The process ended, or was ended because it hung, before it answered."""


class Pocketsphinx:
    """A `PhoneModel`. Any thread may ask; the questions wait for each other."""

    name = "pocketsphinx"

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def added(self, samples: Samples, sample_rate: int, text: str, *, language: str | None) -> AddedPhones | None:
        """See PhoneModel. Raises PhoneProcessDied, and OSError if no process can be started."""
        is_english = (language or "").split("-")[0].lower() == "en"
        if not is_english or not _LEAST_S <= len(samples) / sample_rate <= _LONGEST_S or not text.strip():
            return None
        with self._lock:
            answer = self._asked(_pcm(samples, sample_rate), text)
        return None if answer is None else AddedPhones(answer["gain"], int(answer["start"]), int(answer["end"]))

    def _asked(self, pcm: bytes, text: str) -> dict[str, float] | None:
        if self._process is None:
            self._process = _Process(self._wait_s)
        try:
            return self._process.ask(pcm, text)
        except BaseException:
            self._process.end()
            self._process = None
            raise


class _Process:
    """A running `search`. It ends with this object, and with whoever started it: its input is closed then."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._process = subprocess.Popen(  # noqa: S603 - our own file, without a shell
            [sys.executable, "-s", "-P", "-m", search.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.devnull, "PYTHONPATH": str(_ROOT)},
            start_new_session=True,
        )
        self.end = weakref.finalize(self, _end, self._process)

    def ask(self, pcm: bytes, text: str) -> dict[str, float] | None:
        """The answer to one question."""
        requests, answers = _pipes(self._process)
        timer = threading.Timer(self._wait_s, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            written = text.encode()
            requests.write(REQUEST.pack(len(written), len(pcm)) + written + pcm)
            requests.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line:
            raise PhoneProcessDied(f"pocketsphinx's process ended with {self._process.wait()} before it answered")
        found: dict[str, float] | None = json.loads(line)
        return found


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - for mypy: both are pipes
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with suppress(BrokenPipeError):  # what it hasn't read
            pipe.close()


def _pcm(samples: Samples, sample_rate: int) -> bytes:
    """16 kHz, 16 bits."""
    import soxr

    audio = soxr.resample(samples, sample_rate, _RATE) if sample_rate != _RATE else samples
    return bytes((np.nan_to_num(np.clip(audio, -1, 1)) * 32767).astype("<i2").tobytes())
