"""
Reference audio in, speech out: measure, make canonical, encode.

Samples are float32 mono, shape [n]; cloning/audio/decoding.py makes them from a file's bytes.
"""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from cloning.audio.clipping import QUIET_DBFS, Pcm16, clip_reference, speech_dbfs
from cloning.audio.decoding import LONGEST_S, SHORTEST_S, Recording, decode
from cloning.audio.lengths import Warnings
from cloning.audio.levels import without_drift
from cloning.errors import InvalidAudio
from cloning.ports import Samples

SAMPLE_RATE = 24_000
QUIETEST_DBFS = -45.0
MOST_CLIPPED = 0.05
# The target level for a quiet voice: that of the loudest half second of most recordings.
_RAISED_DBFS = -20.0
_MOST_GAIN_DB = 25.0  # enough for the quietest voices; more would raise the room's noise
_SOUNDFILE_FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "OPUS"),
}
CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


@dataclass(frozen=True)
class Measures:
    """Measurements of a recording before clipping and gain, but after an offset is removed and float samples are scaled."""

    duration: float
    sample_rate: int
    peak_dbfs: float
    rms_dbfs: float
    clipped_share: float
    silent_share: float
    snr_db: float

    def to_json(self) -> dict[str, float]:
        """Return the rounded values, as in replies and records."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Canonical:
    """
    Reference audio as it is stored: 24 kHz mono PCM16 WAV, clipped at 12 s the way F5-TTS clips.

    `clipped`: whether speech was cut off; `gain_db`: the gain of a quiet recording; `warnings`: for the caller, about the file,
    each with `code` and `message`.
    """

    wav: bytes
    duration: float
    clipped: bool
    gain_db: float = 0.0
    warnings: Warnings = ()


def check_and_make_canonical(data: bytes) -> tuple[Canonical, Measures]:
    """Make the stored form and the measures of an upload. Raises InvalidAudio with the measures and advice."""
    recording = decode(data)
    measures = measure(recording)
    _refuse_unusable(measures)
    _refuse_drift(recording)
    return make_canonical(recording), measures


def measure(recording: Recording) -> Measures:
    """Levels in dB of full scale; shares of samples and 20 ms frames; SNR as loud frames over the quietest tenth."""
    samples = recording.samples
    powers = [float(np.mean(np.square(frame, dtype=np.float64))) for frame in _frames(recording)]
    loudness = np.sqrt(powers or [0.0])
    return Measures(
        duration=recording.duration,
        sample_rate=recording.sample_rate,
        peak_dbfs=_dbfs(float(np.max(np.abs(samples), initial=0.0))),
        rms_dbfs=_dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0),
        clipped_share=_clipped_share(recording),
        silent_share=float(np.mean(loudness < 10 ** (QUIETEST_DBFS / 20))),
        snr_db=_dbfs(float(np.percentile(loudness, 90))) - _dbfs(float(np.percentile(loudness, 10))),
    )


def _clipped_share(recording: Recording) -> float:
    if recording.clipped_share is not None:
        return recording.clipped_share
    return float(np.mean(np.abs(recording.samples) >= 0.999)) if len(recording.samples) else 0.0  # noqa: PLR2004 - full scale less rounding


def _frames(recording: Recording) -> Iterator[Samples]:
    size = recording.sample_rate // 50
    return (recording.samples[start : start + size] for start in range(0, len(recording.samples), size))


def _dbfs(level: float) -> float:
    return float(20 * np.log10(max(level, 1e-6)))


def _refuse_unusable(measures: Measures) -> None:
    measured = measures.to_json()
    if measures.duration < SHORTEST_S:
        raise InvalidAudio(
            f"reference audio lasts {measures.duration:.2f} s; send {SHORTEST_S:g} to {LONGEST_S:g} s",
            measured=measured,
        )
    if measures.rms_dbfs < QUIETEST_DBFS:
        raise InvalidAudio(
            f"reference audio is silent or too quiet ({measures.rms_dbfs:.1f} dBFS); "
            f"send a recording louder than {QUIETEST_DBFS:g} dBFS", measured=measured,
        )  # fmt: skip
    if measures.clipped_share > MOST_CLIPPED:
        raise InvalidAudio(
            f"{measures.clipped_share:.0%} of the samples are clipped at full scale; record with less gain",
            measured=measured,
        )


def _refuse_drift(recording: Recording) -> None:
    """Refuse a recording that is loud only by a drifting offset."""
    level = speech_dbfs(without_drift(recording.samples, recording.sample_rate), recording.sample_rate)
    if level < QUIETEST_DBFS:
        raise InvalidAudio(
            f"reference audio is silent or too quiet: no half second of it is louder than {level:.1f} dBFS (without an offset that drifts or "
            f"jumps); send more speech, louder than {QUIETEST_DBFS:g} dBFS", loudest_dbfs=round(level, 1),
        )  # fmt: skip


def make_canonical(recording: Recording) -> Canonical:
    """
    Convert to 24 kHz mono PCM16, clipped at 12 s the way F5-TTS clips; only a quiet recording is raised first.

    Raises InvalidAudio if less than 1 s of speech remains.
    """
    import soxr

    gain_db = _gain(recording)
    samples = (recording.samples * 10 ** (gain_db / 20)).astype(np.float32) if gain_db else recording.samples
    if recording.sample_rate != SAMPLE_RATE:
        samples = soxr.resample(samples, recording.sample_rate, SAMPLE_RATE)
    pcm, clipped = clip_reference(to_pcm16(samples), SAMPLE_RATE)
    duration = len(pcm) / SAMPLE_RATE
    if duration < SHORTEST_S:
        raise InvalidAudio(
            f"only {duration:.2f} s of speech remain without the silence around it; send at least {SHORTEST_S:g} s",
            speech=duration,
        )
    return Canonical(encode_pcm16(pcm, SAMPLE_RATE, "wav"), duration, clipped, gain_db, recording.warnings)


def _gain(recording: Recording) -> float:
    """The gain in dB for a quiet recording; 0 for others, including a short loud sound in a quiet room."""
    level = speech_dbfs(recording.samples, recording.sample_rate)
    is_quiet = max(level, measure(recording).rms_dbfs) < QUIET_DBFS
    return round(min(_RAISED_DBFS - level, _MOST_GAIN_DB), 1) if is_quiet else 0.0


def to_pcm16(samples: Samples) -> Pcm16:
    """Convert [-1, 1] to 16 bits, rounded; limit values outside."""
    return np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)


def encode_pcm16(pcm: Pcm16, sample_rate: int, audio_format: str) -> bytes:
    """Encode 16-bit mono samples as a complete file."""
    import soundfile

    container, subtype = _SOUNDFILE_FORMATS[audio_format]
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, subtype, format=container) as file:
        # libsndfile's Opus encoder keeps its input on the stack: write a second at a time.
        for start in range(0, len(pcm), sample_rate):
            file.write(pcm[start : start + sample_rate])
    return buffer.getvalue()
