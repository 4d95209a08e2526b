"""Recordings in streams: Ogg, FLAC and Matroska, their ends, and the lengths that their heads state."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cloning.audio.flac_frames import flac_frames
from cloning.audio.frame_runs import first_run
from cloning.audio.lengths import Piece, Warnings
from cloning.audio.signatures import Signatures, first_signature

_OGG_HEAD = 27
_CONTINUED, _BEGIN, _END = 1, 2, 4
_NO_GRANULE = 0xFFFFFFFFFFFFFFFF
_MOST_ELEMENTS = 200_000
_SLACK = 4096  # samples, of a codec's delay and its last packet
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _INFO, _DURATION, _SCALE, _CLUSTER = 0x18538067, 0x1549A966, 0x4489, 0x2AD7B1, 0x1F43B675
_ENTERED = {_SEGMENT, _INFO}
# The elements of a segment, its info and a cluster: anything else is junk after the file.
_KNOWN = {
    0x1A45DFA3, _SEGMENT, _INFO, _CLUSTER, 0x1C53BB6B, 0x1254C367, 0x114D9B74, 0x1654AE6B, 0x1043A770, 0x1941A469,
    _DURATION, _SCALE, 0x4D80, 0x5741, 0x4461, 0x73A4, 0x7BA9, 0x7384, 0x3CB923, 0x3EB923, 0x3C83AB, 0x3E83BB, 0x4444, 0x6924,
    0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0xEC, 0xBF,
}  # fmt: skip


def flac(data: bytes) -> tuple[list[Piece], int]:
    """Return the FLAC stream at the start of a file, and its end; its head states the number of samples, or 0."""
    begin = _flac_sound(data)
    signature, _ = first_signature(data, begin) or (len(data), "")
    end, _ = first_run(data, begin, signature) or (signature, "")
    info = data[8:42]
    rate = int.from_bytes(info[10:13], "big") >> 4
    total = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
    announced = total / rate if rate and total else None
    warnings = tuple(_flac_warnings(data[:end], begin, rate)) if rate and not total else ()
    return [Piece(data[:end], None, announced, warnings=warnings)], end


def _flac_sound(data: bytes) -> int:
    """Where the frames begin, after the pictures and comments."""
    at, is_last = 4, False
    while not is_last and at + 4 <= len(data):
        is_last, at = bool(data[at] & 0x80), at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    return at if at < len(data) else 42


def _flac_warnings(data: bytes, begin: int, rate: int) -> Iterator[dict[str, str]]:
    """Warnings from the frames of a stream whose head does not state its length."""
    frames = flac_frames(data, begin)
    if frames is None:
        return
    held = frames.samples / rate
    if frames.missing > rate // 10:
        lengths = f"its frames are numbered for {held + frames.missing / rate:.2f} s, of which {held:.2f} s can be read"
        yield {"code": "DAMAGE", "message": f"{lengths} and are used"}
    if not frames.is_whole:
        yield _cut("the file ends in the middle of a frame", held)


@dataclass(frozen=True)
class _Page:
    begin: int
    end: int
    flags: int
    granule: int
    serial: int
    body: bytes


def ogg(data: bytes) -> tuple[list[Piece], int]:
    """Return the links of a chained Ogg and their end; a link begins with a page that opens a stream, after pages that don't."""
    links: list[list[_Page]] = []
    was_opening = False
    pages, end = _pages(data)
    data = data[:end]
    for page in pages:
        is_opening = bool(page.flags & _BEGIN)
        if not links or (is_opening and not was_opening):
            links.append([])
        links[-1].append(page)
        was_opening = is_opening
    covered = links[-1][-1].end if links else 0
    cut = "the last page is incomplete" if data.find(b"OggS", covered) >= 0 else None
    return [_link(data, pages, len(links), cut if pages is links[-1] else None) for pages in links], max(covered, end)


def _pages(data: bytes) -> tuple[list[_Page], int]:
    """Return the pages up to the file's end or the beginning of another recording; and that place."""
    pages: list[_Page] = []
    signatures, at = Signatures(data), data.find(b"OggS")
    while at >= 0 and at + _OGG_HEAD <= len(data):
        count, flags = data[at + 26], data[at + 5]
        body = at + _OGG_HEAD + count
        end = body + sum(data[at + _OGG_HEAD : body])
        # Ogg's own first pages are signatures, and may hold FLAC's.
        signature = None if flags & _BEGIN else signatures.first(at + 1, end)
        if end > len(data) or signature is not None:
            return pages, len(data) if signature is None else signature
        granule, serial = struct.unpack_from("<QI", data, at + 6)
        pages.append(_Page(at, end, flags, granule, serial, data[body : min(end, body + 64)]))
        at = end if data.startswith(b"OggS", end) else data.find(b"OggS", end)
        signature = signatures.first(end, at if at >= 0 else len(data))
        if signature is not None or at < 0:
            return pages, end
    return pages, len(data)


def _link(data: bytes, pages: list[_Page], links: int, cut: str | None) -> Piece:
    whole = data if links == 1 else data[pages[0].begin : pages[-1].end]
    for head in pages:
        rate, skip = _ogg_rate(head.body) if head.flags & _BEGIN else (0, 0)
        if rate:
            of_sound = [page for page in pages if page.serial == head.serial]
            granules = [page.granule for page in of_sound if page.granule not in (0, _NO_GRANULE)]
            # A stream recorded from the middle of a broadcast counts from the broadcast's beginning.
            begin = granules[0] if granules and granules[0] > 30 * rate else skip
            held = max(granules[-1] - begin, 0) / rate if granules else 0.0
            return Piece(
                whole,
                held,
                None,
                cut,
                _SLACK / rate,
                () if of_sound[-1].flags & _END else (_cut("the file's end is not marked", held),),
            )
    return Piece(whole, None, None, cut)


def _cut(why: str, held: float) -> dict[str, str]:
    return {"code": "CUT", "message": f"{why}: it may have been cut; the {held:.2f} s that it holds are used"}


def _ogg_rate(packet: bytes) -> tuple[int, int]:
    """Return granules per second, and how many of the first are not sound; (0, 0) for an unknown codec."""
    if packet.startswith(b"OpusHead") and len(packet) >= 12:  # noqa: PLR2004 - of the format
        return 48_000, int.from_bytes(packet[10:12], "little")
    if packet.startswith(b"\x01vorbis"):
        return int.from_bytes(packet[12:16], "little"), 0
    if packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(packet[27:30], "big") >> 4, 0
    return 0, 0


@dataclass
class _Segment:
    """A Matroska segment: its stated duration in ticks of `scale` ns, and why it is cut, if it is."""

    duration: float | None = None
    scale: int = 1_000_000
    cut: str | None = None


def matroska(data: bytes) -> tuple[list[Piece], int]:
    """Return the Matroska or WebM file at the start of the data, and its end; sizes may be unknown, as from browsers."""
    segment, at, damage = _Segment(), 0, 0
    signatures = Signatures(data)
    for _ in range(_MOST_ELEMENTS):
        element = _element(data, at)
        if element is None or element[0] not in _KNOWN:
            # It is damage if a cluster follows before another recording.
            cluster = data.find(_CLUSTER.to_bytes(4, "big"), at, signatures.first(at, len(data)) or len(data))
            if cluster < 0:
                break
            damage, at = damage + cluster - at, cluster
            continue
        kind, body, size = element
        if kind == int.from_bytes(_EBML, "big") and at:
            break
        _note(segment, kind, data[body : body + (size or 0)] if (size or 99) <= 8 else b"")  # noqa: PLR2004 - a number
        end = len(data) if size is None else body + size
        if end > len(data):
            segment.cut = segment.cut or f"a part of {size} bytes has {len(data) - body} of them"
        if kind == _CLUSTER and size is not None and (signature := signatures.first(body, end)) is not None:
            segment.cut = f"a part of {size} bytes has {signature - body} of them, and another recording follows"
            at = signature
            break
        at = body if kind in _ENTERED or size is None else end
    end = min(at, len(data))
    announced = segment.duration * segment.scale / 1e9 if segment.duration else None
    return [Piece(data[:end], None, announced, segment.cut, warnings=_damaged(damage))], end


def _damaged(size: int) -> Warnings:
    if not size:
        return ()
    return ({"code": "DAMAGE", "message": f"{size} bytes in the middle of the file can't be read; the rest is used"},)


def _note(segment: _Segment, kind: int, value: bytes) -> None:
    if kind == _DURATION and len(value) in (4, 8):
        found = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]  # noqa: PLR2004 - single precision
        segment.duration = found if 0 < found < 1e15 else None  # noqa: PLR2004 - NaN and nonsense
    if kind == _SCALE and value:
        segment.scale = int.from_bytes(value, "big")


def _element(data: bytes, at: int) -> tuple[int, int, int | None] | None:
    """Read the head of the EBML element here: its id, where its contents begin, and their size or None if unknown."""
    if at >= len(data) or data[at] < 0x10:  # noqa: PLR2004 - an id has four bytes at most
        return None
    length = 9 - data[at].bit_length()
    kind = int.from_bytes(data[at : at + length], "big")
    at += length
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return kind, at + length, None if size == (1 << 7 * length) - 1 else size
