"""A chunk's draws after the first: each has a seed of its own, and F5-TTS speaks them more slowly."""

import hashlib
from dataclasses import replace

from cloning.planning.f5 import Chunk, is_tiny

# Reference and speech together: upstream trains on nothing longer (f5_tts/model/dataset.py).
LONGEST_TRAINED_S = 30.0
_DIGITS = 12  # of a speed: 1.1 times 0.88 is 0.968, not 0.9680000000000001


def slowed(chunk: Chunk, part: float, *, reference_s: float) -> Chunk:
    """
    A chunk of F5-TTS at this part of its speed, after a reference of `reference_s` seconds.

    F5-TTS sets the length before it speaks, and loses words where that is short. The speed stays where another has no effect (a fixed
    duration, and very short texts, for which upstream has its own), and is no slower than the model was trained for.
    """
    if chunk.fix_duration is not None or is_tiny(chunk.text):
        return chunk
    slowest = chunk.seconds / max(chunk.seconds, LONGEST_TRAINED_S - reference_s)
    part = max(part, slowest)
    return replace(chunk, speed=round(chunk.speed * part, _DIGITS), seconds=chunk.seconds / part)


def draw_seed(seed: int, index: int, draw: int) -> int:
    """The seed of a chunk's draw 1, 2 or 3, 0 to 2^63-1: a function of the job's seed and these places alone."""
    digest = hashlib.sha256(f"{seed}/{index}/{draw}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
