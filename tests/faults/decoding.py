"""The process that decodes uploads, as tests look at it from outside."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloning.clock import SystemClock
from tests.unit.cloning.audio.test_canonical import tone, wav
from worker.audio_decoder import ChildDecoder, DecodingLimits

GOOD = wav(tone(2.0))
PATIENCE_S = 60.0


def decoder(**limits: Any) -> ChildDecoder:
    return ChildDecoder(SystemClock(), DecodingLimits(**limits))


def children_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def process_of(some: ChildDecoder) -> int:
    """The process that waits for the next file."""
    return some._idle[-1].pid


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def is_gone(pid: int) -> bool:
    """Whether the process has ended and was waited for (or belongs to nobody any more)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
