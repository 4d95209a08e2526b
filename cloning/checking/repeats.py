"""
Sound that comes twice in a row: a voice says something, and says it again.

A recogniser writes fluent text and likes to leave out what is said again. The sound needs no recogniser for that: frame by frame, a
stretch is laid over what follows it, a little faster or slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from cloning.checking.compare import plain_words
from cloning.checking.verdict import Speech
from cloning.checking.voiced import Voiced
from cloning.checking.words import Placed

FRAME_S = 0.02
_WINDOW_S, _AROUND = 0.04, 3  # a frame is told with as many others on either side
_BANDS, _CEPSTRA, _LOWEST_HZ, _HIGHEST_HZ = 40, 13, 80.0, 7000.0
_FLOOR_DB = 60.0
_SHORTEST, _LONGEST, _STEP = 12, 110, 2  # frames of a stretch
_TEMPO = 0.12  # how much faster or slower it may be said again
_ASTRAY = 2  # frames that the second stretch may begin early or late
_VOICED = 0.6  # least share of sound in both
_ALIKE = 0.7  # words of which the text has two, "fail" and "failed"
_BY_CHANCE = 0.25  # what any two stretches reach if laid over each other as well as can be
_LONG_ENOUGH_S = 1.0
_EVERYWHERE = 0.5  # of the strongest: a hum that is like itself at most distances says nothing again

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Repeat:
    """
    The stretch of `length` seconds from `start` that is most like what follows it, where the text does not say the same twice.

    `strength` is 0 by chance and 0.75 for a copy of a second or more; shorter ones are weaker, because chance has more of them.
    """

    strength: float = 0.0
    start: float = 0.0
    length: float = 0.0


def find_repeat(speech: Speech, words: Sequence[Placed], sound: Voiced) -> Repeat:
    """The strongest repeat of a speech."""
    frames = _cepstra(speech)
    count = len(frames)
    heard = np.zeros(2 * count, bool)
    heard[: len(sound.voiced)] = sound.voiced[: 2 * count]
    heard = np.any(heard.reshape(-1, 2), axis=1)
    if heard.sum() < 2 * _SHORTEST:
        return Repeat()
    frames = _standardised(frames, heard)
    alike = np.where(heard[:, None] & heard & ~_meant_twice(words, count, speech.language), frames @ frames.T, 0.0)
    alike = alike.astype(np.float32)
    areas = np.pad(alike.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))
    found = [
        _strongest(alike, areas, heard, length) for length in range(_SHORTEST, min(_LONGEST, count // 2) + 1, _STEP)
    ]
    best = max(found, key=lambda one: one.strength, default=Repeat())
    usual = float(np.median([one.strength for one in found])) if found else 0.0
    return best if usual < _EVERYWHERE * best.strength else Repeat()


def _cepstra(speech: Speech) -> Frames:
    """Mel cepstra of every 20 ms."""
    rate = speech.sample_rate
    step, width = round(FRAME_S * rate), round(_WINDOW_S * rate)
    padded = np.pad(speech.samples.astype(np.float32), (width // 2, width))
    cut = np.lib.stride_tricks.sliding_window_view(padded, width)[::step][: len(speech.samples) // step]
    size = 1 << (width - 1).bit_length()
    power = np.abs(np.fft.rfft(cut * np.hanning(width), size, axis=1)) ** 2 @ _mel_bands(size, rate).T
    loudness = 10 * np.log10(power + 1e-10)
    loudness = np.maximum(loudness, loudness.max(initial=-100.0) - _FLOOR_DB)
    bands = np.arange(_BANDS) + 0.5
    made: Frames = (loudness @ np.cos(np.pi / _BANDS * bands[:, None] * np.arange(1, _CEPSTRA + 1))).astype(np.float32)
    return made


def _mel_bands(size: int, rate: int) -> NDArray[np.float64]:
    """Triangles over the spectrum, evenly apart to the ear."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)), 0, None)


def _standardised(frames: Frames, heard: NDArray[np.bool_]) -> Frames:
    """Each frame with its neighbours, as a vector of length one; 0 is the speech's average."""
    even = (frames - frames[heard].mean(0)) / (frames[heard].std(0) + 1e-6)
    around = np.concatenate([np.roll(even, shift, 0) for shift in range(-_AROUND, _AROUND + 1)], 1)
    made: Frames = around / (np.linalg.norm(around, axis=1, keepdims=True) + 1e-6)
    return made


def _meant_twice(words: Sequence[Placed], count: int, language: str | None) -> NDArray[np.bool_]:
    """Pairs of frames in two different words that read the same, or nearly: these are meant to sound alike."""
    place = np.full(count, len(words))
    for number, word in enumerate(words):
        place[int(word.start / FRAME_S) : int(word.end / FRAME_S) + 1] = number
    read = ["".join(plain_words(word.text, language)) for word in words]
    same = np.zeros((len(words) + 1, len(words) + 1), bool)
    for first, one in enumerate(read):
        for second, other in enumerate(read[:first]):
            same[first, second] = same[second, first] = SequenceMatcher(None, one, other).ratio() >= _ALIKE
    meant: NDArray[np.bool_] = same[np.ix_(place, place)]
    return meant


def _strongest(alike: Frames, areas: NDArray[np.float64], heard: NDArray[np.bool_], length: int) -> Repeat:
    """The strongest repeat of that many frames: along the best path, against the average of the two stretches. `areas` is the summed-area table of `alike`."""
    starts = np.arange(len(alike) - 2 * length + 1)
    sound = np.concatenate(([0], np.cumsum(heard)))
    first = sound[starts + length] - sound[starts]
    second = sound[starts + 2 * length] - sound[starts + length]
    middles, ends = starts + length, starts + 2 * length
    block = areas[middles, ends] - areas[starts, ends] - areas[middles, middles] + areas[starts, middles]
    average = block / np.maximum(first * second, 1)
    path = _best_paths(alike, length) / np.maximum(first, 1)
    likeness = (path - average) / (1 - average + 1e-6)
    likeness[np.minimum(first, second) < _VOICED * length] = 0.0
    best = int(np.argmax(likeness))
    weight = min(length * FRAME_S / _LONG_ENOUGH_S, 1.0) ** 0.5
    return Repeat(max(float(likeness[best]) - _BY_CHANCE, 0.0) * weight, best * FRAME_S, length * FRAME_S)


def _best_paths(alike: Frames, length: int) -> NDArray[np.float32]:
    """For each start the largest sum on a way through both stretches: from frame to frame the second one takes none, one or two steps."""
    slack = max(1, round(_TEMPO * length))
    diagonals = _diagonals(alike, length - slack, 2 * slack + 1)
    starts = len(alike) - 2 * length + 1
    shifts = np.arange(-slack, slack + 1)[:, None]
    sums = np.where(np.abs(shifts) <= _ASTRAY, np.float32(0), np.float32(-1e9)) + np.zeros((1, starts), np.float32)
    for place in range(length):
        best = sums.copy()
        np.maximum(best[1:], sums[:-1], out=best[1:])
        np.maximum(best[:-1], sums[1:], out=best[:-1])
        best += diagonals[:, place : place + starts]
        sums = best
    made: NDArray[np.float32] = sums.max(0)
    return made


def _diagonals(alike: Frames, first: int, count: int) -> Frames:
    """`count` diagonals of the matrix, from the `first` above the main one on, each a row; beyond its end the last column is repeated."""
    padded = np.pad(alike, ((0, 0), (0, first + count)), "edge")
    down, right = padded.strides
    return np.ascontiguousarray(
        np.lib.stride_tricks.as_strided(padded[:, first:], (count, len(alike)), (right, down + right), writeable=False)
    )
