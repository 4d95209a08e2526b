"""
How long people need for words, whatever their script.

F5-TTS counts UTF-8 bytes (cloning/planning/f5.py): right between texts of one script, wrong between two. Here a letter of an alphabet
counts as one, a hanzi, kana or Hangul syllable as a syllable, a digit as the letters of its name.
"""

from dataclasses import dataclass
from unicodedata import category, east_asian_width

# Letters and syllables a second. The slowest leave long pauses, the fastest are auctioneers: no voice is beyond them. What lies
# beyond is a transcript of something else.
_SLOWEST_LETTERS, _FASTEST_LETTERS = 2.0, 35.0
_SLOWEST_SYLLABLES, _FASTEST_SYLLABLES = 1.0, 15.0
_USUAL_LETTERS, _USUAL_SYLLABLES = 14.0, 5.0
# Letters of a digit's name: of one that is read slowly and alone; as they come, years and large numbers among them.
_DIGIT_ALONE, _DIGIT_USUALLY = 4, 3
_NOTABLE = 1.6


@dataclass(frozen=True)
class _Amount:
    """The amount to say; marks count as letters, because many scripts write vowels as marks."""

    letters: int
    syllables: int
    digits: int


def is_plausible(text: str, seconds: float) -> bool:
    """Whether a recording of that length can say that text: a wrong transcript breaks every length and leaks its words."""
    amount = _amount(text)
    letters = amount.letters + amount.digits
    shortest = letters / _FASTEST_LETTERS + amount.syllables / _FASTEST_SYLLABLES
    letters = amount.letters + amount.digits * _DIGIT_ALONE
    longest = letters / _SLOWEST_LETTERS + amount.syllables / _SLOWEST_SYLLABLES
    return shortest <= seconds <= longest


def slowness(text: str, reference_text: str) -> float | None:
    """
    How many times too slow (under 1: too fast) a text is spoken if its length is set by the bytes of a reference of another script.

    None if the difference is small, or unknown.
    """
    spoken, reference = _bytes_a_second(text), _bytes_a_second(reference_text)
    if not spoken or not reference:
        return None
    ratio = spoken / reference
    return ratio if not 1 / _NOTABLE <= ratio <= _NOTABLE else None


def _bytes_a_second(text: str) -> float:
    """Bytes a second at a usual pace; 0 for a text without letters."""
    amount = _amount(text)
    letters = amount.letters + amount.digits * _DIGIT_USUALLY
    seconds = letters / _USUAL_LETTERS + amount.syllables / _USUAL_SYLLABLES
    return len(text.encode()) / seconds if seconds else 0.0


def _amount(text: str) -> _Amount:
    kinds = [_kind(character) for character in text]
    return _Amount(kinds.count("letter"), kinds.count("syllable"), kinds.count("digit"))


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if not character.isalnum():
        return "letter" if category(character).startswith("M") else "sign"
    return "syllable" if east_asian_width(character) == "W" else "letter"
