"""Recordings in every supported container, made by the encoders at hand, and false headers for them."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from cloning.ports import Samples

BY_SOUNDFILE = {
    "wav": ("WAV", "PCM_16", 24_000), "wav-24": ("WAV", "PCM_24", 24_000), "wav-8": ("WAV", "PCM_U8", 24_000),
    "wav-float": ("WAV", "FLOAT", 24_000), "wav-ulaw": ("WAV", "ULAW", 24_000), "wav-alaw": ("WAV", "ALAW", 24_000),
    "wav-ima": ("WAV", "IMA_ADPCM", 24_000), "wav-ms": ("WAV", "MS_ADPCM", 24_000), "wavex": ("WAVEX", "PCM_16", 24_000),
    "rf64": ("RF64", "PCM_16", 24_000), "w64": ("W64", "PCM_16", 24_000),
    "aiff": ("AIFF", "PCM_16", 24_000), "aifc": ("AIFF", "FLOAT", 24_000), "aifc-ulaw": ("AIFF", "ULAW", 24_000),
    "caf": ("CAF", "PCM_16", 24_000), "flac": ("FLAC", "PCM_16", 24_000), "flac-24": ("FLAC", "PCM_24", 24_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 24_000), "mp3-44": ("MP3", "MPEG_LAYER_III", 44_100),
    "vorbis": ("OGG", "VORBIS", 24_000), "opus": ("OGG", "OPUS", 48_000),
}  # fmt: skip
BY_AV = {
    "ogg-flac": ("oga", "flac", {}), "adts": ("adts", "aac", {}), "m4a": ("ipod", "aac", {}), "m4a-faststart": ("mp4", "aac", {"movflags": "faststart"}),
    "m4a-alac": ("ipod", "alac", {}), "mp4-fragmented": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    "webm": ("webm", "libopus", {}), "webm-live": ("webm", "libopus", {"live": "1"}), "matroska": ("matroska", "aac", {}),
    "3gp": ("3gp", "aac", {}),
}  # fmt: skip
RATE = 48_000


def speech(seconds: float, rate: int = RATE) -> Samples:
    """A tone whose loudness rises and falls, at -17 dBFS."""
    time = np.arange(int(seconds * rate)) / rate
    return (0.2 * np.sin(2 * np.pi * 220 * time) * (0.8 + 0.2 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def by_soundfile(samples: Samples, rate: int, container: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def by_av(samples: Samples, container: str, codec: str, options: dict[str, str]) -> bytes:
    import av

    with TemporaryDirectory() as folder, av.open(f"{folder}/file", "w", format=container, options=options) as output:
        stream: Any = output.add_stream(codec, rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, "mono", RATE, frame_size=stream.frame_size or 960)
        for block in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
        output.close()
        return Path(folder, "file").read_bytes()


def amr(seconds: float) -> bytes:
    """AMR frames of 12.2 kbit/s without meaning: there is no encoder here."""
    noise = np.random.default_rng(1).integers(0, 256, (int(seconds * 50), 31), dtype=np.uint8)
    return b"#!AMR\n" + b"".join(b"\x3c" + one.tobytes() for one in noise)


def recording(name: str, seconds: float) -> bytes:
    """A recording of so many seconds in this container and codec."""
    if name == "amr":
        return amr(seconds)
    if name in BY_SOUNDFILE:
        container, subtype, rate = BY_SOUNDFILE[name]
        return by_soundfile(speech(seconds, rate), rate, container, subtype)
    return by_av(speech(seconds), *BY_AV[name])


EVERY = (*BY_SOUNDFILE, *BY_AV, "amr")
