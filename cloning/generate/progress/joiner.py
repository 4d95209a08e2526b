"""Chunks joined one by one: the samples that no later chunk changes. All of them together are the finished speech, bit for bit."""

import numpy as np
from numpy.typing import NDArray

from cloning.audio.canonical import to_pcm16
from cloning.audio.clipping import Pcm16
from cloning.planning.f5 import SAMPLE_RATE, Plan
from cloning.ports import Samples


class Joiner:
    """
    Joins the chunks of a plan in order; the samples equal those of `finished(segments_of(...))` (cloning.generate.synthesis) for all chunks.

    The last `cross_fade_duration` seconds of a chunk are held back: the next one is faded into them.
    """

    def __init__(self, plan: Plan) -> None:
        self._pauses = plan.pauses
        self._last_silence = round(plan.pause_s * SAMPLE_RATE)
        self._overlap = int(plan.cross_fade_duration * SAMPLE_RATE)
        self._place = 0
        self._held: NDArray[np.float64] = np.zeros(0)

    def add(self, wave: Samples) -> Pcm16:
        """Take the next chunk's wave; return what has become final, with the silences around it."""
        silence = round(self._pauses[self._place] * SAMPLE_RATE)
        joined = _cross_faded(self._held, wave, min(self._overlap, len(self._held), len(wave)))
        self._place += 1
        is_last = self._place == len(self._pauses)
        held = 0 if is_last or self._pauses[self._place] else min(self._overlap, len(joined))
        final, self._held = np.split(joined, [len(joined) - held])
        after = self._last_silence if is_last else 0
        return np.concatenate([_silent(silence), to_pcm16(final.astype(np.float32)), _silent(after)])


def _cross_faded(held: NDArray[np.float64], wave: Samples, shared: int) -> NDArray[np.float64]:
    """The wave faded into the last `shared` samples of what is held."""
    kept, faded = np.split(held, [len(held) - shared])
    seam = faded * np.linspace(1, 0, shared) + wave[:shared] * np.linspace(0, 1, shared)
    return np.concatenate([kept, seam, wave[shared:].astype(np.float64)])


def _silent(samples: int) -> Pcm16:
    return np.zeros(samples, dtype=np.int16)
