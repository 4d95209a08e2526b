"""Recordings in chunks with sizes: WAV (RIFF, RF64, Wave64), AIFF and CAF. The sizes may be wrong."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from cloning.audio.frame_runs import Others
from cloning.audio.lengths import Piece
from cloning.audio.wav_formats import RATES, Format, plain_pcm, wav_format

_Order = Literal["little", "big"]
# Programs that don't know the size yet write one from here on: ffffffff, 7fffffff, 7ffff000, 80000000.
_STREAMED = 0x7FFF0000
_UNKNOWN_S = 0.1
_W64_WAVE, _W64_CHUNK = 40, 24
# If only a decoder knows the sound's length, so many bytes may be missing or too many: less than a frame.
_FEW_BYTES = 16
# Chunks with a wrong size ahead of the sound.
_MOST_STRAYED = 8
_TAGS = (b"ID3", b"TAG", b"APE")
_NAME = re.compile(rb"[A-Za-z_][\w .-]{2}[\w .\0-]")
_WAV_SOUND, _AIFF_SOUND = re.compile(rb"fmt |data"), re.compile(rb"COMM|SSND")
_AIFF_SAMPLES = (b"", b"none", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"23ni", b"42ni", b"fl32", b"fl64", b"ulaw", b"alaw")  # fmt: skip
_CAF_SAMPLES = (b"lpcm", b"ulaw", b"alaw")

_IsChunk = Callable[[int], bool]


@dataclass
class _Sound:
    """
    A recording while it is read: the format's chunk, the bytes per second, and the places of the samples.

    `per_s` is 0 if only a decoder knows how long a byte lasts; `header_s` is then the whole duration by the header. `is_samples`:
    uncompressed, so that another recording among the samples can be recognised; `counts_all`: the header counts that one, too.
    """

    head: bytes = b""
    per_s: float = 0.0
    header_s: float | None = None
    slack: float = 0.0
    announced: int | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    is_samples: bool = False
    is_ordinary: bool = True
    counts_all: bool = False
    strayed: int = 0

    def add(self, begin: int, end: int) -> None:
        self.is_ordinary &= not self.spans
        self.spans.append((begin, max(begin, end)))

    @property
    def held(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    def bytes_of(self, data: bytes) -> bytes:
        return b"".join(data[start:stop] for start, stop in self.spans)


@dataclass(frozen=True)
class _Chunk:
    """One chunk: its name, where its contents begin, and their size by its head."""

    name: bytes
    body: int
    size: int


def chunked(name: str, data: bytes) -> tuple[list[Piece], int]:
    """Return the recording at the start of a WAV, AIFF or CAF file, with the length that its header announces; and its end."""
    piece, end = _READERS[name](data)
    return ([piece] if piece else []), end


def _read_wav(data: bytes) -> tuple[Piece | None, int]:
    is_w64 = data.startswith(b"riff")
    order: _Order = "big" if data.startswith(b"RIFX") else "little"
    sound, form, ds64, samples = _Sound(is_ordinary=not is_w64), Format(), None, 0
    others = Others(data)

    def is_chunk(at: int) -> bool:
        return _is_chunk(data, at, order, w64=is_w64) and not others.is_at(at)

    at = _W64_WAVE if is_w64 else 12
    while (chunk := _chunk(data, at, order, w64=is_w64)) and (not sound.spans or is_chunk(at)):
        body, kind = data[chunk.body : chunk.body + min(chunk.size, 64)], chunk.name
        if kind == b"ds64":
            ds64 = int.from_bytes(body[8:16], "little")
        if kind == b"fmt " and not sound.head:
            sound.head, form = data[chunk.body : chunk.body + chunk.size], wav_format(body, order)
            sound.per_s, sound.slack, sound.is_samples = form.per_s, form.block_s, form.is_samples
            sound.is_ordinary &= not form.width
        if kind == b"fact":
            samples = int.from_bytes(body[:4], order)
        if kind == b"data":
            size = ds64 if ds64 is not None and chunk.size == 0xFFFFFFFF else chunk.size  # noqa: PLR2004 - of RF64
            at = _take(data, sound, _Chunk(kind, chunk.body, size), is_chunk, others)
        elif is_w64:
            at = chunk.body + chunk.size + -chunk.size % 8
        else:
            at = _next(data, chunk, is_chunk, sound, _WAV_SOUND, order)
    # Some programs count the samples of every channel.
    sound.header_s = samples / form.rate / form.channels if form.rate and 0 < samples < _STREAMED else None

    def rebuilt() -> bytes:
        fmt, pcm = plain_pcm(sound.head + b"\0" * (len(sound.head) & 1), form, sound.bytes_of(data), order)
        head = b"WAVEfmt " + len(fmt).to_bytes(4, order) + fmt + b"data" + len(pcm).to_bytes(4, order)
        return (b"RIFX" if order == "big" else b"RIFF") + (len(head) + len(pcm)).to_bytes(4, order) + head + pcm

    return _piece(data, sound, at, rebuilt), min(at, len(data))


def _chunk(data: bytes, at: int, order: _Order, *, w64: bool = False) -> _Chunk | None:
    if w64:
        size = int.from_bytes(data[at + 16 : at + 24], "little") - _W64_CHUNK
        return _Chunk(data[at : at + 4], at + _W64_CHUNK, max(size, 0)) if at + _W64_CHUNK <= len(data) else None
    if at + 8 > len(data):
        return None
    return _Chunk(data[at : at + 4], at + 8, int.from_bytes(data[at + 4 : at + 8], order))


def _is_chunk(data: bytes, at: int, order: _Order, *, w64: bool = False) -> bool:
    """Whether a chunk begins here: a name in letters, a size that fits."""
    chunk = _chunk(data, at, order, w64=w64)
    return chunk is not None and _NAME.fullmatch(chunk.name) is not None and chunk.body + chunk.size <= len(data) + 1


def _next(
    data: bytes, chunk: _Chunk, is_chunk: _IsChunk, sound: _Sound, wanted: re.Pattern[bytes], order: _Order
) -> int:
    """Where the next chunk begins. A chunk may lack its padding byte, and one ahead of the sound may have a wrong size."""
    end = chunk.body + chunk.size
    ends = (end + (chunk.size & 1), end)
    # The sound's own chunk may not fit: its size may be any.
    at = next((at for at in ends if not sound.spans and wanted.match(data, at)), None)
    at = next((at for at in ends if is_chunk(at)), None) if at is None else at
    if at is None and sound.spans:
        return ends[0]
    sound.is_ordinary &= at == ends[0]
    if at is not None:
        return at
    sound.strayed += 1
    if sound.strayed > _MOST_STRAYED:
        return len(data)
    found = [match.start() for match in islice(wanted.finditer(data, chunk.body), 100)]
    fits = (at for at in found if is_chunk(at) or (one := _chunk(data, at, order)) is None or one.size >= _STREAMED)
    return next(fits, min(found, default=len(data)))


def _take(data: bytes, sound: _Sound, chunk: _Chunk, is_chunk: _IsChunk, others: Others) -> int:
    """Note the places of a data chunk's samples; return where to read on."""
    rest = len(data) - chunk.body
    limit = others.first(chunk.body, chunk.body if sound.is_samples else chunk.body + min(chunk.size, rest))
    if chunk.size >= _STREAMED or (chunk.size == 0 and rest and not is_chunk(chunk.body)):
        sound.add(chunk.body, limit)
        sound.is_ordinary = False
        return limit
    end = chunk.body + min(chunk.size, rest)
    follows = next((at for at in (end + (chunk.size & 1), end) if _is_end(data, at, limit, is_chunk)), None)
    sound.counts_all |= limit < end and chunk.size <= rest and follows is not None
    sound.announced = (sound.announced or 0) + (limit - chunk.body if sound.counts_all else chunk.size)
    sound.add(chunk.body, min(end, limit))
    if limit < end:
        sound.is_ordinary = False
        return limit
    if follows is not None:
        return min(follows, len(data))
    if limit - end > max(sound.per_s * _UNKNOWN_S, _FEW_BYTES) and data[end:limit].strip(b"\0"):
        sound.add(end, limit)
    return limit


def _is_end(data: bytes, at: int, limit: int, is_chunk: _IsChunk) -> bool:
    return at >= len(data) or at == limit or is_chunk(at) or data.startswith(_TAGS, at)


def _piece(data: bytes, sound: _Sound, end: int, rebuilt: Callable[[], bytes]) -> Piece | None:
    if not sound.spans:
        return None
    whole = data[:end] if sound.is_ordinary else rebuilt()
    held, announced = sound.held, sound.announced
    if sound.per_s:
        length = announced / sound.per_s if announced is not None else None
        return Piece(whole, held / sound.per_s, length, slack=sound.slack)
    header_s = sound.header_s * held / max(announced or held, 1) if sound.header_s else None
    missing = (announced if announced is not None else held) - held
    lengths = f"its header announces {announced} bytes of sound and {held}"
    cut = f"{lengths} of them are there" if missing > _FEW_BYTES else None
    more = {"code": "LENGTH", "message": f"{lengths} are there; all of them are used"}
    return Piece(whole, header_s, None, cut, warnings=(more,) if -missing > _FEW_BYTES else ())


def _read_aiff(data: bytes) -> tuple[Piece | None, int]:
    sound, at, offset = _Sound(), 12, b"\0" * 8
    frame = rate = 0.0
    others = Others(data)

    def is_chunk(at: int) -> bool:
        return _is_chunk(data, at, "big") and not others.is_at(at)

    while (chunk := _chunk(data, at, "big")) and (not sound.spans or is_chunk(at)):
        if chunk.name == b"COMM" and not sound.head:
            sound.head = data[chunk.body : chunk.body + chunk.size]
            frame, rate = _aiff_frame(sound.head)
            sound.per_s, sound.is_samples = frame * rate, frame > 0
        if chunk.name == b"SSND":
            offset = data[chunk.body : chunk.body + 8]
            size = max(chunk.size - 8, 0) if chunk.size < _STREAMED else chunk.size
            at = _take(data, sound, _Chunk(b"SSND", chunk.body + 8, size), is_chunk, others)
        else:
            at = _next(data, chunk, is_chunk, sound, _AIFF_SOUND, "big")
    frames, held = int.from_bytes(sound.head[2:6], "big"), sound.held
    is_stated = 0 < frames < _STREAMED
    sound.header_s = frames / rate if rate and is_stated else None
    if frame and sound.spans and is_stated and not sound.counts_all and abs(frames * frame - held) >= frame:
        # The header also counts frames, and decoders use that count.
        sound.announced, sound.is_ordinary = int(frames * frame), False
    elif frame and not is_stated:
        sound.is_ordinary = False

    def rebuilt() -> bytes:
        comm = sound.head[:2] + int(held / frame if frame else frames).to_bytes(4, "big") + sound.head[6:]
        pcm = sound.bytes_of(data)
        body = data[8:12] + b"COMM" + len(comm).to_bytes(4, "big") + comm + b"\0" * (len(comm) & 1)
        body += b"SSND" + (len(pcm) + 8).to_bytes(4, "big") + offset + pcm
        return b"FORM" + len(body).to_bytes(4, "big") + body

    return _piece(data, sound, at, rebuilt), min(at, len(data))


def _aiff_frame(comm: bytes) -> tuple[float, float]:
    """Return the bytes of one frame of all channels, 0 if not fixed; and frames per second, 0 if nonsense."""
    channels, bits = int.from_bytes(comm[:2], "big"), int.from_bytes(comm[6:8], "big")
    exponent, mantissa = int.from_bytes(comm[8:10], "big") & 0x7FFF, int.from_bytes(comm[10:18], "big")
    rate = mantissa * 2.0 ** (exponent - 16383 - 63) if exponent < 16_383 + 32 else 0.0
    rate = rate if RATES[0] <= rate <= RATES[1] else 0.0
    kind = comm[18:22].lower()
    if kind == b"ima4":
        return channels * 34, rate / 64
    size = 1 if kind in (b"ulaw", b"alaw") else (bits + 7) // 8
    return channels * size if kind in _AIFF_SAMPLES else 0, rate


def _read_caf(data: bytes) -> tuple[Piece | None, int]:
    sound, at, rate, tail = _Sound(), 8, 0.0, 0
    others = Others(data)

    def is_chunk(at: int) -> bool:
        return _is_caf_chunk(data, at) and not others.is_at(at)

    while at + 12 <= len(data) and (not sound.spans or is_chunk(at)):
        name, size = struct.unpack_from(">4sQ", data, at)
        body = at + 12
        if name == b"desc":
            rate, sound.per_s = _caf_rate(data[body : body + 32])
            sound.is_samples = data[body + 8 : body + 12] in _CAF_SAMPLES
        if name == b"pakt" and rate:
            sound.header_s = int.from_bytes(data[body + 8 : body + 16], "big") / rate
        if name == b"data":
            sound.head = data[:at]
            size = size - 4 if 4 <= size < 1 << 62 else 0xFFFFFFFF  # noqa: PLR2004 - its count of edits
            at = tail = _take(data, sound, _Chunk(name, body + 4, size), is_chunk, others)
        else:
            at = body + size

    def rebuilt() -> bytes:
        pcm = sound.bytes_of(data)
        return sound.head + b"data" + (len(pcm) + 4).to_bytes(8, "big") + b"\0" * 4 + pcm + data[tail:at]

    return _piece(data, sound, at, rebuilt), min(at, len(data))


def _is_caf_chunk(data: bytes, at: int) -> bool:
    size = int.from_bytes(data[at + 4 : at + 12], "big")
    is_name = re.fullmatch(rb"[a-z]{4}", data[at : at + 4]) is not None
    return is_name and at + 12 + size <= len(data)


def _caf_rate(desc: bytes) -> tuple[float, float]:
    """Return samples per second, 0 if nonsense; and bytes per second, 0 if not fixed."""
    if len(desc) < 32:  # noqa: PLR2004 - of the format
        return 0.0, 0.0
    rate, _, _, size, frames, _, _ = struct.unpack(">d4sIIIII", desc)
    rate = float(rate) if RATES[0] <= rate <= RATES[1] else 0.0
    return rate, rate * size / frames if frames else 0.0


_READERS: dict[str, Callable[[bytes], tuple[Piece | None, int]]] = {
    "wav": _read_wav, "aiff": _read_aiff, "caf": _read_caf,
}  # fmt: skip
