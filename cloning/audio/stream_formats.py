"""Recordings in streams that may follow one another: Ogg, FLAC, MP4 and Matroska; where each begins, and what its head says."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cloning.audio.lengths import Piece, Warnings

_FLAC = re.compile(rb"fLaC[\0\x80]\0\0\x22", re.DOTALL)
_OGG_HEAD = 27
_CONTINUED, _BEGIN, _END = 1, 2, 4
_NO_GRANULE = 0xFFFFFFFFFFFFFFFF
_MOST_ELEMENTS = 200_000
_SLACK = 4096  # samples, of a codec's delay and its last packet
_BOXES = tuple(
    b"ftyp styp sidx ssix moov moof mdat free skip wide meta uuid mfra pnot udta pdin emsg prft junk PICT".split()
)  # fmt: skip
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _INFO, _DURATION, _SCALE, _CLUSTER = 0x18538067, 0x1549A966, 0x4489, 0x2AD7B1, 0x1F43B675
_ENTERED = {_SEGMENT, _INFO}
# What stands in a segment, in its info and in a cluster: anything else is junk behind the file.
_KNOWN = {
    0x1A45DFA3, _SEGMENT, _INFO, _CLUSTER, 0x1C53BB6B, 0x1254C367, 0x114D9B74, 0x1654AE6B, 0x1043A770, 0x1941A469,
    _DURATION, _SCALE, 0x4D80, 0x5741, 0x4461, 0x73A4, 0x7BA9, 0x7384, 0x3CB923, 0x3EB923, 0x3C83AB, 0x3E83BB, 0x4444, 0x6924,
    0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0xEC, 0xBF,
}  # fmt: skip


def flac(data: bytes) -> list[Piece]:
    """FLAC streams one behind the other; each says how many samples it has, or 0."""
    begins = [match.start() for match in _FLAC.finditer(data)]
    pieces = []
    for begin, end in zip(begins, [*begins[1:], len(data)], strict=True):
        info = data[begin + 8 : begin + 42]
        rate = int.from_bytes(info[10:13], "big") >> 4
        total = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
        announced = total / rate if rate and total else None
        pieces.append(Piece(data[begin:end] if len(begins) > 1 else data, None, announced))
    return pieces


@dataclass(frozen=True)
class _Page:
    begin: int
    end: int
    flags: int
    granule: int
    serial: int
    body: bytes


def ogg(data: bytes) -> list[Piece]:
    """Chained Ogg: a link begins with a page that opens a stream, behind pages that didn't."""
    links: list[list[_Page]] = []
    was_opening = False
    for page in _pages(data):
        is_opening = bool(page.flags & _BEGIN)
        if not links or (is_opening and not was_opening):
            links.append([])
        links[-1].append(page)
        was_opening = is_opening
    covered = links[-1][-1].end if links else 0
    cut = "the last page is not whole" if data.find(b"OggS", covered) >= 0 else None
    return [_link(data, pages, len(links), cut if pages is links[-1] else None) for pages in links]


def _pages(data: bytes) -> Iterator[_Page]:
    at = data.find(b"OggS")
    while at >= 0 and at + _OGG_HEAD <= len(data):
        count = data[at + 26]
        body = at + _OGG_HEAD + count
        end = body + sum(data[at + _OGG_HEAD : body])
        if body > len(data) or end > len(data):
            return
        granule, serial = struct.unpack_from("<QI", data, at + 6)
        yield _Page(at, end, data[at + 5], granule, serial, data[body : min(end, body + 64)])
        at = end if data.startswith(b"OggS", end) else data.find(b"OggS", end)


def _link(data: bytes, pages: list[_Page], links: int, cut: str | None) -> Piece:
    whole = data if links == 1 else data[pages[0].begin : pages[-1].end]
    for head in pages:
        rate, skip = _ogg_rate(head.body) if head.flags & _BEGIN else (0, 0)
        if rate:
            of_sound = [page for page in pages if page.serial == head.serial]
            granules = [page.granule for page in of_sound if page.granule not in (0, _NO_GRANULE)]
            # A stream taken from the middle of a broadcast counts from the broadcast's beginning.
            begin = granules[0] if granules and granules[0] > 30 * rate else skip
            held = max(granules[-1] - begin, 0) / rate if granules else 0.0
            return Piece(whole, held, None, cut, _SLACK / rate, () if of_sound[-1].flags & _END else _open_end(held))
    return Piece(whole, None, None, cut)


def _open_end(held: float) -> Warnings:
    message = f"the file's end is not marked: it may have been cut; the {held:.2f} s that it holds are used"
    return ({"code": "CUT", "message": message},)


def _ogg_rate(packet: bytes) -> tuple[int, int]:
    """(granules per second, how many of them come first and are not sound); (0, 0) for what is no sound that we know."""
    if packet.startswith(b"OpusHead") and len(packet) >= 12:  # noqa: PLR2004 - of the format
        return 48_000, int.from_bytes(packet[10:12], "little")
    if packet.startswith(b"\x01vorbis"):
        return int.from_bytes(packet[12:16], "little"), 0
    if packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(packet[27:30], "big") >> 4, 0
    return 0, 0


def mp4(data: bytes) -> list[Piece]:
    """MP4 files one behind the other; one whose last box is longer than the file is cut."""
    begins, at, cut, has_index, seen, is_open = [0], 0, None, False, False, False
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind not in _BOXES:
            break
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        size = size or len(data) - at
        if kind == b"ftyp" and seen:
            begins.append(at)
            seen = False
        seen = seen or kind in (b"moov", b"moof", b"mdat")
        has_index = has_index or kind == b"moov"
        is_open = is_open or kind == b"moof"
        if size < 8:  # noqa: PLR2004 - a box has a head
            break
        if at + size > len(data):
            cut = f"its last part ({kind.decode('latin-1')}) has {size} bytes and {len(data) - at} arrived"
        at += size
    if not has_index:
        return [
            Piece(
                data,
                None,
                None,
                cut or "it has no index (moov): the recording was not finished, or did not arrive whole",
            )
        ]
    if is_open and cut is None and 0 < len(data) - at < 8:  # noqa: PLR2004 - a box has a head
        cut = "the head of its last part is not whole"
    ends = [*begins[1:], len(data)]
    return [
        Piece(data[begin:end], None, None, cut if end == ends[-1] else None, is_open=is_open)
        for begin, end in zip(begins, ends, strict=True)
    ]


@dataclass
class _Segment:
    """What a Matroska segment says: its duration in ticks of `scale` ns, and where it ends by its own account."""

    begin: int
    duration: float | None = None
    scale: int = 1_000_000
    cut: str | None = None


def matroska(data: bytes) -> list[Piece]:
    """Matroska or WebM files one behind the other; of unknown sizes, as browsers write them, too."""
    segments: list[_Segment] = [_Segment(0)]
    at = 0
    for _ in range(_MOST_ELEMENTS):
        element = _element(data, at)
        if element is None:
            break
        kind, body, size = element
        if kind not in _KNOWN:
            break
        if kind == int.from_bytes(_EBML, "big") and at:
            segments.append(_Segment(at))
        current = segments[-1]
        _note(current, kind, data[body : body + (size or 0)] if (size or 99) <= 8 else b"")  # noqa: PLR2004 - a number
        end = len(data) if size is None else body + size
        if end > len(data):
            current.cut = current.cut or f"a part of {size} bytes has {len(data) - body} of them"
        at = body if kind in _ENTERED or size is None else end
    ends = [*(segment.begin for segment in segments[1:]), len(data)]
    return [
        Piece(
            data[segment.begin : end] if len(segments) > 1 else data, None,
            segment.duration * segment.scale / 1e9 if segment.duration else None, segment.cut,
        )
        for segment, end in zip(segments, ends, strict=True)
    ]  # fmt: skip


def _note(segment: _Segment, kind: int, value: bytes) -> None:
    if kind == _DURATION and len(value) in (4, 8):
        found = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]  # noqa: PLR2004 - single precision
        segment.duration = found if 0 < found < 1e15 else None  # noqa: PLR2004 - NaN and nonsense
    if kind == _SCALE and value:
        segment.scale = int.from_bytes(value, "big")


def _element(data: bytes, at: int) -> tuple[int, int, int | None] | None:
    """(id, where its contents begin, their size or None if unknown) of the EBML element that begins here."""
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
