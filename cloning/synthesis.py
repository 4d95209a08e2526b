"""Chunks as engines are asked for them, and their waves joined to one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cloning.planning import Chunk, Plan
from cloning.ports import Engine, F5Parameters, Parameters, Reference, Samples, Utterance, go_on


def joined(plan: Plan, waves: Sequence[Samples], *, sample_rate: int) -> Samples:
    """The plan's speech of the waves of its chunks, float32 mono."""
    return cross_fade(waves, int(plan.cross_fade_duration * sample_rate))


def checked(chunk: Chunk, wave: Samples) -> Samples:
    """The chunk's wave. Raises ArithmeticError if it is silence or not finite, as half precision gone wrong makes it."""
    if not (np.isfinite(wave).all() and wave.any()):
        raise ArithmeticError(f"chunk {chunk.index}: the engine made silence, or samples that are not finite")
    return wave


def utterance_of(
    reference: Reference, chunk: Chunk, parameters: F5Parameters, before_step: Callable[[], None]
) -> Utterance:
    """The chunk for those who gather several, with its own seed and share of a fixed duration."""
    one = replace(parameters, fix_duration=chunk.fix_duration)
    return Utterance(reference, chunk.text, chunk.seed, one, before_step)


def speak_with(
    engine: Engine,
    reference: Reference,
    parameters: Parameters,
    before_step: Callable[[], None] = go_on,
    *,
    frugal: bool = False,
) -> Callable[[Chunk], Samples]:
    """What makes a chunk's samples: the engine, with the chunk's own seed and share of a fixed duration."""

    def speak(chunk: Chunk) -> Samples:
        one = parameters
        if isinstance(parameters, F5Parameters):
            one = replace(parameters, fix_duration=chunk.fix_duration)
        return engine.speak(
            reference, chunk.text, seed=chunk.seed, parameters=one, before_step=before_step, frugal=frugal
        )

    return speak


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
