"""Search for frames of MP3 or AAC among samples, so many in a row that it is no coincidence; and for other recordings of any kind."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloning.audio.frame_formats import mp3_frame
from cloning.audio.signatures import Signatures

_ENOUGH = 8
_BLOCK = 1 << 20
_SYNC = 0xFF
_ADTS_RATES, _ADTS_HEAD = 13, 7

Bytes = NDArray[np.uint8]
Whole = NDArray[np.int64]


def first_run(data: bytes, begin: int, end: int | None = None) -> tuple[int, str] | None:
    """Find the first long run of frames that begins in this stretch: (where, 'mp3' or 'aac')."""
    end = len(data) if end is None else end
    every = np.frombuffer(data, np.uint8)
    for at in range(begin, end, _BLOCK):
        first, second, third = (every[at + more : min(at + _BLOCK, end, len(every) - 2) + more] for more in range(3))
        starts = at + np.flatnonzero((first == _SYNC) & (second >= 0xE0) & (third < 0xF0))  # noqa: PLR2004 - of the formats
        found = [(where, name) for name in ("mp3", "aac") if (where := _first(data, every, starts, name)) is not None]
        if found:
            return min(found)
    return None


def _first(data: bytes, every: Bytes, starts: Whole, name: str) -> int | None:
    sizes, kinds = _heads(every, starts, name)
    starts, sizes, kinds = starts[sizes > 0], sizes[sizes > 0], kinds[sizes > 0]
    first, here = sizes, starts + sizes
    for _ in range(_ENOUGH - 1):
        sizes, found = _heads(every, here, name)
        goes_on = (sizes > 0) & (found == kinds)
        starts, first, kinds, here = starts[goes_on], first[goes_on], kinds[goes_on], (here + sizes)[goes_on]
    # A run that repeats from frame to frame is a tone: its samples can look like frames.
    return next(
        (
            at
            for at, size in zip(starts.tolist(), first.tolist(), strict=True)
            if data[at : at + size] != data[at + size : at + 2 * size]
        ),
        None,
    )


def _heads(every: Bytes, at: Whole, name: str) -> tuple[Whole, Whole]:
    """For each place: the bytes of the frame that begins there, or 0; and the values that are constant within a run."""
    inside = at + _ADTS_HEAD <= len(every)
    at = np.where(inside, at, 0)
    head = [every[np.minimum(at + more, len(every) - 1)].astype(np.int64) for more in range(6)]
    if name == "mp3":
        sizes = _mp3_sizes()[head[1], head[2]]
        kinds = (head[1] & 0xFE) << 8 | head[2] & 0x0C
        is_head = head[0] == _SYNC
    else:
        sizes = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        kinds = head[1] << 8 | head[2]
        is_rate = (head[2] >> 2 & 15) < _ADTS_RATES
        is_head = (head[0] == _SYNC) & (head[1] & 0xF6 == 0xF0) & is_rate & (sizes > _ADTS_HEAD)  # noqa: PLR2004 - of the format
    return np.where(inside & is_head, sizes, 0), kinds


@cache
def _mp3_sizes() -> NDArray[Any]:
    """The sizes of frames by the second and third bytes of their heads."""
    frames = (mp3_frame(bytes((_SYNC, second, third, 0)), 0) for second in range(256) for third in range(256))
    return np.array([frame.size if frame else 0 for frame in frames], np.int64).reshape(256, 256)


class Others:
    """Finds where other recordings begin in a file; each byte is read once."""

    def __init__(self, data: bytes) -> None:
        self._data, self._signatures = data, Signatures(data)
        self._run = -1

    def is_at(self, at: int) -> bool:
        return self._signatures.first(at, at + 1) is not None

    def first(self, begin: int, frames_from: int) -> int:
        """The first place from here on, or the end: a header's size may include it, or be unknown."""
        end = len(self._data)
        if self._run < frames_from:
            self._run, _ = first_run(self._data, frames_from) or (end, "")
        signature = self._signatures.first(begin, end)
        return min(self._run, end if signature is None else signature)
