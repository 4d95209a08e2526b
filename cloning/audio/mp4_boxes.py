"""MP4 recordings: consecutive boxes, and the length that they announce by an index, or by fragments and their own index."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from cloning.audio.lengths import Piece, Warnings
from cloning.audio.signatures import Signatures

_BOXES = tuple(
    b"ftyp styp sidx ssix moov moof mdat free skip wide meta uuid mfra pnot udta pdin emsg prft junk PICT".split()
)  # fmt: skip
_PARTS = (b"moof", b"moov", b"mdat")
_HEAD = 8
_MOST_BOXES = 200_000


@dataclass(frozen=True)
class _Box:
    kind: bytes
    begin: int
    body: int
    end: int


def mp4(data: bytes) -> tuple[list[Piece], int]:
    """Return the MP4 at the start of a file, and its end; it is cut if its last box is longer than the file."""
    signatures = Signatures(data)
    boxes, cut, damage = _walked(data, signatures)
    end = min(boxes[-1].end, len(data)) if boxes else 0
    if cut is not None and (signature := signatures.first(boxes[-1].body, end)) is not None:
        end = signature
    kinds = {box.kind for box in boxes}
    if b"moov" not in kinds:
        why = cut or "it has no index (moov): the recording was not finished, or did not arrive completely"
        return [Piece(data[:end] if end else data, None, None, why)], end
    is_open = b"moof" in kinds
    rest = len(data) - end
    if is_open and cut is None and 0 < rest < _HEAD and data[end:].strip(b"\0"):
        cut = "the head of its last part is incomplete"
    announced, named = _indexed(data, boxes) if is_open else (None, 0)
    if named > end:
        cut = cut or f"its index names {named} bytes and {end} arrived"
    if is_open and _displaced(data, boxes):
        cut = cut or "a fragment is not where its index says: others before it are missing"
    whole = bytearray(data[:end])
    for box in boxes:
        if box.kind == b"mfra" and is_open:
            whole[box.begin + 4 : box.begin + 8] = b"free"  # an index that is wrong if fragments are missing
    sound = bytes(whole) if is_open else data[:end]
    return [Piece(sound, None, announced, cut, warnings=_damaged(damage), is_open=is_open)], end


def _walked(data: bytes, signatures: Signatures) -> tuple[list[_Box], str | None, int]:
    """Return the boxes of the first file, why the last is incomplete, and the bytes between them that are not boxes."""
    boxes: list[_Box] = []
    at, damage, seen = 0, 0, False
    while len(boxes) < _MOST_BOXES and (at + _HEAD <= len(data)):
        box = _box(data, at, len(data))
        if box is None or box.kind not in _BOXES:
            found = _part_behind(data, at, signatures.first(at, len(data))) if boxes else -1
            if found < 0:
                break
            damage, at = damage + found - at, found
            continue
        if box.kind == b"ftyp" and seen:
            break
        seen = seen or box.kind in _PARTS
        boxes.append(box)
        kind = box.kind.decode("latin-1")
        size = box.end - box.begin
        if box.kind == b"mdat" and (signature := signatures.first(box.body, min(box.end, len(data)))) is not None:
            return (
                boxes,
                f"its last part ({kind}) has {size} bytes and {signature - at} of them come before another recording",
                damage,
            )
        if box.end > len(data):
            return boxes, f"its last part ({kind}) has {size} bytes and {len(data) - at} arrived", damage
        at = box.end
    return boxes, None, damage


def _part_behind(data: bytes, at: int, end: int | None) -> int:
    """Where a fragment of this file continues after bytes that are not a box; -1 if none does."""
    end = len(data) if end is None else end
    return next((found - 4 for kind in (b"moof", b"moov") if (found := data.find(kind, at + 5, end)) >= 0), -1)


def _box(data: bytes, at: int, limit: int) -> _Box | None:
    size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
    body = at + _HEAD
    if size == 1:
        size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
    size = size or limit - at
    return _Box(kind, at, body, at + size) if size >= body - at and body <= limit else None


def _inside(data: bytes, box: _Box, kind: bytes) -> Iterator[_Box]:
    at, limit = box.body, min(box.end, len(data))
    for _ in range(_MOST_BOXES):
        child = _box(data, at, limit) if at + _HEAD <= limit else None
        if child is None:
            return
        if child.kind == kind:
            yield child
        at = child.end


def _displaced(data: bytes, boxes: list[_Box]) -> bool:
    """Whether fragments with a stated position are somewhere else."""
    places = []
    for moof, mdat in pairwise(box for box in boxes if box.kind in (b"moof", b"mdat")):
        if moof.kind == b"moof":
            heads = (head for traf in _inside(data, moof, b"traf") for head in _inside(data, traf, b"tfhd"))
            named = [
                int.from_bytes(data[head.body + 8 : head.body + 16], "big")
                for head in heads
                if data[head.body + 3 : head.body + 4] and data[head.body + 3] & 1
            ]
            places += [place in (moof.begin, mdat.begin, mdat.body) for place in named]
    return any(places[:1]) and not all(places)


def _indexed(data: bytes, boxes: list[_Box]) -> tuple[float | None, int]:
    """The fragments' total seconds and the file's size, by the file's own indexes; (None, 0) if it has none."""
    seconds: dict[int, float] = {}
    largest, size = 0.0, 0
    for box in boxes:
        if box.kind == b"sidx":
            track, parts, whole, end = _sidx(data, box)
            seconds[track] = seconds.get(track, 0.0) + parts
            largest, size = max(largest, whole), max(size, end)
        if box.kind == b"moov":
            largest = max(largest, _mehd(data, box))
    announced = max(largest, *seconds.values()) if seconds else largest
    return announced or None, size


def _sidx(data: bytes, box: _Box) -> tuple[int, float, float, int]:
    """Read one index: the track, seconds of its fragments, seconds including further indexes, and the end of what it lists."""
    body = data[box.body : box.end]
    wide = 8 if body[:1] == b"\1" else 4
    track, scale = (int.from_bytes(body[at : at + 4], "big") for at in (4, 8))
    at = 12 + 2 * wide
    end = box.end + int.from_bytes(body[12 + wide : at], "big")
    count = int.from_bytes(body[at + 2 : at + 4], "big")
    parts = whole = 0
    for begin in range(at + 4, min(at + 4 + 12 * count, len(body) - 11), 12):
        size, ticks = (int.from_bytes(body[one : one + 4], "big") for one in (begin, begin + 4))
        end += size & 0x7FFFFFFF
        whole += ticks
        parts += 0 if size >> 31 else ticks
    return (track, parts / scale, whole / scale, end) if scale else (track, 0.0, 0.0, 0)


def _mehd(data: bytes, moov: _Box) -> float:
    """The duration of all fragments by the head of the file; 0 if it is not stated."""
    scale = next((_number(data, box, 12, 20) for box in _inside(data, moov, b"mvhd")), 0)
    heads = (head for mvex in _inside(data, moov, b"mvex") for head in _inside(data, mvex, b"mehd"))
    ticks = next((_number(data, head, 4, 4, wide=8) for head in heads), 0)
    return ticks / scale if scale and ticks < 1 << 62 else 0.0


def _number(data: bytes, box: _Box, narrow_at: int, wide_at: int, *, wide: int = 4) -> int:
    """Read a number from a box of two versions, given its place in each and its size in the second."""
    is_wide = data[box.body : box.body + 1] == b"\1"
    at, size = (box.body + wide_at, wide) if is_wide else (box.body + narrow_at, 4)
    return int.from_bytes(data[at : at + size], "big")


def _damaged(size: int) -> Warnings:
    if not size:
        return ()
    return ({"code": "DAMAGE", "message": f"{size} bytes in the middle of the file can't be read; the rest is used"},)
