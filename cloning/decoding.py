"""
Audio files decoded: a container's bytes in, mono samples out.

Containers are soundfile's (WAV, FLAC, MP3, OGG) and, for what phones and browsers record, PyAV's (M4A/AAC, WebM): no ffmpeg
program is needed.
"""

import io
from dataclasses import dataclass

import numpy as np

from cloning.errors import InvalidAudio
from cloning.ports import Samples

SHORTEST_S = 1.0
LONGEST_S = 60.0
_RATES = (8_000, 192_000)
_MOST_CHANNELS = 8
# Only containers that carry their own sound: a playlist (m3u8, concat) would make the decoder open what it names.
_AV_OPTIONS = {"format_whitelist": "mov,mp4,m4a,3gp,matroska,webm,aac,aiff,amr", "protocol_whitelist": "none"}


@dataclass(frozen=True)
class Recording:
    """Decoded reference audio: float32 mono samples, shape [n], and their rate in Hz."""

    samples: Samples
    sample_rate: int

    @property
    def duration(self) -> float:
        return len(self.samples) / self.sample_rate


def decode(data: bytes) -> Recording:
    """Any container that we know, mixed to mono, up to a little over 60 s. Raises InvalidAudio."""
    if not data:
        raise InvalidAudio("audio is empty (0 bytes); send a recording of 1 to 60 s")
    recording = _decode_with_soundfile(data) or _decode_with_av(data)
    if recording is None:
        raise InvalidAudio(
            f"audio can't be decoded ({len(data)} bytes): send WAV, FLAC, MP3, OGG, M4A or WebM", bytes=len(data)
        )
    if not np.isfinite(recording.samples).all():
        raise InvalidAudio("audio holds NaN or infinite samples; export it again as 16-bit WAV")
    return recording


def _decode_with_soundfile(data: bytes) -> Recording | None:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _refuse_odd(file.samplerate, file.channels)
            # The header may lie about the length; we only ever read what may be used, and one second more.
            frames = file.read(int((LONGEST_S + 1) * file.samplerate), dtype="float32", always_2d=True)
            _refuse_too_long(max(len(frames), file.frames if file.frames < 2**40 else 0), file.samplerate)
            return Recording(frames.mean(axis=1, dtype=np.float32), int(file.samplerate))
    except soundfile.LibsndfileError:
        return None


def _decode_with_av(data: bytes) -> Recording | None:
    import av

    try:
        with av.open(io.BytesIO(data), "r", options=_AV_OPTIONS) as container:
            stream = next((one for one in container.streams.audio), None)
            if stream is None or getattr(stream, "codec_context", None) is None:  # of a codec that FFmpeg doesn't know
                return None
            _refuse_odd(stream.rate, stream.channels)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
            blocks: list[Samples] = []
            frames = 0
            for frame in container.decode(stream):
                heard = [block.to_ndarray()[0] for block in resampler.resample(frame)]
                frames += sum(len(block) for block in heard)
                blocks += heard
                _refuse_too_long(frames, stream.rate)
    except (av.error.FFmpegError, ValueError):
        return None
    return Recording(np.concatenate(blocks), int(stream.rate)) if blocks else None


def _refuse_odd(rate: int, channels: int) -> None:
    low, high = _RATES
    if not low <= rate <= high:
        raise InvalidAudio(f"audio has a sample rate of {rate} Hz; send {low} to {high} Hz", sample_rate=rate)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise InvalidAudio(f"audio has {channels} channels; send mono or stereo", channels=channels)


def _refuse_too_long(frames: int, rate: int) -> None:
    if frames > LONGEST_S * rate:
        raise InvalidAudio(
            f"reference audio lasts {frames / rate:.1f} s; send {SHORTEST_S:g} to {LONGEST_S:g} s (12 s are used)",
            duration=round(frames / rate, 3), longest=LONGEST_S,
        )  # fmt: skip
