"""The word error rate: numbers count as words, case and punctuation don't count."""

import re
from collections.abc import Sequence

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def words_of(text: str) -> list[str]:
    """The words to compare: 21 is "twenty one", 6:30 "six thirty", "a hundred" "one hundred"."""
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower().replace("’", "'"))
    spelt = re.sub(r"\d+", lambda digits: f" {_spelt(int(digits[0]))} ", plain)
    bare = re.sub(r"[^\w']+", " ", spelt)
    return re.sub(r"\ba (?=hundred|thousand)", "one ", bare).split()


def _spelt(number: int) -> str:
    """Spell a number below a million; leave a larger one as it is."""
    if number < len(_ONES):
        return _ONES[number]
    if number < 100:  # noqa: PLR2004 - how English counts
        return f"{_TENS[number // 10 - 2]} {_ONES[number % 10] if number % 10 else ''}"
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if size <= number < size * 1000:
            return f"{_spelt(number // size)} {name} {_spelt(number % size) if number % size else ''}"
    return str(number)


def edit_distance(meant: Sequence[str], said: Sequence[str], *, within: bool = False) -> int:
    """The fewest words to add, drop or change; `within` ignores words before and after."""
    row = [0] * (len(said) + 1) if within else list(range(len(said) + 1))
    for word in meant:
        above, row = row, [row[0] + 1]
        for place, other in enumerate(said):
            row.append(min(above[place] + (word != other), above[place + 1] + 1, row[-1] + 1))
    return min(row) if within else row[-1]


def word_error_rate(meant: str, said: str) -> float:
    """The number of words to add, drop or change, divided by the number of intended words."""
    words = words_of(meant)
    return edit_distance(words, words_of(said)) / len(words)
