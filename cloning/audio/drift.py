"""What of a recording is sound: without an offset that drifts or jumps, for measuring alone."""

import numpy as np

from cloning.ports import Samples

# Shorter than a period of what drifts, longer than one of a voice.
_FRAME_S = 0.02
_DEGREE = 3


def without_drift(samples: Samples, rate: int) -> Samples:
    """The whole 20 ms frames of it, each without the smooth curve that lies nearest to it."""
    size = int(rate * _FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    curves, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, size), _DEGREE))
    return np.asarray((frames - frames @ curves @ curves.T).reshape(-1), dtype=np.float32)
