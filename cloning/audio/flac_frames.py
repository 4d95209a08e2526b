"""The frames of a FLAC stream, counted by their numbers: how much is there, how much is missing, and whether the last is complete."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_SIZES = {
    1: 192,
    **{code: 576 << (code - 2) for code in range(2, 6)},
    **{code: 256 << (code - 8) for code in range(8, 16)},
}
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Frames:
    """The frames found: `missing` and `samples` are counted in samples; `is_whole` means that the last frame is complete."""

    samples: int
    missing: int
    is_whole: bool


def flac_frames(data: bytes, begin: int) -> Frames | None:
    """Count the frames from here on; None if there are none."""
    found: dict[int, tuple[int, int]] = {}
    for match in _SYNC.finditer(data, begin):
        head = _head(data, match.start())
        if head:
            _, number, size = head
            found.setdefault(number, (match.start(), size))
    if not found:
        return None
    is_variable = bool(data[min(at for at, _ in found.values()) + 1] & 1)
    ((step, _),) = Counter(size for _, size in found.values()).most_common(1)
    begins = {number if is_variable else number * step: (at, size) for number, (at, size) in found.items()}
    # A frame without a neighbour is a coincidence.
    ends = {start + size for start, (_, size) in begins.items()}
    sure = {
        start: one for start, one in begins.items() if start in ends or start + one[1] in begins or len(begins) == 1
    }
    if not sure:
        return None
    last = max(sure)
    total, held = last + sure[last][1], sum(size for _, size in sure.values())
    return Frames(held, total - held - min(sure), _crc16(data[sure[last][0] :][:_MOST_BYTES]) == 0)


def _head(data: bytes, at: int) -> tuple[bool, int, int] | None:
    """Read the head of the frame here: whether frames are numbered by samples, its number, its samples."""
    head = data[at : at + 16]
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 == 0 or head[2] & 15 == 15 or head[3] >> 4 > 10:  # noqa: PLR2004 - of the format
        return None
    more = 8 - (head[4] ^ 0xFF).bit_length() if head[4] >= 0xC0 else 0  # noqa: PLR2004 - UTF-8's first byte
    length = max(more, 1)
    if head[4] >> 6 == 2 or length > 7:  # noqa: PLR2004 - UTF-8 in the middle
        return None
    number = head[4] & (0x7F >> more if more else 0x7F)
    for one in head[5 : 4 + length]:
        number = number << 6 | one & 0x3F
    end, code = 4 + length, head[2] >> 4
    size = _SIZES.get(code, 0)
    if code in (6, 7):
        size = int.from_bytes(head[end : end + code - 5], "big") + 1
        end += code - 5
    end += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return (bool(head[1] & 1), number, size) if end < len(head) and _crc8(head[:end]) == head[end] else None


def _crc8(data: bytes) -> int:
    crc = 0
    for one in data:
        crc = _table(8, 0x07)[crc ^ one]
    return crc


def _crc16(data: bytes) -> int:
    table, crc = _table(16, 0x8005), 0
    for one in data:
        crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ one]
    return crc


@cache
def _table(bits: int, polynomial: int) -> tuple[int, ...]:
    top, table = 1 << (bits - 1), []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & (1 << bits) - 1
        table.append(crc)
    return tuple(table)
