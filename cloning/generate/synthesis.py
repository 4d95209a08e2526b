"""A chunk's own values, its wave proved, and the waves joined to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cloning.audio.canonical import to_pcm16
from cloning.audio.clipping import Kept, Pcm16, cut_long_silences
from cloning.planning.f5 import SAMPLE_RATE, Chunk, Plan
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


@dataclass(frozen=True)
class Segment:
    """Chunks without a pause between them, cross-faded to one wave; `starts` are where each begins in it, `silence` what comes before, both in samples."""

    silence: int
    chunks: tuple[Chunk, ...]
    starts: tuple[int, ...]
    samples: Samples


@dataclass(frozen=True)
class Finished:
    """The speech as it will be encoded, and where each chunk is in it: `clock` turns a chunk's seconds into the speech's."""

    pcm: Pcm16
    _pieces: tuple[tuple[Segment, int, tuple[Kept, ...]], ...]

    def seconds(self, chunk: Chunk, at: float) -> float:
        """When in the speech the moment `at` of that chunk is; of a moment that was cut as silence, when the cut is."""
        for segment, begin, kept in self._pieces:
            if chunk in segment.chunks:
                sample = segment.starts[segment.chunks.index(chunk)] + round(at * SAMPLE_RATE)
                return (begin + _after_cuts(sample, kept)) / SAMPLE_RATE
        raise AssertionError(f"chunk {chunk.index} is in no segment")


def segments_of(plan: Plan, waves: Mapping[int, Samples]) -> tuple[Segment, ...]:
    """The waves of a plan's chunks, by their index, joined where no pause parts them."""
    overlap = int(plan.cross_fade_duration * SAMPLE_RATE)
    groups: list[list[Chunk]] = []
    for chunk in plan.chunks:
        if not groups or chunk.pause_s:
            groups.append([])
        groups[-1].append(chunk)
    return tuple(_segment(group, [waves[chunk.index] for chunk in group], overlap) for group in groups)


def _segment(chunks: Sequence[Chunk], waves: Sequence[Samples], overlap: int) -> Segment:
    starts, end = [], 0
    for wave in waves:
        starts.append(end - min(overlap, end, len(wave)))
        end = starts[-1] + len(wave)
    silence = round(chunks[0].pause_s * SAMPLE_RATE)
    return Segment(silence, tuple(chunks), tuple(starts), cross_fade(waves, overlap))


def finished(segments: Sequence[Segment], *, last_silence_s: float = 0.0, remove_silence: bool) -> Finished:
    """
    The segments as they will be encoded, with their pauses, which `remove_silence` leaves alone.

    Raises ArithmeticError if 16 bits hear nothing of it.
    """
    parts: list[Pcm16] = []
    pieces: list[tuple[Segment, int, tuple[Kept, ...]]] = []
    at = 0
    for segment in segments:
        pcm = to_pcm16(segment.samples)
        pcm, kept = cut_long_silences(pcm, SAMPLE_RATE) if remove_silence else (pcm, ((0, len(pcm)),))
        pieces.append((segment, at + segment.silence, kept))
        parts += [_silent(segment.silence), pcm]
        at += segment.silence + len(pcm)
    speech = np.concatenate([*parts, _silent(round(last_silence_s * SAMPLE_RATE))])
    if not speech.any():
        raise ArithmeticError("the whole speech is silence")
    return Finished(speech, tuple(pieces))


def _silent(samples: int) -> Pcm16:
    return np.zeros(samples, dtype=np.int16)


def _after_cuts(sample: int, kept: Sequence[Kept]) -> int:
    """Where a sample comes to lie when only the kept ones stay."""
    return sum(min(sample, end) - begin for begin, end in kept if sample > begin)
