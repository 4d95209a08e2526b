"""
The decoders of one recording: its bytes in, samples of every channel out.

libsndfile (soundfile) reads WAV, AIFF, CAF, FLAC, MP3 and Ogg; FFmpeg's libraries (PyAV) read the rest, and what libsndfile
can't. No ffmpeg program is needed. Neither probes: the container is known, and no other is tried.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloning.errors import InvalidAudio

SHORTEST_S = 1.0
LONGEST_S = 60.0
# A second more than the limit: enough to see that a recording is too long.
_MORE_S = 1.0
_RATES = (8_000, 192_000)
_MOST_CHANNELS = 8
_DEMUXERS = {
    "wav": "wav", "aiff": "aiff", "caf": "caf", "flac": "flac", "mp3": "mp3", "ogg": "ogg", "aac": "aac", "amr": "amr",
    "mp4": "mov", "matroska": "matroska",
}  # fmt: skip
_BY_SOUNDFILE = ("wav", "aiff", "caf", "flac", "mp3", "ogg")
_CODECS = (
    "aac", "aac_latm", "alac", "mp1", "mp2", "mp3", "opus", "vorbis", "flac", "amrnb", "amrwb", "amr_nb", "amr_wb",
    "gsm_ms", "gsm", "ac3", "eac3", "qdm2", "qcelp",
)  # fmt: skip
# Packets hold 2.5 ms of sound or more; a file of single samples would take hours.
_MOST_PACKETS, _MOST_PACKETS_PER_S = 4_000, 2_000
_MOST_SKIPPED = 200_000
# Time codes in milliseconds are rounded, and no word is shorter than this.
_JUMP_S = 0.1
_FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Decoded:
    """
    Samples of one recording: float32, shape [n, channels], and their rate in Hz.

    `seconds` is the whole duration, of which at most a second more than the limit is kept; `is_exact` is False if it may be longer. `announced` is the
    container's own duration in seconds, `lost` the seconds that could not be decoded. `is_float`: stored as float. `tracks` counts
    the audio tracks; `is_alone`: the file holds only this one. `gap`: seconds that the time codes skip in its middle.
    """

    frames: Frames
    rate: int
    seconds: float
    is_exact: bool = True
    announced: float | None = None
    lost: float = 0.0
    is_float: bool = False
    tracks: int = 1
    is_alone: bool = True
    gap: float = 0.0


def decoders(container: str) -> Iterator[Any]:
    """The functions of bytes and a limit in seconds that may read this container, the usual one first; each returns Decoded, or None if it can't."""
    if container in _BY_SOUNDFILE:
        yield _with_soundfile
    yield lambda data, longest_s: _with_av(data, longest_s, _DEMUXERS[container])


def counted(container: str, data: bytes) -> float | None:
    """Count the seconds in a file's packets without decoding them; None if that fails."""
    import av

    try:
        with av.open(
            io.BytesIO(data), "r", format=_DEMUXERS[container], options={"protocol_whitelist": "none"}
        ) as opened:
            packets = islice(opened.demux(opened.streams.audio[0]), _MOST_SKIPPED)
            return sum(_seconds(packet.duration, packet.time_base) for packet in packets)
    except (av.error.FFmpegError, ValueError, IndexError):
        return None


def _with_soundfile(data: bytes, longest_s: float) -> Decoded | None:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _refuse_odd(file.samplerate, file.channels)
            most = int((longest_s + _MORE_S) * file.samplerate)
            frames = file.read(most, dtype="float32", always_2d=True)
            # The header's length may be wrong; where the length can be counted, it is (cloning.audio.decoding).
            known = file.frames if file.frames < 2**40 and len(frames) >= most else len(frames)
            is_float = file.subtype in _FLOAT_SUBTYPES
            return Decoded(frames, int(file.samplerate), known / file.samplerate, is_float=is_float)
    except (soundfile.LibsndfileError, ValueError):
        return None


def _with_av(data: bytes, longest_s: float, demuxer: str) -> Decoded | None:
    import av

    try:
        with av.open(io.BytesIO(data), "r", format=demuxer, options={"protocol_whitelist": "none"}) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or getattr(stream, "codec_context", None) is None:  # of a codec that FFmpeg doesn't know
                return None
            codec = stream.codec_context.codec.canonical_name
            if not codec.startswith(("pcm_", "adpcm_")) and codec not in _CODECS:
                return None
            reader = _Reader(container, stream, longest_s + _MORE_S)
            reader.run()
            return reader.decoded()
    except (av.error.FFmpegError, ValueError, OverflowError, IndexError):
        return None


class _Reader:
    """Reads one stream packet by packet: a bad packet loses only itself, and their number is limited."""

    def __init__(self, container: Any, stream: Any, kept_s: float) -> None:
        self._container, self._stream, self._kept_s = container, stream, kept_s
        self._blocks: list[Frames] = []
        self._samples = self._rate = self._packets = 0
        self._lost = 0.0
        self._end: float | None = None
        self._is_exact = True
        self._next_s: float | None = None
        self._gap = 0.0

    def run(self) -> None:
        import av

        packets = self._container.demux(self._stream)
        while (packet := self._next(packets)) is not None:
            try:
                for frame in packet.decode():
                    self._add(frame)
            except av.error.EOFError:
                pass
            except av.error.FFmpegError:
                self._lost += _seconds(packet.duration, packet.time_base)
            self._packets += 1
            self._refuse_crumbs()
            if self._rate and self._samples > self._kept_s * self._rate:
                self._measure_rest(packets)
                return

    def _next(self, packets: Any) -> Any:
        import av

        try:
            return next(packets, None)
        except av.error.FFmpegError:
            return None  # the stream ends here; the caller compares it with the counted length

    def _add(self, frame: Any) -> None:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        _refuse_odd(rate, channels)
        if self._blocks and (rate, channels) != (self._rate, self._blocks[0].shape[1]):
            raise InvalidAudio(
                f"audio changes from {self._rate} Hz and {self._blocks[0].shape[1]} channels to {rate} Hz and {channels} "
                f"at {self._samples / self._rate:.2f} s; export it again as one WAV"
            )
        self._rate = rate
        self._note_gap(frame, rate)
        self._blocks.append(_floats(frame, channels))
        self._samples += len(self._blocks[-1])

    def _note_gap(self, frame: Any, rate: int) -> None:
        """Add up jumps in the time codes: parts that were removed."""
        if frame.pts is None:
            return
        begin = _seconds(frame.pts, frame.time_base)
        if self._next_s is not None and begin - self._next_s > _JUMP_S:
            self._gap += begin - self._next_s
        self._next_s = begin + frame.samples / rate

    def _refuse_crumbs(self) -> None:
        seconds = self._samples / self._rate if self._rate else 0.0
        if self._packets > _MOST_PACKETS + _MOST_PACKETS_PER_S * seconds:
            raise InvalidAudio(
                f"audio is cut into {self._packets} packets for {seconds:.2f} s of sound; export it again as WAV",
                packets=self._packets,
            )

    def _measure_rest(self, packets: Any) -> None:
        """Measure the rest of a recording that is already known to be too long."""
        for _ in range(_MOST_SKIPPED):
            packet = self._next(packets)
            if packet is None:
                return
            if packet.pts is not None:
                begin = _seconds(self._stream.start_time or 0, packet.time_base)
                self._end = max(
                    self._end or 0.0, _seconds(packet.pts + (packet.duration or 0), packet.time_base) - begin
                )
        self._is_exact = False

    def decoded(self) -> Decoded | None:
        if not self._blocks:
            return None
        kept = self._samples / self._rate
        stream = self._stream
        announced = _seconds(stream.duration, stream.time_base) if stream.duration and stream.time_base else None
        return Decoded(
            np.concatenate(self._blocks), self._rate, max(kept, self._end or 0.0), self._is_exact, announced, self._lost,
            is_float=stream.codec_context.codec.canonical_name.startswith(("pcm_f32", "pcm_f64")),
            tracks=len(self._container.streams.audio), is_alone=len(self._container.streams) == 1,
            gap=self._gap,
        )  # fmt: skip


def _seconds(ticks: int | None, time_base: Any) -> float:
    return float((ticks or 0) * time_base) if time_base else 0.0


_FULL_SCALE = {"u8": 128.0, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


def _floats(frame: Any, channels: int) -> Frames:
    """Convert a decoded block to float32, shape [n, channels]."""
    kind = frame.format.name.removesuffix("p")
    block = frame.to_ndarray()
    block = block.T if frame.format.is_planar else block.reshape(-1, channels)
    if kind in _FULL_SCALE:
        block = (block.astype(np.float64) - (128 if kind == "u8" else 0)) / _FULL_SCALE[kind]
    return np.asarray(block, dtype=np.float32)


def _refuse_odd(rate: int, channels: int) -> None:
    low, high = _RATES
    if not low <= rate <= high:
        raise InvalidAudio(f"audio has a sample rate of {rate} Hz; send {low} to {high} Hz", sample_rate=rate)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise InvalidAudio(f"audio has {channels} channels; send mono or stereo", channels=channels)
