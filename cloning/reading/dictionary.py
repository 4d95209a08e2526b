"""The caller's own respellings of words: {"Nguyen": "Win"}."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from unicodedata import category, name

from cloning.reading.spans import Replacement

# Scripts that put no spaces between words, by the first word of their characters' names.
_UNSPACED = {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO"}


def respellings(
    text: str, say: Mapping[str, str], claimed: Sequence[Replacement], read_value: Callable[[str], str]
) -> list[Replacement]:
    """
    Where words of `say` are in the text, outside of what is claimed; of two at one place the longer one is used.

    They are whole words; in scripts without spaces any stretch. A word with a capital is found only as it is written.
    """
    if not say:
        return []
    words = _Words(say)
    taken = bytearray(len(text))
    for one in claimed:
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
    found: list[Replacement] = []
    values: dict[str, str] = {}
    done = 0
    for start, word in words.found_in(text):
        end = start + len(word)
        if start < done or any(taken[start:end]):
            continue
        if word not in values:
            values[word] = read_value(say[word])
        found.append(Replacement(start, end, values[word]))
        done = end
    return found


class _Words:
    """Words by their first character and length, in small letters."""

    def __init__(self, say: Mapping[str, str]) -> None:
        self._words: dict[str, list[str]] = {}
        lengths: dict[str, set[int]] = {}
        for word in say:
            self._words.setdefault(_small(word), []).append(word)
            lengths.setdefault(_small(word[0]), set()).add(len(word))
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}

    def found_in(self, text: str) -> Iterator[tuple[int, str]]:
        small = _small(text)
        for start, first in enumerate(small):
            for length in self._lengths.get(first, ()):
                words = self._words.get(small[start : start + length])
                word = words and _spelled_so(text[start : start + length], words)
                if word and _is_whole(text, start, start + length):
                    yield start, word
                    break


def _spelled_so(written: str, words: Sequence[str]) -> str | None:
    """The word that is written exactly so, else the one that may be written in any case."""
    return written if written in words else next((word for word in words if word == word.lower()), None)


def _small(text: str) -> str:
    """In small letters, character for character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def _is_whole(text: str, start: int, end: int) -> bool:
    return not (start and _are_joined(text[start - 1], text[start])) and not (
        end < len(text) and _are_joined(text[end - 1], text[end])
    )


def _are_joined(one: str, other: str) -> bool:
    """Whether two neighbouring characters belong to one word."""
    return all(_is_of_word(each) for each in (one, other)) and not (_is_unspaced(one) or _is_unspaced(other))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or category(character).startswith("M")


def _is_unspaced(character: str) -> bool:
    return name(character, "").split(" ")[0].split("-")[0] in _UNSPACED
