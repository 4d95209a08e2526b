"""What a speaker model can say anything of."""

import numpy as np

from cloning.ports import Samples

FRAME_S = 0.025
_SILENT = 1e-3  # of full scale, -60 dB


def is_comparable(samples: Samples, sample_rate: int) -> bool:
    """Whether a speaker model can say anything of a recording: it has a frame of 25 ms, and isn't silent."""
    return len(samples) >= FRAME_S * sample_rate and bool(np.max(np.abs(samples)) > _SILENT)
