"""A chunk's draws after the first: each has a seed of its own, and F5-TTS speaks them more slowly."""

import hashlib
from dataclasses import replace

from cloning.planning.f5 import Chunk, is_tiny
from cloning.ports import F5Parameters, Parameters

# Reference and speech together: upstream trains on nothing longer (f5_tts/model/dataset.py).
LONGEST_TRAINED_S = 30.0


def drawn_again(chunk: Chunk, draw: int, seed: int, parameters: Parameters, reference_s: float) -> Chunk:
    """
    A planned chunk of the job with that seed as its draw 1, 2 or 3 (the first is 0) speaks it, after a reference of `reference_s` seconds.

    F5-TTS sets the length before it speaks, and loses words where that is short (docs/decisions/0048). The speed stays where another has no
    effect (a fixed duration, and very short texts, for which upstream has its own), and is no slower than the model was trained for.
    """
    again = replace(chunk, seed=draw_seed(seed, chunk.index, draw))
    if not isinstance(parameters, F5Parameters) or chunk.fix_duration is not None or is_tiny(chunk.text):
        return again
    slowest = chunk.seconds / max(chunk.seconds, LONGEST_TRAINED_S - reference_s)
    part = max(parameters.redraw_speed, slowest)
    return replace(again, speed=chunk.speed * part, seconds=chunk.seconds / part)


def draw_seed(seed: int, index: int, draw: int) -> int:
    """The seed of a chunk's draw 1, 2 or 3, 0 to 2^63-1: a function of the job's seed and these places alone."""
    digest = hashlib.sha256(f"{seed}/{index}/{draw}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
