"""
Reference audio clipped at 12 s exactly the way F5-TTS clips it, so that clipping is done once, before the transcript is made.

The rule is upstream's `preprocess_ref_audio_text` (f5_tts/infer/utils_infer.py), on pydub as there: long silences first, short
ones next, a hard cut last, then the silent edges go and 50 ms of silence is added. That function, run on the result, gives every
sample back but the last two of the added silence (tests/contract/test_official_preprocessing.py): text and audio agree for ever.
"""

import warnings
from typing import Any

import numpy as np

_LONGEST_MS = 12_000
_ENOUGH_MS = 6_000
_LONG_SILENCE = {"min_silence_len": 1000, "silence_thresh": -50}
_SHORT_SILENCE = {"min_silence_len": 100, "silence_thresh": -40}
_EDGE_DBFS = -42
_MOST_ROUNDS = 5

Pcm16 = np.ndarray[tuple[int], np.dtype[np.int16]]


def clip_reference(pcm: Pcm16, sample_rate: int) -> tuple[Pcm16, bool]:
    """(int16 samples [n] of at most 12.05 s, whether any speech was cut off)."""
    pydub = _pydub()
    audio = pydub.AudioSegment(pcm.tobytes(), sample_width=2, frame_rate=sample_rate, channels=1)
    clipped = False
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
    if len(kept) > _LONGEST_MS:
        kept, cut = kept[:_LONGEST_MS], True
    return _without_silent_edges(pydub, kept) + pydub.AudioSegment.silent(50, frame_rate=audio.frame_rate), cut


def _join_up_to_limit(pydub: Any, audio: Any, silence: dict[str, int]) -> tuple[Any, bool]:
    """The stretches between silences, joined until the next would pass 12 s; whether one was left out."""
    kept = pydub.AudioSegment.silent(0, frame_rate=audio.frame_rate)
    for stretch in pydub.silence.split_on_silence(audio, keep_silence=1000, seek_step=10, **silence):
        if len(kept) > _ENOUGH_MS and len(kept) + len(stretch) > _LONGEST_MS:
            return kept, True
        kept += stretch
    return kept, False


def _without_silent_edges(pydub: Any, audio: Any) -> Any:
    def leading_silence(one: Any) -> int:
        return int(pydub.silence.detect_leading_silence(one, silence_threshold=_EDGE_DBFS))

    audio = audio[leading_silence(audio) :]
    return audio[: len(audio) - leading_silence(audio.reverse())]


def remove_long_silences(pcm: Pcm16, sample_rate: int) -> Pcm16:
    """Silences of over 1 s (below -50 dBFS) shortened to 1 s: upstream's `remove_silence_for_generated_wav`."""
    pydub = _pydub()
    audio = pydub.AudioSegment(pcm.tobytes(), sample_width=2, frame_rate=sample_rate, channels=1)
    stretches = pydub.silence.split_on_silence(audio, keep_silence=500, seek_step=10, **_LONG_SILENCE)
    kept = sum(stretches, start=pydub.AudioSegment.silent(0, frame_rate=sample_rate))
    return np.frombuffer(kept.raw_data, dtype=np.int16)


def _pydub() -> Any:
    """Pydub warns at import that there is no ffmpeg program and that audioop will go in Python 3.13; we need neither."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub
        import pydub.silence
    return pydub
