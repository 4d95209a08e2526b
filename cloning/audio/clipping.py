"""
Reference audio clipped at 12 s exactly the way F5-TTS clips it, so that clipping is done once, before the transcript is made.

The rule is upstream's `preprocess_ref_audio_text` (f5_tts/infer/utils_infer.py), also on pydub: long silences first, short ones
next, a hard cut last; then the silent edges are removed and 50 ms of silence is added. That function, run on the result, returns
every sample but the last two of the added silence (tests/contract/engines/test_official_preprocessing.py), so text and audio always agree.
Our addition: where upstream cuts among words, the cut moves back to the last pause, so that no half phrase lacks its words.
"""

import warnings
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloning.process_lock import warnings_kept

_LONGEST_MS = 12_000
_ENOUGH_MS = 6_000
_LONG_SILENCE = {"min_silence_len": 1000, "silence_thresh": -50}
_SHORT_SILENCE = {"min_silence_len": 100, "silence_thresh": -40}
_EDGE_DBFS = -42
# A voice whose loudest half second is quieter is too near to these thresholds: they would take words for silence.
QUIET_DBFS = -30.0
# Silence is this far below the speech; for a voice that is just not quiet this equals the fixed threshold.
_BELOW_SPEECH_DB = 20
# A removed edge holds speech if so many audible seconds are so far above the level that most of it has.
_SPEECH_S, _ABOVE_FLOOR_DB, _AUDIBLE_DBFS = 1.0, 6.0, -65.0
_MOST_ROUNDS = 5
_PAUSE_S = 0.3
_FRAME_S, _LOUDEST_S = 0.02, 0.5

_KEPT_MS = 500

Pcm16 = np.ndarray[tuple[int], np.dtype[np.int16]]
Kept = tuple[int, int]
"""Samples from the first to before the second."""
Floats = NDArray[np.floating[Any]]


def clip_reference(pcm: Pcm16, sample_rate: int) -> tuple[Pcm16, bool]:
    """
    Return int16 samples [n] of at most 12.05 s, and whether any speech was cut off.

    Speech is cut off beyond 12 s, and as silence at an edge if it is far quieter than the rest.
    """
    pydub = _pydub()
    audio = pydub.AudioSegment(pcm.tobytes(), sample_width=2, frame_rate=sample_rate, channels=1)
    clipped = any(_holds_speech(edge) for edge in _without_silent_edges(pydub, audio)[1])
    for _ in range(_MOST_ROUNDS):
        before = audio
        audio, cut = _clip_once(pydub, before)
        clipped = clipped or cut
        if audio.raw_data == before.raw_data:
            break
    return np.frombuffer(audio.raw_data, dtype=np.int16), clipped


def _clip_once(pydub: Any, audio: Any) -> tuple[Any, bool]:
    kept, cut = _join_up_to_limit(pydub, audio, _LONG_SILENCE)
    if len(kept) > _LONGEST_MS:
        kept, cut = _join_up_to_limit(pydub, audio, _SHORT_SILENCE)
        kept = _up_to_a_pause(kept) if cut and len(kept) <= _LONGEST_MS else kept
    if len(kept) > _LONGEST_MS:
        kept, cut = _up_to_a_pause(kept[:_LONGEST_MS]), True
    kept, _ = _without_silent_edges(pydub, kept)
    return kept + pydub.AudioSegment.silent(50, frame_rate=audio.frame_rate), cut


def _join_up_to_limit(pydub: Any, audio: Any, silence: dict[str, int]) -> tuple[Any, bool]:
    """Join the stretches between silences until the next would pass 12 s; return also whether one was left out."""
    kept = pydub.AudioSegment.silent(0, frame_rate=audio.frame_rate)
    for stretch in pydub.silence.split_on_silence(audio, keep_silence=1000, seek_step=10, **silence):
        if len(kept) > _ENOUGH_MS and len(kept) + len(stretch) > _LONGEST_MS:
            return kept, True
        kept += stretch
    return kept, False


def _up_to_a_pause(audio: Any) -> Any:
    """Cut at the last pause after 6 s, if there is one, so that the last phrase is complete."""
    levels = frame_levels(_floats(audio), audio.frame_rate)
    is_quiet = levels < speech_dbfs(_floats(audio), audio.frame_rate) - _BELOW_SPEECH_DB
    sounding = [*np.flatnonzero(~is_quiet), len(levels)]
    gaps = [(before + 1, after) for before, after in pairwise(sounding) if (after - before - 1) * _FRAME_S >= _PAUSE_S]
    # If the cut fell into a pause, only half of that pause may be left.
    if (len(levels) - 1 - sounding[-2]) * _FRAME_S >= _PAUSE_S / 2:
        return audio
    ends = [begin * _FRAME_S * 1000 for begin, _ in gaps if begin * _FRAME_S * 1000 >= _ENOUGH_MS]
    return audio[: int(ends[-1] + _PAUSE_S * 1000)] if ends else audio


def _without_silent_edges(pydub: Any, audio: Any) -> tuple[Any, tuple[Any, Any]]:
    """Return the audio without its silent edges, and the two edges."""

    def leading_silence(one: Any) -> int:
        return int(pydub.silence.detect_leading_silence(one, silence_threshold=_EDGE_DBFS))

    begin = leading_silence(audio)
    head, audio = audio[:begin], audio[begin:]
    end = len(audio) - leading_silence(audio.reverse())
    return audio[:end], (head, audio[end:])


def _holds_speech(edge: Any) -> bool:
    """Whether an edge holds speech, whose level varies; a room's noise is steady."""
    levels = frame_levels(_floats(edge), edge.frame_rate)
    audible = levels[levels > _AUDIBLE_DBFS]
    if len(audible) * _FRAME_S < _SPEECH_S:
        return False
    floor = float(np.percentile(audible, 20))
    return int(np.sum(audible > floor + _ABOVE_FLOOR_DB)) * _FRAME_S > _SPEECH_S


def _floats(audio: Any) -> Floats:
    return np.asarray(np.frombuffer(audio.raw_data, dtype=np.int16) / 32768)


def frame_levels(samples: Floats, sample_rate: int) -> Floats:
    """The level of each 20 ms in dB of full scale, -120 at least; samples are within [-1, 1]."""
    size = int(sample_rate * _FRAME_S)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    powers = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(powers, 1e-12)))


def speech_dbfs(samples: Floats, sample_rate: int) -> float:
    """The loudness of the speech: the level that half a second of it reaches, in dB of full scale. Clicks and pauses don't matter."""
    loudest = np.sort(frame_levels(samples, sample_rate))[::-1][: int(_LOUDEST_S / _FRAME_S)]
    return float(loudest[-1]) if len(loudest) else -120.0


def remove_long_silences(pcm: Pcm16, sample_rate: int) -> Pcm16:
    """The samples as `cut_long_silences` leaves them."""
    return cut_long_silences(pcm, sample_rate)[0]


def cut_long_silences(pcm: Pcm16, sample_rate: int) -> tuple[Pcm16, tuple[Kept, ...]]:
    """
    Shorten silences of over 1 s to 1 s, like upstream's `remove_silence_for_generated_wav`; say also which samples are kept.

    Silence is below -50 dBFS, as upstream, or lower if the speech is quiet.
    """
    pydub = _pydub()
    audio = pydub.AudioSegment(pcm.tobytes(), sample_width=2, frame_rate=sample_rate, channels=1)
    silence = {**_LONG_SILENCE, "silence_thresh": min(_LONG_SILENCE["silence_thresh"], _silent_below(pcm, sample_rate))}
    loud = pydub.silence.detect_nonsilent(audio, seek_step=10, **silence)
    begins, stretches = [], []
    for begin, end in _with_silences(loud, len(audio)):
        begins.append(int(begin * (sample_rate / 1000.0)))
        stretches.append(np.frombuffer(audio[begin:end].raw_data, dtype=np.int16))
    kept = tuple((begin, begin + len(stretch)) for begin, stretch in zip(begins, stretches, strict=True))
    return np.concatenate([pcm[:0], *stretches]), kept


def _with_silences(loud: list[list[int]], length: int) -> list[tuple[int, int]]:
    """The stretches with half a second of the silence around each, in milliseconds, as `pydub.silence.split_on_silence` cuts them."""
    wide = [[begin - _KEPT_MS, end + _KEPT_MS] for begin, end in loud]
    for one, following in pairwise(wide):
        if following[0] < one[1]:
            one[1] = following[0] = (one[1] + following[0]) // 2
    return [(max(begin, 0), min(end, length)) for begin, end in wide]


def _silent_below(pcm: Pcm16, sample_rate: int) -> float:
    return speech_dbfs(pcm / 32768, sample_rate) - _BELOW_SPEECH_DB


@cache
def _pydub() -> Any:
    """Import pydub once, without its warnings of a missing ffmpeg program and of audioop's removal, which don't concern us."""
    with warnings_kept():
        warnings.simplefilter("ignore")
        import pydub
        import pydub.silence
    return pydub
