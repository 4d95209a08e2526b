"""Chunks counted, each wave proved, and the waves joined to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cloning.audio.canonical import to_pcm16
from cloning.audio.clipping import Kept, Pcm16, cut_long_silences
from cloning.planning.f5 import SAMPLE_RATE, Chunk
from cloning.ports import Samples


@dataclass
class Tally:
    """What became of the chunks of one attempt."""

    made: int = 0
    reused: int = 0
    frugal: int = 0


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
    """Chunks without a pause between them, cross-faded to one wave: where each begins in it by its place, and the silence before, in samples."""

    silence: int
    starts: Mapping[int, int]
    samples: Samples


@dataclass(frozen=True)
class Finished:
    """The speech as it will be encoded, and where each chunk is in it: `clock` turns a chunk's seconds into the speech's."""

    pcm: Pcm16
    _pieces: tuple[tuple[Segment, int, tuple[Kept, ...]], ...]

    def seconds(self, place: int, at: float) -> float:
        """When in the speech the moment `at` of the chunk at that place is; of a moment that was cut as silence, when the cut is."""
        for segment, begin, kept in self._pieces:
            if place in segment.starts:
                sample = segment.starts[place] + round(at * SAMPLE_RATE)
                return (begin + _after_cuts(sample, kept)) / SAMPLE_RATE
        raise AssertionError(f"chunk {place} is in no segment")


def segments_of(waves: Mapping[int, Samples], pauses: Sequence[float], cross_fade_s: float) -> tuple[Segment, ...]:
    """The chunks' waves by place, joined where no pause parts them; `pauses` are the seconds of silence before each chunk."""
    groups: list[list[int]] = []
    for place, pause_s in enumerate(pauses):
        if not groups or pause_s:
            groups.append([])
        groups[-1].append(place)
    overlap = int(cross_fade_s * SAMPLE_RATE)
    return tuple(_segment(group, waves, round(pauses[group[0]] * SAMPLE_RATE), overlap) for group in groups)


def _segment(group: Sequence[int], waves: Mapping[int, Samples], silence: int, overlap: int) -> Segment:
    starts: dict[int, int] = {}
    end = 0
    for place in group:
        starts[place] = end - min(overlap, end, len(waves[place]))
        end = starts[place] + len(waves[place])
    return Segment(silence, starts, cross_fade([waves[place] for place in group], overlap))


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
