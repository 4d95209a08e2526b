"""What an alignment and the sound say about each word, and about the sound that is no word."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloning.checking.repeats import Repeat, find_repeat
from cloning.checking.verdict import Speech
from cloning.checking.voiced import STEP_S, Voiced, voiced
from cloning.checking.words import Placed, placed_words
from cloning.ports import Alignment, Samples, Token

_FRAME_S = 0.02  # of Alignment.attended
_HOLE_FRAMES, _LEAD_FRAMES = 8, 16
_EDGE_S = 0.03  # how much of the end tells whether the sound breaks off
_NOISE_S = 0.3
_LOWEST_HZ, _HIGHEST_HZ = 300, 7000
_NOT_AGAIN = -40.0


@dataclass(frozen=True)
class WordEvidence:
    """
    One word, all in natural logarithms and by the primed recogniser, where there is one.

    `score` is that of its least likely token, `again` how likely it is said again, for the sound and against the text, `back` how much the
    sound speaks for a return to an earlier word behind it, and `slowness` how many times longer it takes than its letters should, which
    is `usual_s`.
    """

    placed: Placed
    score: float
    again: float
    back: float
    slowness: float
    usual_s: float


@dataclass(frozen=True)
class Evidence:
    """
    All that `fast` goes by.

    `hole` is how little (logarithm, against the median) the least attended stretch of sound is attended and `hole_at` its time in
    seconds; `lead` is the same of longer stretches up to the first word's end; `break_db` is the loudness of the very end against the
    loud parts; `flatness` that of the spectrum of the most noise-like stretch, 0 to 1; `sound_s` the seconds of sound; `longest_pause_s` of the pauses between sounds.
    `end` is the end token's log-probability, `repeat` what the sound itself says twice.
    """

    words: tuple[WordEvidence, ...]
    end: float
    hole: float
    hole_at: float
    lead: float
    break_db: float
    flatness: float
    sound_s: float
    longest_pause_s: float
    repeat: Repeat


def gather(speech: Speech, alignment: Alignment) -> Evidence:
    """The evidence for a speech's text."""
    sound = voiced(speech.samples, speech.sample_rate)
    placed = placed_words(speech, alignment, sound)
    heard = _heard_frames(alignment.attended, sound)
    hole, hole_at = _least(alignment.attended, heard, _HOLE_FRAMES, np.inf)
    lead, _ = _least(alignment.attended, heard, _LEAD_FRAMES, placed[0].end if placed else 0.0)
    loud = float(np.percentile(sound.loudness, 95)) if len(sound.loudness) else 0.0
    ending = sound.loudness[-max(round(_EDGE_S / STEP_S), 1) :]
    gaps = sound.gaps()
    return Evidence(
        words=_words(placed, alignment, sound),
        end=alignment.end.log_probability,
        hole=hole,
        hole_at=hole_at,
        lead=lead,
        break_db=float(ending.mean() - loud) if len(ending) else 0.0,
        flatness=_flatness(speech.samples, speech.sample_rate, sound),
        sound_s=float(sound.voiced.sum() * STEP_S),
        longest_pause_s=max((end - start for start, end in gaps), default=0.0),
        repeat=find_repeat(speech, placed, sound),
    )


def _words(placed: list[Placed], alignment: Alignment, sound: Voiced) -> tuple[WordEvidence, ...]:
    by_words = alignment.primed or alignment
    rows = (*by_words.tokens, by_words.end)
    spoken = np.array([max(sound.share(one.start, one.end), STEP_S) for one in placed])
    letters = np.array([2 + sum(character.isalnum() for character in one.text) for one in placed])
    usual = float(np.median(spoken / letters)) if placed else 1.0
    made = []
    for place, one in enumerate(placed):
        following = placed[place + 1].text_start if place + 1 < len(placed) else rows[-1].text_start
        behind = [row for row in rows if one.text_end <= row.text_start <= following]
        made.append(
            WordEvidence(
                placed=one,
                score=min((row.log_probability for row in rows[:-1] if _is_of(row, one)), default=-np.inf),
                again=max((_again(row) for row in behind), default=_NOT_AGAIN),
                back=max((row.back for row in behind), default=0.0),
                slowness=float(np.log(spoken[place] / (usual * letters[place]))),
                usual_s=float(usual * letters[place]),
            )
        )
    return tuple(made)


def _is_of(row: Token, one: Placed) -> bool:
    return row.text_start < one.text_end and row.text_end > one.text_start


def _again(row: Token) -> float:
    return row.again + (row.again - row.again_by_text)


def _heard_frames(attended: NDArray[np.float32], sound: Voiced) -> NDArray[np.intp]:
    """Which frames of `attended` have sound."""
    halves = np.zeros(2 * len(attended), bool)
    known = sound.voiced[: len(halves)]
    halves[: len(known)] = known
    return np.flatnonzero(halves.reshape(-1, 2).any(1))


def _least(attended: NDArray[np.float32], places: NDArray[np.intp], width: int, until: float) -> tuple[float, float]:
    """How little (logarithm, against the median) the least attended frames in a row before that time are, and when they are."""
    if len(places) < width:
        return 0.0, 0.0
    heard = attended[places].astype(np.float64)
    means = np.convolve(heard, np.ones(width) / width, "valid")
    early = max(int((places[: len(means)] * _FRAME_S < until - width * _FRAME_S).sum()), 1)
    least = int(np.argmin(means[:early]))
    return float(np.log(means[least] / np.median(heard) + 1e-4)), float(places[least + width // 2] * _FRAME_S)


def _flatness(samples: Samples, sample_rate: int, sound: Voiced) -> float:
    """Geometric over arithmetic mean of the power of speech's band, of the flattest 0.3 s of sound."""
    step = round(STEP_S * sample_rate)
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    power = np.abs(np.fft.rfft(frames * np.hanning(step), axis=1)) ** 2 + 1e-12
    hertz = np.fft.rfftfreq(step, 1 / sample_rate)
    band = power[:, (hertz > _LOWEST_HZ) & (hertz < _HIGHEST_HZ)]
    flat = np.exp(np.log(band).mean(1)) / band.mean(1)
    flat = flat[sound.voiced[: len(flat)]]
    width = round(_NOISE_S / STEP_S)
    return float(np.convolve(flat, np.ones(width) / width, "valid").max()) if len(flat) >= width else 0.0
