"""Matroska by its EBML elements, with blocks, tracks and tags beyond all measure."""

import struct
import zlib

from tests.unit.cloning.audio.test_canonical import tone


def element(ident: int, body: bytes, claimed: int | None = None) -> bytes:
    name = ident.to_bytes((ident.bit_length() + 7) // 8, "big")
    return name + (2**56 | (len(body) if claimed is None else claimed)).to_bytes(8, "big") + body


def number(ident: int, value: int) -> bytes:
    return element(ident, value.to_bytes(8, "big"))


SEGMENT, CLUSTER, TRACKS, TRACK, TAGS, CUES, ATTACHMENTS = (
    0x18538067,
    0x1F43B675,
    0x1654AE6B,
    0xAE,
    0x1254C367,
    0x1C53BB6B,
    0x1941A469,
)
EBML = element(0x1A45DFA3, element(0x4282, b"matroska"))


def track(ident: int = 1, rate: float = 8000.0, more: bytes = b"") -> bytes:
    """A track of 16-bit mono PCM."""
    audio = element(0xE1, element(0xB5, struct.pack(">d", rate)) + number(0x9F, 1) + number(0x6264, 16))
    facts = number(0xD7, ident) + number(0x73C5, ident) + number(0x83, 2) + element(0x86, b"A_PCM/INT/LIT")
    return element(TRACK, facts + audio + more)


def block(payload: bytes, time: int = 0, flags: int = 0x80) -> bytes:
    return element(0xA3, b"\x81" + struct.pack(">hB", time, flags) + payload)


def mkv(*parts: bytes, tracks: bytes = b"", blocks: bytes = b"") -> bytes:
    sound = blocks or block((tone(2.0, rate=8000) * 32767).astype("<i2").tobytes())
    cluster = element(CLUSTER, number(0xE7, 0) + sound)
    return EBML + element(SEGMENT, element(TRACKS, tracks or track()) + b"".join(parts) + cluster)


def mkv_one_sample_blocks(samples: int, rate: int = 8000) -> bytes:
    """PCM with each sample in a block of its own."""
    pcm = (tone(samples / rate, rate=rate) * 32767).astype("<i2")
    return mkv(tracks=track(rate=rate), blocks=b"".join(block(one.tobytes()) for one in pcm))


def mkv_laced(frames: int) -> bytes:
    """Blocks of 256 frames of one sample each, with fixed lacing."""
    return mkv(blocks=b"".join(block(b"\xff" + b"\1\1" * 256, flags=0x84) for _ in range(frames // 256)))


def mkv_zipped() -> bytes:
    """Each kilobyte of a block is a megabyte of samples."""
    coding = element(0x6D80, element(0x6240, element(0x5034, number(0x4254, 0))))
    return mkv(tracks=track(more=coding), blocks=block(zlib.compress(bytes(9_000_000), 9)) * 500)


def mkv_nested_tags(depth: int) -> bytes:
    inner = element(0x45A3, b"x")
    for _ in range(depth):
        inner = element(0x67C8, element(0x45A3, b"x") + inner)
    return mkv(element(TAGS, element(0x7373, inner)))
