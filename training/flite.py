"""libflite (`apt-get install flite`) in this process, which is ten times cheaper than a process for every sentence."""

import ctypes
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # Hz, of every voice that is used here
EDGE = 0.06  # seconds of silence that stay around the speech
PACE = {"slt": 16.9, "rms": 15.2, "awb": 16.0, "kal16": 15.0}  # letters and spaces a second, on average
_QUIET = 300  # of 32768

_POINTERS = ("flite_synth_text", "utt_relation", "relation_head", "item_next", "item_as", "item_parent")


class Speech(NamedTuple):
    """What was spoken, at RATE, and when each word begins in it (seconds)."""

    samples: NDArray[np.int16]
    begins: list[float]


class _Wave(ctypes.Structure):
    """flite's cst_wave."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("length", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class Flite:
    """One voice. Raises OSError if flite is not installed, ValueError for an unknown voice."""

    def __init__(self, voice: str) -> None:
        if voice not in PACE:
            raise ValueError(f"unknown voice {voice!r}: choose from {', '.join(PACE)}")
        self._chance = ctypes.CDLL(None).srand  # flite's breath is drawn by C's rand
        self._library = _load("libflite.so.1")
        self._library.flite_init()
        for name in _POINTERS:
            getattr(self._library, name).restype = ctypes.c_void_p
        self._library.item_feat_float.restype = ctypes.c_float
        self._library.utt_wave.restype = ctypes.POINTER(_Wave)
        register = getattr(_load(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
        register.restype = ctypes.c_void_p
        self._voice = ctypes.c_void_p(register(None))

    def speak(self, text: str) -> Speech:
        """The text in plain English letters, its silent edges cut to EDGE. The same text gives the same samples."""
        self._chance(zlib.crc32(text.encode()))
        utterance = ctypes.c_void_p(self._library.flite_synth_text(text.encode("ascii"), self._voice))
        wave = self._library.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.length,)).copy()
        begins = self._word_begins(utterance)
        self._library.delete_utterance(utterance)
        loud, edge = np.flatnonzero(np.abs(samples) > _QUIET), int(EDGE * RATE)
        first = max(0, int(loud[0]) - edge)
        return Speech(samples[first : loud[-1] + edge], [begin - first / RATE for begin in begins])

    def _word_begins(self, utterance: ctypes.c_void_p) -> list[float]:
        """A word begins where its first phone does; a pause belongs to none."""
        library, begins, word, end = self._library, [], None, 0.0
        segment = library.relation_head(ctypes.c_void_p(library.utt_relation(utterance, b"Segment")))
        while segment:
            item = ctypes.c_void_p(segment)
            syllable = library.item_parent(ctypes.c_void_p(library.item_as(item, b"SylStructure")))
            mine = library.item_parent(ctypes.c_void_p(syllable)) if syllable else None
            if mine and mine != word:
                begins.append(end)
                word = mine
            end = library.item_feat_float(item, b"end")
            segment = library.item_next(item)
        return begins


def _load(name: str) -> Any:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise OSError(f"{name} is not there: install flite 2 (`apt-get install flite`)") from error
