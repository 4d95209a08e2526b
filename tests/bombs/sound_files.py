"""Ogg by its pages, FLAC by its metadata blocks, and MP3, WAV, AIFF and CAF by their chunks, with claims beyond all measure."""

import io
import struct
from functools import cache

import soundfile

from tests.bombs.claims import HUGE
from tests.unit.cloning.audio.test_canonical import tone

# ---- Ogg: pages


def page(serial: int, body: bytes, *, granule: int = 0, flags: int = 2) -> bytes:
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255])
    head = b"OggS\0" + struct.pack("<BqIII", flags, granule, serial, 0, 0) + bytes([len(lacing)]) + lacing
    return _with_crc(head + body)


def _with_crc(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    return data[:22] + struct.pack("<I", crc) + data[26:]


OPUS_HEAD = b"OpusHead\1\1" + struct.pack("<HIhB", 312, 48_000, 0, 0)
VORBIS_HEAD = b"\1vorbis" + struct.pack("<IBIiiiBB", 0, 1, 44_100, 0, 0, 0, 0xB8, 1)


def ogg_comments(head: bytes, kind: bytes) -> bytes:
    """A vendor string of 4 GB, and as many comments."""
    return page(1, head) + page(1, kind + struct.pack("<I", HUGE) + b"x" * 200 + struct.pack("<I", HUGE), flags=0)


# ---- FLAC: metadata blocks


@cache
def flac() -> bytes:
    return encoded("FLAC", "PCM_16")


def flac_with(*blocks: tuple[int, bytes, int | None]) -> bytes:
    """FLAC with metadata blocks (type, body, claimed length) after STREAMINFO."""
    data = flac()
    parts = [
        bytes([kind]) + (len(body) if claimed is None else claimed).to_bytes(3, "big") + body
        for kind, body, claimed in blocks
    ]
    return data[:4] + bytes([0]) + data[5:42] + b"".join(parts) + data[42:]


def flac_of_claimed_length() -> bytes:
    data = bytearray(flac())
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    return bytes(data)


# ---- MP3, WAV, AIFF, CAF


def encoded(container: str, subtype: str, *, rate: int = 44_100) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2.0, rate=rate), rate, format=container, subtype=subtype)
    return buffer.getvalue()


def id3(size: int, body: bytes = b"") -> bytes:
    """An ID3 tag; its size is written in four times seven bits."""
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def riff(*chunks: tuple[bytes, bytes, int | None], claimed: int = 0xFFFFFFFF) -> bytes:
    parts = [
        kind + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)
        for kind, body, size in chunks
    ]
    return b"RIFF" + struct.pack("<I", claimed) + b"WAVE" + b"".join(parts)


def fmt(channels: int = 1, rate: int = 24_000, bits: int = 16) -> tuple[bytes, bytes, None]:
    align = channels * bits // 8 & 0xFFFF
    return b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits), None


def caf(*chunks: tuple[bytes, bytes, int]) -> bytes:
    desc = struct.pack(">d4sIIIII", 44_100.0, b"alac", 0, 0, 4096, 1, 0)
    parts = [kind + struct.pack(">q", size) + body for kind, body, size in chunks]
    return b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", len(desc)) + desc + b"".join(parts)


SILENCE = bytes(96_000)


def mp3_of_claimed_length() -> bytes:
    data = bytearray(encoded("MP3", "MPEG_LAYER_III"))
    at = max(data.find(b"Xing"), data.find(b"Info"))
    struct.pack_into(">III", data, at + 4, 3, HUGE, HUGE)
    return bytes(data)


def aiff(frames: int, channels: int) -> bytes:
    rate = struct.pack(">HQ", 0x400E, 0xAC44 << 48)
    comm = struct.pack(">HIH", channels, frames, 16) + rate
    chunks = (
        b"COMM" + struct.pack(">I", len(comm)) + comm + b"SSND" + struct.pack(">I", 0xFFFFFFFF) + bytes(8) + SILENCE
    )
    return b"FORM" + struct.pack(">I", 0xFFFFFFFF) + b"AIFF" + chunks
