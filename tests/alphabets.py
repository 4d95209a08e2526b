"""The alphabet of the checkpoints with f5-tts's own vocabulary."""

from functools import cache

from cloning.ports import Alphabet
from engines.alphabets import f5_knows, vocabulary_at
from storage import plain_text


@cache
def vocabulary() -> frozenset[str]:
    """The tokens of f5-tts's own vocab.txt."""
    path = vocabulary_at(None)
    assert path is not None
    return frozenset(plain_text.vocabulary(path))


@cache
def stock() -> Alphabet:
    """The alphabet of `F5TTS_v1_Base`."""
    return Alphabet("F5TTS_v1_Base", ("en", "zh"), f5_knows(vocabulary()))
