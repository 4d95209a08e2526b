"""
Files that attack a decoder: small files that claim, nest or split beyond all measure.

BOMBS names them; each is built on demand from a short, well-formed recording.
"""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import soundfile

from tests.unit.cloning.audio.test_canonical import tone, wav, with_av

HUGE = 2**31 - 1
MANY = 2**24  # of eight to 24 bytes each: more than a decoder may have, less than it might be refused


# ---- MP4: boxes


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


# ---- Matroska: EBML elements


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

BOMBS: dict[str, Callable[[], bytes]] = {
    **{f"mp4 2^{power} samples of one size": lambda power=power: mp4_constant_samples(2**power) for power in (20, 23, 25, 27, 31)},  # type: ignore[misc]  # mypy knows no default of a lambda
    "mp4 sizes of 16 million samples": lambda: with_box_field(b"stsz", 4, 0, MANY),
    "mp4 times of 16 million runs": lambda: with_box_field(b"stts", 4, MANY),
    "mp4 one run of 2 billion samples": lambda: with_box_field(b"stts", 4, 1, HUGE, 1),
    "mp4 16 million chunk maps": lambda: with_box_field(b"stsc", 4, MANY),
    "mp4 2 billion samples a chunk": lambda: with_box_field(b"stsc", 4, 1, 1, HUGE),
    "mp4 16 million chunks": lambda: with_box_field(b"stco", 4, MANY),
    "mp4 2 billion chunks": lambda: with_box_field(b"stco", 4, HUGE),
    "mp4 a descriptor of 2 GB": lambda: with_box_field(b"esds", -8, HUGE),
    "mp4 2 billion sample descriptions": lambda: with_box_field(b"stsd", 4, HUGE),
    "mp4 2 billion edits": lambda: with_box_field(b"elst", 4, HUGE),
    "mp4 a million real edits": lambda: mp4_edits(1_000_000),
    "mp4 16 million composition offsets": lambda: mp4_offsets(),  # noqa: PLW0108 - defined below
    "mp4 3000 tracks": lambda: mp4_tracks(3000),
    "mp4 50 tracks of 16 million samples": lambda: mp4_heavy_tracks(50),
    "mp4 20000 boxes deep": lambda: mp4_nested(20_000),
    "mp4 20000 nested meta": lambda: mp4_nested(20_000, b"trak"),
    "mp4 a picture of 2 GB": mp4_picture,
    "mp4 a million empty boxes": lambda: in_moov(box(b"free", b"") * 1_000_000),
    "mp4 a box of 2^63 bytes": lambda: struct.pack(">I4sQ", 1, b"free", 2**63 - 1) + mp4(),
    "mp4 a fragment of 2 billion samples": lambda: mp4() + box(b"moof", box(b"traf", box(b"tfhd", bytes(4) + struct.pack(">I", 1)) + box(b"trun", struct.pack(">II", 0, HUGE)))),
    "mkv one-sample blocks": lambda: mkv_one_sample_blocks(120_000),
    "mkv one-sample blocks beyond 60 s": lambda: mkv_one_sample_blocks(500_000),
    "mkv laced one-sample frames": lambda: mkv_laced(200_000),
    "mkv zipped blocks": mkv_zipped,
    "mkv 20000 tracks": lambda: mkv(tracks=b"".join(track(one) for one in range(1, 20_001))),
    "mkv tags 5000 deep": lambda: mkv_nested_tags(5000),
    "mkv an attachment of 2 GB": lambda: mkv(element(ATTACHMENTS, element(0x61A7, element(0x465C, b"x" * 64, HUGE)))),
    "mkv an attachment of 2^55 bytes": lambda: mkv(element(ATTACHMENTS, element(0x61A7, element(0x465C, b"x" * 64, 2**55)))),
    "mkv a million tags": lambda: mkv(element(TAGS, element(0x7373, element(0x67C8, b"")) * 1_000_000)),
    "mkv a million cues": lambda: mkv(element(CUES, element(0xBB, number(0xB3, 0) + element(0xB7, number(0xF7, 1) + number(0xF1, 0))) * 300_000)),
    "mkv a codec's data of 1 GB": lambda: mkv(tracks=track(more=element(0x63A2, b"x", 2**30))),
    "mkv a block of 2 GB": lambda: mkv(blocks=element(0xA3, b"\x81\0\0\x80" + SILENCE, HUGE)),
    "mkv a rate of 1e300": lambda: mkv(tracks=track(rate=1e300)),
    "mkv empty blocks": lambda: mkv(blocks=block(b"") * 400_000),
    "ogg 20000 streams": lambda: b"".join(page(one, OPUS_HEAD) for one in range(5_000)) * 4,
    "ogg opus comments of 4 GB": lambda: ogg_comments(OPUS_HEAD, b"OpusTags"),
    "ogg vorbis comments of 4 GB": lambda: ogg_comments(VORBIS_HEAD, b"\3vorbis"),
    "ogg a granule of 2^62": lambda: page(1, OPUS_HEAD) + page(1, b"OpusTags" + bytes(8), flags=0) + page(1, b"\xf8\xff\xfe" * 80, granule=2**62, flags=4),
    "ogg empty pages": lambda: page(1, OPUS_HEAD) + page(1, b"", flags=0) * 200_000,
    "ogg 255 channels": lambda: page(1, b"OpusHead\1\xff" + struct.pack("<HIhB", 312, 48_000, 0, 255) + bytes(257)),
    "flac 2^36 samples": flac_of_claimed_length,
    "flac a picture of 4 GB": lambda: flac_with((6, struct.pack(">II", 3, HUGE) + b"image/png", None)),
    "flac pictures of 16 MB": lambda: flac_with(*[(6, b"x" * 64, 2**24 - 1)] * 50),
    "flac a million seek points": lambda: flac_with(*[(3, bytes(18) * 50_000, None)] * 5),
    "flac 2 billion comments": lambda: flac_with((4, struct.pack("<I", 0) + struct.pack("<I", HUGE) + b"x" * 100, None)),
    "flac 100000 empty blocks": lambda: flac_with(*[(1, b"", None)] * 100_000),
    "mp3 a tag of 256 MB": lambda: id3(2**28 - 1, b"APIC" + struct.pack(">I", HUGE)) + encoded("MP3", "MPEG_LAYER_III"),
    "mp3 a picture of 256 MB": lambda: id3(1000, b"APIC\x7f\x7f\x7f\x7f\0\0" + bytes(990)) + encoded("MP3", "MPEG_LAYER_III"),
    "mp3 a million tags": lambda: id3(0) * 500_000 + encoded("MP3", "MPEG_LAYER_III"),
    "mp3 2 billion frames": lambda: mp3_of_claimed_length(),  # noqa: PLW0108 - defined below
    "mp3 hours": lambda: encoded("MP3", "MPEG_LAYER_III") * 700,
    "wav 4 GB of data": lambda: riff(fmt(), (b"data", SILENCE, 0xFFFFFFFF)),
    "wav 65535 channels": lambda: riff(fmt(65_535), (b"data", SILENCE, None)),
    "wav 4 GHz": lambda: riff(fmt(rate=0xFFFFFFFF), (b"data", SILENCE, None)),
    "wav no channels": lambda: riff(fmt(0), (b"data", SILENCE, None)),
    "wav a million chunks": lambda: riff(*[(b"junk", b"", None)] * 1_000_000, fmt(), (b"data", SILENCE, None)),
    "wav a list of 2 GB": lambda: riff(fmt(), (b"LIST", b"INFO", HUGE), (b"data", SILENCE, None)),
    "wav 2 billion cue points": lambda: riff(fmt(), (b"cue ", struct.pack("<I", HUGE), None), (b"data", SILENCE, None)),
    "wav 2 billion loops": lambda: riff(fmt(), (b"smpl", bytes(28) + struct.pack("<II", HUGE, HUGE), None), (b"data", SILENCE, None)),
    "wav 2^63 bytes (rf64)": lambda: b"RF64\xff\xff\xff\xffWAVE" + b"ds64" + struct.pack("<IQQQI", 28, 2**63 - 1, 2**63 - 1, 2**63 - 1, HUGE) + wav(tone(2.0))[12:36] + b"data\xff\xff\xff\xff" + SILENCE,
    "aiff 4 billion frames": lambda: aiff(0xFFFFFFFF, 1),
    "aiff 32767 channels": lambda: aiff(0xFFFFFFFF, 32_767),
    "caf 2^60 packets": lambda: caf((b"pakt", struct.pack(">qqii", 2**60, 2**60, 0, 0) + b"\1" * 1000, 1024), (b"data", bytes(4) + SILENCE, -1)),
    "caf a million packets of nothing": lambda: caf((b"pakt", struct.pack(">qqii", 1_000_000, 2**32, 0, 0) + bytes(1_000_000), 1_000_024), (b"data", bytes(4) + SILENCE, -1)),
    "caf a chunk of 2^62 bytes": lambda: caf((b"info", struct.pack(">I", HUGE), 2**62), (b"data", bytes(4) + SILENCE, -1)),
    "aac a million empty frames": lambda: b"\xff\xf1\x50\x80\x00\xff\xfc" * 500_000,
    "amr a million empty frames": lambda: b"#!AMR\n" + b"\x7c" * 3_000_000,
    "zeros": lambda: bytes(25_000_000),
}  # fmt: skip


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
