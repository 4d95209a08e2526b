"""Where a recording has sound that may be speech."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloning.ports import Samples

STEP_S = 0.01
_WINDOW_S = 0.02
# Below the loud frames by so much is no speech, nor is what is hardly above the quiet ones.
_UNDER_LOUD_DB, _OVER_QUIET_DB = 32.0, 8.0
_LOUD, _QUIET = 95, 5  # percentiles of the frames
_SILENCE_DB = -75.0


@dataclass(frozen=True)
class Voiced:
    """`loudness` in dB of each frame of 10 ms, and whether it is `voiced`."""

    loudness: NDArray[np.float64]
    voiced: NDArray[np.bool_]

    def share(self, start: float, end: float) -> float:
        """Seconds of voiced frames between the two times."""
        return float(self.voiced[frame(start) : frame(end)].sum() * STEP_S)

    def gaps(self) -> list[tuple[float, float]]:
        """The stretches without sound between the first and the last sound, in seconds."""
        quiet = runs(~self.voiced)
        return [(a * STEP_S, b * STEP_S) for a, b in quiet if a > 0 and b < len(self.voiced)]

    def without_gaps(self, shortest: float) -> NDArray[np.bool_]:
        """`voiced`, gaps shorter than that counted as voiced."""
        filled = self.voiced.copy()
        for first, last in runs(~self.voiced):
            if first > 0 and last < len(filled) and (last - first) * STEP_S < shortest:
                filled[first:last] = True
        return filled


def frame(seconds: float) -> int:
    """The frame at that time."""
    return max(round(seconds / STEP_S), 0)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches of true flags as [first, behind last)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def voiced(samples: Samples, sample_rate: int) -> Voiced:
    """The frames of a recording."""
    step, width = round(STEP_S * sample_rate), round(_WINDOW_S * sample_rate)
    power = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    middles = np.arange(0, len(samples), step) + step // 2
    first, last = np.clip(middles - width // 2, 0, len(samples)), np.clip(middles + width // 2, 0, len(samples))
    loudness = 10 * np.log10((power[last] - power[first]) / np.maximum(last - first, 1) + 1e-12)
    if not len(loudness):
        return Voiced(loudness, np.zeros(0, bool))
    loud, quiet = np.percentile(loudness, [_LOUD, _QUIET])
    threshold = max(loud - _UNDER_LOUD_DB, min(quiet + _OVER_QUIET_DB, loud - 12), _SILENCE_DB)
    return Voiced(loudness, loudness > threshold)
