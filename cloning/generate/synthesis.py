"""A chunk's own values, its wave proved, and the waves joined to one."""

from collections.abc import Sequence

import numpy as np

from cloning.audio.canonical import to_pcm16
from cloning.audio.clipping import Pcm16, remove_long_silences
from cloning.planning.f5 import SAMPLE_RATE, Chunk
from cloning.ports import Samples


def checked(chunk: Chunk, wave: Samples) -> Samples:
    """The chunk's wave. Raises ArithmeticError if it is silence or not finite, as half precision gone wrong makes it."""
    if not (np.isfinite(wave).all() and wave.any()):
        raise ArithmeticError(f"chunk {chunk.index}: the engine made silence, or samples that are not finite")
    return wave


def cross_fade(waves: Sequence[Samples], overlap: int) -> Samples:
    """
    The waves joined with `overlap` samples of linear cross-fade (fewer where a wave is shorter).

    The same samples as upstream's joining (infer_batch_process), which copies all that came before for every chunk.
    """
    joined = np.zeros(sum(len(wave) for wave in waves), dtype=np.float64)
    end = 0
    for wave in waves:
        shared = min(overlap, end, len(wave))
        joined[end - shared : end] = joined[end - shared : end] * np.linspace(1, 0, shared) + wave[
            :shared
        ] * np.linspace(0, 1, shared)
        joined[end : end - shared + len(wave)] = wave[shared:]
        end += len(wave) - shared
    return joined[:end].astype(np.float32)


def finished(samples: Samples, *, remove_silence: bool) -> Pcm16:
    """As it will be encoded. Raises ArithmeticError if 16 bits hear nothing of it."""
    pcm = to_pcm16(samples)
    pcm = remove_long_silences(pcm, SAMPLE_RATE) if remove_silence else pcm
    if not pcm.any():
        raise ArithmeticError("the whole speech is silence")
    return pcm
