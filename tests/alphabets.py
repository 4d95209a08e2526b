"""The alphabet of the checkpoints that have f5-tts's own vocabulary."""

from functools import cache

from cloning.speakable import Alphabet
from engines.alphabets import f5_knows
from tests.conftest import examples


@cache
def vocabulary() -> frozenset[str]:
    """The tokens of f5-tts's own vocab.txt, one a line."""
    return frozenset((examples() / "vocab.txt").read_text(encoding="utf-8").split("\n"))


@cache
def stock() -> Alphabet:
    """What `F5TTS_v1_Base` knows."""
    return Alphabet("F5TTS_v1_Base", ("en", "zh"), f5_knows(vocabulary()))
