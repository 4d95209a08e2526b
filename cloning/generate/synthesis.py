"""A chunk's own values, its wave proved, and the waves joined to one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cloning.planning.f5 import Chunk
from cloning.ports import F5Parameters, Parameters, Samples


def checked(chunk: Chunk, wave: Samples) -> Samples:
    """The chunk's wave. Raises ArithmeticError if it is silence or not finite, as half precision gone wrong makes it."""
    if not (np.isfinite(wave).all() and wave.any()):
        raise ArithmeticError(f"chunk {chunk.index}: the engine made silence, or samples that are not finite")
    return wave


def values_of(chunk: Chunk, parameters: Parameters) -> Parameters:
    """The job's values for one chunk: with its own share of a fixed duration."""
    return replace(parameters, fix_duration=chunk.fix_duration) if isinstance(parameters, F5Parameters) else parameters


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
