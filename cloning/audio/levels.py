"""
Mixing of all channels to mono, at a level that can be measured.

An ordinary recording is only mixed. Faults that would distort measurements or sound are corrected first, with a warning: a
constant offset, float samples beyond full scale, channels that cancel each other or of which one is silent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloning.audio.lengths import Warnings
from cloning.errors import InvalidAudio
from cloning.ports import Samples

# An offset this far from zero (-47 dBFS), or this large relative to the sound, is removed. Recordings stay far below 0.001; those
# stored as 8 bits may be half a step from zero (0.0039).
_OFFSET, _OFFSET_SHARE = 0.0045, 0.1
_FULL = 1.001
# Lossy codecs overshoot by a few dB after loud input: that is only limited.
_OVERSHOOT = 1.5
# A float file with a peak beyond this (+24 dB) holds integers of 8, 16, 24 or 32 bits.
_INTEGERS, _SCALES = 16.0, (2.0**7, 2.0**15, 2.0**23, 2.0**31)
# A peak so far beyond the level of all but a thousandth of the samples is a fault of single samples only.
_LONE, _USUAL = 4.0, 99.9
_WINDOW_S = 0.5
# Uncorrelated channels of equal loudness mix to 1 / sqrt(n) of one channel: less means cancellation.
_KEPT, _CANCELLED, _HEARD = 0.85, 0.5, 0.0056
# Shorter than a period of the drift, longer than one of a voice.
_DRIFT_FRAME_S = 0.02
_DRIFT_DEGREE = 3

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Mono:
    """Samples, shape [n]; warnings about corrections; and the share at full scale before an offset was removed."""

    samples: Samples
    warnings: Warnings = ()
    clipped_share: float | None = None


def mono(frames: Frames, rate: int, *, is_float: bool) -> Mono:
    """Mix float32 [n, channels] to one channel."""
    frames, scaled = _scaled(frames, is_float=is_float)
    centred, offset = _centred(frames)
    samples, mixed = _mixed(centred, rate)
    share = float(np.mean(np.abs(frames).max(axis=1) >= 0.999)) if offset and len(frames) else None  # noqa: PLR2004 - full scale less rounding
    return Mono(samples, (*scaled, *offset, *mixed), share)


def _scaled(frames: Frames, *, is_float: bool) -> tuple[Frames, Warnings]:
    peak = float(max(frames.max(initial=0.0), -frames.min(initial=0.0)))
    if peak <= (_FULL if is_float else _OVERSHOOT):
        return frames, ()
    usual = float(np.percentile(np.abs(frames), _USUAL))
    if peak > max(_LONE * usual, _OVERSHOOT):
        return _without_lone(frames, peak, usual, is_float=is_float)
    scale, what = _scale(peak, is_float=is_float)
    return (frames / np.float32(scale)).astype(np.float32), _warning("LEVEL", f"the recording's {what}")


def _scale(peak: float, *, is_float: bool) -> tuple[float, str]:
    """The divisor of the samples, and why. Raises InvalidAudio if they are not sound."""
    if peak > _SCALES[-1] or (peak > _INTEGERS and not is_float):
        raise InvalidAudio(
            f"audio is damaged: its samples go up to {peak:.3g} times full scale; send it again, or export it as 16-bit WAV"
        )
    if peak > _INTEGERS:
        scale = next(one for one in _SCALES if peak <= one)
        bits = round(np.log2(scale)) + 1
        return scale, f"samples go up to {peak:.0f}: whole numbers stored as float, taken as {bits} bits"
    decibels = 20 * np.log10(peak)
    return (
        peak,
        f"peak is {decibels:+.1f} dBFS, beyond full scale; it was scaled down by {decibels:.1f} dB, not cut off",
    )


def _without_lone(frames: Frames, peak: float, usual: float, *, is_float: bool) -> tuple[Frames, Warnings]:
    """Limit single extreme samples to the level that the others may have."""
    limit = max(1.0, _LONE * usual if usual > _FULL else 1.0)
    count = int((np.abs(frames) > limit).any(axis=1).sum())
    limited, scaled = _scaled(np.clip(frames, -limit, limit), is_float=is_float)
    message = f"{count} single samples go up to {peak:.3g} times full scale; they were limited to {limit:.3g}, the others are unchanged"
    return limited, (*_warning("PEAKS", message), *scaled)


def _centred(frames: Frames) -> tuple[Frames, Warnings]:
    if not len(frames):
        return frames, ()
    offsets = frames.mean(axis=0, dtype=np.float64)
    largest = float(np.max(np.abs(offsets)))
    if largest <= _OFFSET:
        loudness = np.sqrt(np.einsum("ij,ij->j", frames, frames, dtype=np.float64) / len(frames))
        if not (np.abs(offsets) > _OFFSET_SHARE * loudness).any() or largest < 1e-4:  # noqa: PLR2004 - below the resolution of 16 bits
            return frames, ()
    message = f"the recording had a constant offset of {largest:.3g} of full scale (DC); it was removed"
    return (frames - offsets.astype(np.float32)).astype(np.float32), _warning("OFFSET", message)


def _mixed(frames: Frames, rate: int) -> tuple[Samples, Warnings]:
    mix = frames.mean(axis=1, dtype=np.float32)
    channels = frames.shape[1]
    if channels == 1 or not len(frames):
        return mix, ()
    loud, quiet = _loudness(frames, rate), _loudness(mix[:, np.newaxis], rate)[:, 0]
    each = np.sqrt(np.mean(np.square(loud), axis=0))
    best = int(np.argmax(each))
    top = loud.max(axis=1)
    is_lost = np.sqrt(np.mean(np.square(quiet))) < _KEPT / np.sqrt(channels) * each[best]
    is_cancelled = bool(((top > _HEARD) & (quiet < _CANCELLED / channels * top)).any())
    if not is_lost and not is_cancelled:
        return mix, ()
    others = np.delete(each, best).max()
    why = "one is all but silent" if others < 0.1 * each[best] else "mixed they cancel each other"
    if why.startswith("one") and channels > 2:  # noqa: PLR2004 - stereo
        why = "the others are all but silent"
    message = f"of the recording's {channels} channels only number {best + 1}, the loudest, is used: {why}"
    return np.ascontiguousarray(frames[:, best]), _warning("CHANNELS", message)


def _loudness(frames: Frames, rate: int) -> NDArray[np.float64]:
    """RMS of each half second, shape [windows, channels]."""
    size = max(int(rate * _WINDOW_S), 1)
    windows = [frames[begin : begin + size] for begin in range(0, len(frames), size)]
    return np.array([np.sqrt(np.einsum("ij,ij->j", one, one, dtype=np.float64) / len(one)) for one in windows])


def _warning(code: str, message: str) -> Warnings:
    return ({"code": code, "message": message},)


def without_drift(samples: Samples, rate: int) -> Samples:
    """Subtract the best-fitting smooth curve from each complete 20 ms frame."""
    size = int(rate * _DRIFT_FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    curves, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, size), _DRIFT_DEGREE))
    return np.asarray((frames - frames @ curves @ curves.T).reshape(-1), dtype=np.float32)
