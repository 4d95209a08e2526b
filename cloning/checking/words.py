"""Word times."""

from cloning.checking.verdict import Speech, Word
from cloning.ports import Alignment, Unaligned


def timed_words(speech: Speech, alignment: Alignment | Unaligned) -> list[Word]:
    """The words of the speech's text, in order and with their times; those without evidence have none. Punctuation is no word."""
    raise NotImplementedError
