"""Recordings in chunks with sizes: WAV (RIFF, RF64, Wave64), AIFF and CAF. The sizes may be wrong, and what then holds the sound."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cloning.audio.lengths import Piece

_Order = Literal["little", "big"]
# Sizes from here on are what programs write that don't know yet: ffffffff, 7fffffff, 7ffff000, 80000000.
_STREAMED = 0x7FFF0000
_UNKNOWN_S = 0.1
_W64_RIFF, _W64_WAVE, _W64_CHUNK = 24, 40, 24
_EXTENSIBLE = 0xFFFE
_UNCOMPRESSED = (1, 3, 6, 7)
_JOINED = {
    "wav": re.compile(rb"RIF[FX]....WAVE|(RF|BW)64....WAVE|riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", re.DOTALL),
    "aiff": re.compile(rb"FORM....AIF[FC]", re.DOTALL),
    "caf": re.compile(rb"caff\0\x01\0\0desc", re.DOTALL),
}


@dataclass
class _Sound:
    """A recording while it is read: the format's chunk, the bytes per second, and where the samples lie."""

    begin: int
    head: bytes = b""
    per_s: float = 0.0
    announced: int | None = None
    spans: list[tuple[int, int]] | None = None
    is_ordinary: bool = True

    def add(self, begin: int, end: int) -> None:
        self.spans = [*(self.spans or []), (begin, end)]


@dataclass(frozen=True)
class _Chunk:
    """One chunk: its name, where its contents begin, their size by its head."""

    name: bytes
    body: int
    size: int


def chunked(name: str, data: bytes) -> list[Piece]:
    """The recordings of a WAV, AIFF or CAF file; each whole, or marked by what its header announces."""
    pieces, begin = [], 0
    while begin < len(data):
        piece, end = _READERS[name](data, begin)
        pieces += [piece] if piece else []
        begin = end
    return pieces


def _read_wav(data: bytes, begin: int) -> tuple[Piece | None, int]:
    is_w64 = data.startswith(b"riff", begin)
    order: _Order = "big" if data.startswith(b"RIFX", begin) else "little"
    sound, ds64 = _Sound(begin, is_ordinary=not is_w64), None
    at = begin + (_W64_WAVE if is_w64 else 12)
    while not _JOINED["wav"].match(data, at) and (chunk := _chunk(data, at, order, w64=is_w64)):
        body, kind = data[chunk.body : chunk.body + min(chunk.size, 64)], chunk.name
        if kind == b"ds64":
            ds64 = int.from_bytes(body[8:16], "little")
        if kind == b"fmt ":
            sound.head, sound.per_s = data[chunk.body : chunk.body + chunk.size], _wav_rate(body, order)
        if kind == b"data":
            size = ds64 if ds64 is not None and chunk.size == 0xFFFFFFFF else chunk.size  # noqa: PLR2004 - of RF64
            at = _take(
                data, "wav", sound, _Chunk(kind, chunk.body, size), lambda at: _is_chunk(data, at, order, w64=is_w64)
            )
            continue
        at = chunk.body + chunk.size + (-(chunk.size) % 8 if is_w64 else chunk.size & 1)
    end = at if _JOINED["wav"].match(data, at) else len(data)

    def rebuilt() -> bytes:
        fmt = sound.head + b"\0" * (len(sound.head) & 1)
        pcm = b"".join(data[start:stop] for start, stop in sound.spans or [])
        head = b"WAVEfmt " + len(fmt).to_bytes(4, order) + fmt + b"data" + len(pcm).to_bytes(4, order)
        return (b"RIFX" if order == "big" else b"RIFF") + (len(head) + len(pcm)).to_bytes(4, order) + head + pcm

    return _piece(data, sound, end, rebuilt), end


def _wav_rate(fmt: bytes, order: _Order) -> float:
    """Bytes per second; what a header says of compressed sound, what must be of other."""
    if len(fmt) < 16:  # noqa: PLR2004 - of the format
        return 0.0
    tag, channels = (int.from_bytes(fmt[at : at + 2], order) for at in (0, 2))
    rate, said = (int.from_bytes(fmt[at : at + 4], order) for at in (4, 8))
    bits = int.from_bytes(fmt[14:16], order)
    tag = int.from_bytes(fmt[24:26], order) if tag == _EXTENSIBLE else tag
    return rate * channels * ((bits + 7) // 8) if tag in _UNCOMPRESSED else float(said)


def _chunk(data: bytes, at: int, order: _Order, *, w64: bool = False) -> _Chunk | None:
    if w64:
        size = int.from_bytes(data[at + 16 : at + 24], "little") - _W64_CHUNK
        return _Chunk(data[at : at + 4], at + _W64_CHUNK, max(size, 0)) if at + _W64_CHUNK <= len(data) else None
    if at + 8 > len(data):
        return None
    return _Chunk(data[at : at + 4], at + 8, int.from_bytes(data[at + 4 : at + 8], order))


def _is_chunk(data: bytes, at: int, order: _Order, *, w64: bool = False) -> bool:
    """Whether here, behind the sound, another chunk begins: a name in letters, a size that fits."""
    chunk = _chunk(data, at, order, w64=w64)
    is_name = chunk is not None and re.fullmatch(rb"[A-Za-z][\w ]{2}[\w \0]", chunk.name) is not None
    return is_name and chunk is not None and chunk.body + chunk.size <= len(data) + 1


def _take(data: bytes, name: str, sound: _Sound, chunk: _Chunk, is_chunk: Callable[[int], bool]) -> int:
    """Note where the samples of a data chunk lie; where to read on."""
    rest = len(data) - chunk.body
    joined = _JOINED[name].search(data, chunk.body + (chunk.size if 0 < chunk.size < _STREAMED else 0))
    limit = joined.start() if joined else len(data)
    if chunk.size >= _STREAMED or (chunk.size == 0 and rest and not is_chunk(chunk.body)):
        sound.add(chunk.body, limit)
        sound.is_ordinary = False
        return limit
    sound.announced = (sound.announced or 0) + chunk.size
    end = chunk.body + min(chunk.size, rest)
    sound.add(chunk.body, end)
    for after in (end + (chunk.size & 1), end):
        if (
            after >= len(data)
            or is_chunk(after)
            or after == limit
            or data[after : after + 3] in (b"ID3", b"TAG", b"APE")
        ):
            sound.is_ordinary &= len(sound.spans or []) == 1
            return min(after, len(data)) if data[after : after + 3] not in (b"ID3", b"TAG", b"APE") else len(data)
    if limit - end > sound.per_s * _UNKNOWN_S > 0 and data[end:limit].strip(b"\0"):
        sound.add(end, limit)
        sound.is_ordinary = False
    return limit


def _piece(data: bytes, sound: _Sound, end: int, rebuilt: Callable[[], bytes]) -> Piece | None:
    if not sound.spans:
        return None
    held = sum(stop - start for start, stop in sound.spans)
    is_whole = sound.is_ordinary and sound.begin == 0 and end >= len(data)
    return Piece(
        data if is_whole else rebuilt(),
        held / sound.per_s if sound.per_s else None,
        sound.announced / sound.per_s if sound.per_s and sound.announced is not None else None,
    )


def _read_aiff(data: bytes, begin: int) -> tuple[Piece | None, int]:
    sound, at, offset = _Sound(begin), begin + 12, b"\0" * 8
    frame = 0.0
    while not _JOINED["aiff"].match(data, at) and (chunk := _chunk(data, at, "big")):
        if chunk.name == b"COMM":
            sound.head = data[chunk.body : chunk.body + chunk.size]
            frame, rate = _aiff_frame(sound.head)
            sound.per_s = frame * rate
        if chunk.name == b"SSND":
            offset = data[chunk.body : chunk.body + 8]
            size = max(chunk.size - 8, 0) if chunk.size < _STREAMED else chunk.size
            at = _take(
                data, "aiff", sound, _Chunk(b"SSND", chunk.body + 8, size), lambda at: _is_chunk(data, at, "big")
            )
            continue
        at = chunk.body + chunk.size + (chunk.size & 1)
    end = at if _JOINED["aiff"].match(data, at) else len(data)
    frames = int.from_bytes(sound.head[2:6], "big")
    held = sum(stop - start for start, stop in sound.spans or [])
    if frame and sound.spans and 0 < frames < _STREAMED and abs(frames * frame - held) >= frame:
        # The header counts frames, too, and a decoder goes by that.
        sound.announced, sound.is_ordinary = int(frames * frame), False
    elif frame and not 0 < frames < _STREAMED:
        sound.is_ordinary = False

    def rebuilt() -> bytes:
        comm = sound.head[:2] + int(held / frame if frame else frames).to_bytes(4, "big") + sound.head[6:]
        pcm = b"".join(data[start:stop] for start, stop in sound.spans or [])
        body = data[begin + 8 : begin + 12] + b"COMM" + len(comm).to_bytes(4, "big") + comm + b"\0" * (len(comm) & 1)
        body += b"SSND" + (len(pcm) + 8).to_bytes(4, "big") + offset + pcm
        return b"FORM" + len(body).to_bytes(4, "big") + body

    return _piece(data, sound, end, rebuilt), end


def _aiff_frame(comm: bytes) -> tuple[float, float]:
    """(bytes of one frame of all channels, frames per second)"""
    channels, bits = int.from_bytes(comm[:2], "big"), int.from_bytes(comm[6:8], "big")
    exponent, mantissa = int.from_bytes(comm[8:10], "big") & 0x7FFF, int.from_bytes(comm[10:18], "big")
    rate = mantissa * 2.0 ** (exponent - 16383 - 63) if exponent < 16_383 + 32 else 0.0
    kind = comm[18:22].lower()
    size = 34 / 64 if kind == b"ima4" else 1 if kind in (b"ulaw", b"alaw") else (bits + 7) // 8
    return channels * size, rate


def _read_caf(data: bytes, begin: int) -> tuple[Piece | None, int]:
    sound, at = _Sound(begin), begin + 8
    for chunk in _caf_chunks(data, at):
        if chunk.name == b"desc":
            sound.per_s = _caf_rate(data[chunk.body : chunk.body + 32])
        if chunk.name == b"data":
            size = chunk.size - 4 if 0 < chunk.size < 1 << 62 else 0xFFFFFFFF
            _take(data, "caf", sound, _Chunk(b"data", chunk.body + 4, size), lambda at: _is_caf_chunk(data, at))
            sound.head = data[begin : chunk.body - 8]
    joined = _JOINED["caf"].search(data, begin + 1)
    end = joined.start() if joined else len(data)

    def rebuilt() -> bytes:
        pcm = b"".join(data[start:stop] for start, stop in sound.spans or [])
        return sound.head + b"data" + (len(pcm) + 4).to_bytes(8, "big") + b"\0" * 4 + pcm

    return _piece(data, sound, end, rebuilt), end


def _caf_chunks(data: bytes, at: int) -> Iterator[_Chunk]:
    while at + 12 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 12], "big")
        yield _Chunk(data[at : at + 4], at + 12, size)
        at += 12 + size


def _is_caf_chunk(data: bytes, at: int) -> bool:
    size = int.from_bytes(data[at + 4 : at + 12], "big")
    return re.fullmatch(rb"[a-z]{4}", data[at : at + 4]) is not None and at + 12 + size <= len(data)


def _caf_rate(desc: bytes) -> float:
    import struct

    if len(desc) < 32:  # noqa: PLR2004 - of the format
        return 0.0
    rate, _, _, size, frames, _, _ = struct.unpack(">d4sIIIII", desc)
    return float(rate * size / frames) if frames and rate == rate and 0 < rate < 1e6 else 0.0  # noqa: PLR0124, PLR2004 - NaN


_READERS: dict[str, Callable[[bytes, int], tuple[Piece | None, int]]] = {
    "wav": _read_wav, "aiff": _read_aiff, "caf": _read_caf,
}  # fmt: skip
