"""
Decodes a part's file to samples, and encodes them: one encoder for all parts, so that there are no clicks between them.

An encoder writes to a sink that can't seek. A muxer that can seek would go back to its header at the end, which has already been sent.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol, cast

import av
import numpy as np
from numpy.typing import NDArray

RATE = 24_000
Samples = NDArray[np.int16]
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
MEDIA: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": f"audio/pcm;rate={RATE}",
}
_UNKNOWN = 0xFFFFFFFF  # a size that readers take for "until the end"; 0 is refused by Python's wave


class Encoder(Protocol):
    """Takes samples and returns bytes; `finish` returns the last ones."""

    def encode(self, samples: Samples) -> bytes: ...
    def finish(self) -> bytes: ...


@dataclass(frozen=True)
class _Codec:
    container: str
    codec: str
    bit_rate: int | None
    options: dict[str, str] = field(default_factory=dict)


_CODECS: dict[Format, _Codec] = {
    # Without the header that names the length, and without tags: callers join the files of several requests.
    "mp3": _Codec("mp3", "libmp3lame", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    "opus": _Codec("ogg", "libopus", 64_000, {"page_duration": "200000"}),
    "aac": _Codec("adts", "aac", 96_000),
    "flac": _Codec("flac", "flac", None),
}


class _Sink:
    """Takes what the muxer writes. It has no `seek`, so libavformat knows that it can't seek."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _Compressed:
    def __init__(self, codec: _Codec) -> None:
        self._sink = _Sink()
        options = {**codec.options, "flush_packets": "1", "fflags": "+bitexact"}
        self._file = av.open(self._sink, "w", format=codec.container, container_options=options)
        stream = self._file.add_stream(codec.codec, rate=RATE, layout="mono")
        self._stream = cast("av.AudioStream", stream)
        if codec.bit_rate is not None:
            self._stream.bit_rate = codec.bit_rate
        self._at = 0

    def encode(self, samples: Samples) -> bytes:
        if len(samples):
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
            self._at += len(samples)
            self._file.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._file.mux(self._stream.encode(None))
        self._file.close()
        return self._sink.take()


@dataclass
class _Raw:
    header: bytes = b""

    def encode(self, samples: Samples) -> bytes:
        head, self.header = self.header, b""
        return head + samples.astype("<i2").tobytes()

    def finish(self) -> bytes:
        return self.encode(np.zeros(0, np.int16))


def encoder(format_: Format) -> Encoder:
    """Make an encoder."""
    if format_ == "pcm":
        return _Raw()
    if format_ == "wav":
        return _Raw(_wav_header())
    return _Compressed(_CODECS[format_])


def _wav_header() -> bytes:
    """The header of a mono PCM16 WAV of unknown length."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    return struct.pack("<4sI4s4sI16s4sI", b"RIFF", _UNKNOWN, b"WAVE", b"fmt ", len(form), form, b"data", _UNKNOWN)


def samples_of(file: bytes) -> Iterator[Samples]:
    """The samples of a part or a result, about a second at a time, so that no call takes long. Raises av.FFmpegError."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=RATE)
    with av.open(io.BytesIO(file), "r") as container:
        for frame in container.decode(audio=0):
            yield from (one.to_ndarray()[0] for one in resampler.resample(frame))
        yield from (one.to_ndarray()[0] for one in resampler.resample(None))


def silence(seconds: float) -> Samples:
    """No samples."""
    return np.zeros(round(seconds * RATE), np.int16)
