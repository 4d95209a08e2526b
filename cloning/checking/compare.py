"""What was heard beside what was meant."""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from unicodedata import category, normalize

from cloning.checking.words import spans_of

# Languages written without spaces between words: compared by characters.
_BY_CHARACTER = {"zh", "yue", "ja", "th", "lo", "km", "my"}
_ACCENTS = re.compile("[\u0300-\u036f]")
_VOWEL_SIGNS = {"Mn", "Mc"}  # of scripts whose vowels are no letters
_MOST_COMPRESSED = 2.4
_TIMES = 3  # what comes less often is no endless repeat
_NUMBER = re.compile(r"\d[\d.,:-]*\d")
_HOUR = re.compile(r"(\d{1,2})[.:]?(\d\d)")
_LEAST_DIGITS = 3  # two digits one by one are another number: "seven three" is not 73
_MOST_NUMBERS = 20  # each is compared up to three times more
_INSIDE = re.compile("['’ʼ`]")  # as in "don't": left out, the others part words


@dataclass(frozen=True)
class Difference:
    """
    Words that were meant and what was heard in their place; one of both may be empty.

    `first` and `last` are the places of the text's words, [first, last); with nothing meant, what was heard stands before `first`.
    """

    first: int
    last: int
    heard: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """The `differences` in order, their share of the text's words (`wer`) and the longest in words (`worst_run`)."""

    differences: tuple[Difference, ...]
    wer: float
    worst_run: int


def compare(text: str, heard: str, language: str | None, read: Callable[[str], str]) -> Comparison:
    """Both sides as plain words, or characters in languages without spaces; capitals, accents and punctuation don't count."""
    meant = [
        (word, place)
        for place, (start, end) in enumerate(spans_of(text))
        for word in plain_words(read(text[start:end]), language)
    ]
    said = _said(heard, language, read)
    matcher = SequenceMatcher(None, [word for word, _ in meant], said, autojunk=False)
    found: list[Difference] = []
    errors = run = 0
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal" or "".join(word for word, _ in meant[a:b]) == "".join(said[c:d]):
            continue
        errors += max(b - a, d - c)
        run = max(run, b - a, d - c)
        found.append(Difference(*_places(meant, a, b), tuple(said[c:d])))
    return Comparison(tuple(found), errors / max(len(meant), 1), run)


def _said(heard: str, language: str | None, read: Callable[[str], str]) -> list[str]:
    return plain_words(read(heard.replace("[", " ")), language)  # a bracket is no tag here


def compare_numbers(text: str, heard: str, language: str | None, read: Callable[[str], str]) -> Comparison:
    """
    As `compare`, with each number that was heard in the form whose reading is closest to the text.

    A recogniser writes "seven thirty" as 7:30, 7.30 or 730, and "one two three" as 123.
    """
    best = compare(text, heard, language, read)
    numbers = list(_NUMBER.finditer(heard))[:_MOST_NUMBERS] if best.differences else []
    for number in reversed(numbers):  # so that the places of those before it stay the same
        for form in _other_forms(number[0]):
            changed = heard[: number.start()] + form + heard[number.end() :]
            found = compare(text, changed, language, read)
            if (found.worst_run, found.wer) < (best.worst_run, best.wer):
                best, heard = found, changed
                break
    return best


def _other_forms(number: str) -> Iterator[str]:
    """What a number may stand for as well: an hour, two numbers of two digits, its digits."""
    if hour := _HOUR.fullmatch(number):
        yield f"{hour[1]}:{hour[2]}"
        yield f"{hour[1]} {hour[2]}"
    digits = [one for one in number if one.isdigit()]
    if len(digits) >= _LEAST_DIGITS:
        yield " ".join(digits)


def _places(meant: Sequence[tuple[str, int]], first: int, last: int) -> tuple[int, int]:
    """The places of these words; between two words the latter's."""
    if first < last:
        return meant[first][1], meant[last - 1][1] + 1
    place = meant[first][1] if first < len(meant) else (meant[-1][1] + 1 if meant else 0)
    return place, place


def without_endless_repeats(heard: str) -> str:
    """
    What was heard up to where the recogniser fell into repeating itself.

    It has if its words compress too well (Whisper's own rule and limit: openai/whisper, transcribe.py). Speech that says something
    twice doesn't compress like that. The first time is kept: that is what was heard.
    """
    data = heard.encode()
    if len(data) <= _MOST_COMPRESSED * len(zlib.compress(data)):
        return heard
    starts = {period: _periodic_from(heard, period) for period in range(1, len(heard) // _TIMES + 1)}
    ends = [start + period for period, start in starts.items() if len(heard) - start >= _TIMES * period]
    return heard[: min(ends, default=len(heard))].rstrip()


def first_times(heard: str, language: str | None, read: Callable[[str], str]) -> Iterator[str]:
    """What was heard up to where all of it comes again, by each length that it can be cut into; nothing where it is said once."""
    spans, all_of_it = spans_of(heard), _said(heard, language, read)
    words = [plain_words(heard[start:end], language) for start, end in spans]
    for count in range(1, len(words) // 2 + 1):
        times, rest = divmod(len(words), count)
        if not rest and words == words[:count] * times:
            once = _cut(heard, spans[count - 1][1], spans[count][0])
            if _said(once, language, read) * times == all_of_it:  # "5. 5%" are the same words, and aren't read alike
                yield once


def _cut(heard: str, end: int, next_start: int) -> str:
    """What was heard up to the space before the next word, or up to that word where there is none: signs stay with their number."""
    before, space, _ = heard[end:next_start].rpartition(" ")
    return heard[:end] + before if space else heard[:next_start]


def _periodic_from(text: str, period: int) -> int:
    """From which character on each one is the same as `period` characters later, up to the end."""
    start = len(text) - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return start


def is_by_character(language: str | None) -> bool:
    """Whether the language is written without spaces, as far as is known."""
    return bool(language) and str(language).split("-")[0].lower() in _BY_CHARACTER


def plain_words(text: str, language: str | None) -> list[str]:
    """The words without what can't be heard of them."""
    bare = _ACCENTS.sub("", normalize("NFKD", _INSIDE.sub("", text.casefold())))
    spaced = "".join(one if one.isalnum() or category(one) in _VOWEL_SIGNS else " " for one in normalize("NFC", bare))
    if is_by_character(language):
        return list(spaced.replace(" ", ""))
    return [part for word in spaced.split() for part in _signs_apart(word)]


def _signs_apart(word: str) -> list[str]:
    """A hanzi or kana is a word of its own in any language."""
    spans = spans_of(word)
    return [word[start:end] for start, end in spans] if len(spans) > 1 else [word]
