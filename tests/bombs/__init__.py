"""
Files that attack a decoder: small files that claim, nest or split beyond all measure.

    corpus       BOMBS: all of them, by name
    claims       the numbers that they claim
    mp4          MP4 by its boxes
    matroska     Matroska by its elements
    sound_files  Ogg, FLAC, MP3, WAV, AIFF and CAF
"""

from tests.bombs.corpus import BOMBS

__all__ = ["BOMBS"]
