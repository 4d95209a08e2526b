"""MP4 by its boxes, with tables that claim, nest or split beyond all measure."""

import struct
from functools import cache

from tests.bombs.claims import HUGE, MANY
from tests.unit.cloning.audio.test_canonical import tone, with_av


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


@cache
def mp4() -> bytes:
    return with_av(tone(2.0, rate=48_000), "mp4", "aac")


def with_box_field(kind: bytes, offset: int, *values: int) -> bytes:
    """Overwrite 32-bit numbers of the MP4, `offset` bytes after the box's name."""
    data = bytearray(mp4())
    struct.pack_into(f">{len(values)}I", data, data.index(kind) + 4 + offset, *values)
    return bytes(data)


def mp4_constant_samples(count: int) -> bytes:
    """`count` samples of one byte each, in one chunk: consistent tables of a few bytes."""
    data = bytearray(mp4())
    struct.pack_into(">II", data, data.index(b"stsz") + 8, 1, count)
    struct.pack_into(">III", data, data.index(b"stsc") + 12, 1, count, 1)
    struct.pack_into(">II", data, data.index(b"stts") + 12, count, 1024)
    return bytes(data)


def in_moov(*boxes: bytes, before: bytes = b"") -> bytes:
    """The MP4 with more at the end of its `moov`, which comes last."""
    data = mp4()
    at = data.rindex(b"moov") - 4
    size = struct.unpack_from(">I", data, at)[0]
    body = data[at + 8 : at + size] + b"".join(boxes)
    return before + data[:at] + box(b"moov", body) + data[at + size :]


def mp4_tracks(count: int) -> bytes:
    data = mp4()
    at = data.index(b"trak") - 4
    size = struct.unpack_from(">I", data, at)[0]
    return in_moov(*[data[at : at + size]] * count)


def mp4_nested(depth: int, kind: bytes = b"udta") -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(kind, inner)
    return in_moov(inner)


def mp4_picture() -> bytes:
    """A cover that claims 2 GB."""
    cover = struct.pack(">I4sI4sII", HUGE, b"covr", HUGE, b"data", 13, 0) + b"\xff\xd8" * 16
    return in_moov(box(b"udta", box(b"meta", bytes(4) + box(b"ilst", cover))))


def mp4_edits(count: int) -> bytes:
    """Edit lists in an MP4."""
    data = mp4()
    at = data.index(b"edts") - 4
    size = struct.unpack_from(">I", data, at)[0]
    edits = box(b"elst", struct.pack(">II", 0, count) + struct.pack(">IiI", 1, 0, 65_536) * count)
    return _grown(data, at, size, box(b"edts", edits), (b"moov", b"trak"))


def mp4_offsets() -> bytes:
    """A table of composition offsets, which a player needs for video only."""
    data = mp4()
    at = data.index(b"stts") - 4
    size = struct.unpack_from(">I", data, at)[0]
    both = data[at : at + size] + box(b"ctts", struct.pack(">II", 0, MANY) + struct.pack(">II", HUGE, 0))
    return _grown(data, at, size, both, (b"moov", b"trak", b"mdia", b"minf", b"stbl"))


def mp4_heavy_tracks(count: int) -> bytes:
    data = mp4_constant_samples(MANY)
    at = data.index(b"trak") - 4
    size = struct.unpack_from(">I", data, at)[0]
    return _grown(data, at, size, data[at : at + size] * count, (b"moov",))


def _grown(data: bytes, at: int, size: int, instead: bytes, around: tuple[bytes, ...]) -> bytes:
    """The bytes with a box replaced, and the boxes around it made longer."""
    grown = bytearray(data)
    for kind in around:
        where = grown.index(kind) - 4
        struct.pack_into(">I", grown, where, struct.unpack_from(">I", grown, where)[0] + len(instead) - size)
    grown[at : at + size] = instead
    return bytes(grown)
