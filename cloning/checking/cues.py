"""
Words and their times to cues: what subtitles show, and when.

Habits of broadcasting: two lines of 42 columns (a wide character is two), 1 to 7 s, at most 20 columns a second. Where they can't
all be kept (speech may be faster than anybody reads) the words' times are.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, pairwise, zip_longest
from typing import Protocol
from unicodedata import category, east_asian_width

LINE, SHORTEST_S, LONGEST_S, COLUMNS_A_SECOND = 42, 1.0, 7.0, 20.0
PAUSE_S = 0.5
"""Silence that ends a cue."""
_LEAST_S = 0.01

_HIDDEN = re.compile(r"\[pause:[^\[\]\n]{0,40}\]|[\x00-\x1f\x7f-\x9f]", re.IGNORECASE)
_SENTENCE_ENDS = ".!?…。！？।؟۔"
_CLAUSE_ENDS = ",;:–—，；：、،؛"
_CLOSING = "\"'”’»›)]」』）】"
_WORD = re.compile(r"\S+\s*")


class SubtitleWord(Protocol):
    """
    A spoken word: [text_start, text_end) in code points of its turn's text, as the caller wrote it, and its seconds of the speech.

    Words come in the order of the text and don't overlap there. None is no reliable time.
    """

    @property
    def turn(self) -> int: ...
    @property
    def text_start(self) -> int: ...
    @property
    def text_end(self) -> int: ...
    @property
    def start(self) -> float | None: ...
    @property
    def end(self) -> float | None: ...


@dataclass(frozen=True)
class Cue:
    """One or two lines, shown from `start` to `end` seconds."""

    lines: tuple[str, ...]
    start: float
    end: float


@dataclass(frozen=True)
class _Unit:
    """
    What can't be parted in time: a word with its signs; `has_space` behind it.

    `break_cost` is that of ending a cue behind it, None if one must end there.
    """

    text: str
    has_space: bool
    width: int
    break_cost: float | None
    start: float = 0.0
    end: float = 0.0
    is_timed: bool = False


def cues(words: Sequence[SubtitleWord], texts: Sequence[str], length_s: float) -> list[Cue]:
    """
    The cues of the texts (one per turn), in order and without overlap. `length_s` is the speech's length.

    Words without a time share their neighbours' cue. Only where there are too many of them, or none with a time in a turn, do they get
    one of their own, in what is left between the times around them.
    """
    units = list(_with_pauses(_timed(list(_units(words, texts)), length_s)))
    cutter = _Cutter(units, length_s)
    ends = [end for end, last in enumerate(units, start=1) if last.break_cost is None]
    return list(_apart([cue for first, last in pairwise([0, *ends]) for cue in cutter.cues(first, last)]))


def columns(text: str) -> int:
    """The width of a text on a screen: wide characters are two columns, marks on others none."""
    return sum(_columns(character) for character in text)


@cache
def _columns(character: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _units(words: Sequence[SubtitleWord], texts: Sequence[str]) -> Iterator[tuple[_Unit, SubtitleWord]]:
    """Each turn's text in pieces, one a word, with all that stands between the words."""
    for turn, text in enumerate(texts):
        own = [word for word in words if word.turn == turn]
        shown = _HIDDEN.sub(lambda hidden: " " * len(hidden[0]), text)
        gaps = [(before.text_end, after.text_start) for before, after in pairwise(own)]
        borders = [0, *(start + _border(shown[start:end]) for start, end in gaps), len(text)]
        for word, (start, end), gap in zip(own, pairwise(accumulate(borders, max)), [*gaps, None], strict=False):
            piece = shown[start:end]
            said = " ".join(piece.split())
            between = text[slice(*gap)] if gap else None
            unit = _Unit(said, piece[-1:].isspace(), columns(said), _break_cost(said, piece, between))
            if said:
                yield unit, word


def _border(gap: str) -> int:
    """Where between two words the second one's piece begins: behind the last space, else before the signs that open something."""
    spaces = [place for place, character in enumerate(gap, start=1) if character.isspace()]
    if spaces:
        return spaces[-1]
    closed = len(gap)
    while closed and (category(gap[closed - 1]) in ("Ps", "Pi") or gap[closed - 1] in "¿¡"):
        closed -= 1
    return closed


def _break_cost(said: str, piece: str, between: str | None) -> float | None:
    if between is None or "[pause:" in between.lower():
        return None
    if "\n" in between or _ends_in(said, _SENTENCE_ENDS):
        return 0.0
    if _ends_in(said, _CLAUSE_ENDS):
        return 1.0
    return 4.0 if piece[-1:].isspace() or columns(said[-1:]) == 2 else 12.0  # noqa: PLR2004 - a wide character


def _ends_in(text: str, signs: str) -> bool:
    return text.rstrip(_CLOSING).endswith(tuple(signs))


def _timed(found: Sequence[tuple[_Unit, SubtitleWord]], length_s: float) -> list[_Unit]:
    """The units with times that never go back; those without reliable ones share what is left between their neighbours'."""
    units: list[_Unit] = []
    waiting: list[_Unit] = []
    now = 0.0
    for unit, word in found:
        if word.start is None or word.end is None:
            waiting.append(unit)
            continue
        start = max(now, word.start)
        units += [*_shared(waiting, now, start), replace(unit, start=start, end=max(start, word.end), is_timed=True)]
        waiting, now = [], units[-1].end
    return [*units, *_shared(waiting, now, max(now, length_s))]


def _shared(units: Sequence[_Unit], start: float, end: float) -> Iterator[_Unit]:
    total = sum(unit.width for unit in units) or 1
    for unit, done in zip(units, accumulate((unit.width for unit in units), initial=0), strict=False):
        begin = start + (end - start) * done / total
        yield replace(unit, start=begin, end=begin + (end - start) * unit.width / total)


def _with_pauses(units: Sequence[_Unit]) -> Iterator[_Unit]:
    """The units, with an end of a cue at every pause."""
    for unit, after in zip_longest(units, units[1:]):
        is_pause = after is None or (unit.is_timed and after.is_timed and after.start - unit.end >= PAUSE_S)
        yield replace(unit, break_cost=None) if is_pause else unit


class _Cutter:
    """The cheapest way to cut units into cues."""

    def __init__(self, units: Sequence[_Unit], length_s: float) -> None:
        self._units = units
        self._length_s = length_s
        self._widths = [0, *accumulate(unit.width + unit.has_space for unit in units)]
        self._timed = [place for place, unit in enumerate(units) if unit.is_timed]

    def cues(self, first: int, last: int) -> list[Cue]:
        """The cues of [first, last), inside which none has to end."""
        cheapest = {first: (0.0, first)}
        for start in range(first, last):
            for end in range(start + 1, last + 1):
                cost = self._cost(start, end)
                if cost is None:
                    break
                if end not in cheapest or cheapest[start][0] + cost < cheapest[end][0]:
                    cheapest[end] = (cheapest[start][0] + cost, start)
        borders = [last]
        while borders[-1] > first:
            borders.append(cheapest[borders[-1]][1])
        return [self._cue(start, end) for start, end in pairwise(reversed(borders))]

    def _width(self, start: int, end: int) -> int:
        return self._widths[end] - self._widths[start] - self._units[end - 1].has_space

    def _fits(self, start: int, end: int) -> bool:
        """Whether two lines are enough for more than one unit."""
        if self._width(start, end) <= LINE:
            return True
        middle = bisect_right(self._widths, self._widths[start] + LINE + 1) - 1
        middle -= self._width(start, middle) > LINE
        return middle > start and self._width(middle, end) <= LINE

    def _cost(self, start: int, end: int) -> float | None:
        """How far from good a cue would be: long and even ones that end with a sentence are. None: it breaks a limit."""
        begin, said, finish = self._times(start, end)
        if end > start + 1 and (said - begin > LONGEST_S or not self._fits(start, end)):
            return None
        shown, width = max(finish - begin, _LEAST_S), self._width(start, end)
        is_timed = bisect_left(self._timed, start) < bisect_left(self._timed, end)
        return (
            1.0
            + (1 - width / (2 * LINE)) ** 2
            + (self._units[end - 1].break_cost or 0.0)
            + 10 * max(0.0, SHORTEST_S - shown)
            + 10 * min(2.0, max(0.0, width / shown / COLUMNS_A_SECOND - 1))
            + (0.0 if is_timed else 30.0)
        )

    def _times(self, start: int, end: int) -> tuple[float, float, float]:
        """When the units begin and end, and when their cue may end that is shown long enough."""
        timed = self._timed[bisect_left(self._timed, start) : bisect_left(self._timed, end)] or range(start, end)
        begin, finish = self._units[timed[0]].start, self._units[timed[-1]].end
        # What has no time before the first word that has one may be shown earlier, so that a cue can be read.
        begin = max(self._units[start].start, min(begin, finish - SHORTEST_S))
        following = self._units[end].start if end < len(self._units) else max(finish, self._length_s)
        wanted = begin + min(LONGEST_S, max(SHORTEST_S, self._width(start, end) / COLUMNS_A_SECOND))
        return begin, finish, max(finish, min(following, wanted))

    def _cue(self, start: int, end: int) -> Cue:
        begin, _, finish = self._times(start, end)
        pieces = [unit.text + " " * unit.has_space for unit in self._units[start:end]]
        return Cue(_lines(pieces if len(pieces) > 1 else _WORD.findall(pieces[0])), begin, finish)


def _lines(pieces: Sequence[str]) -> tuple[str, ...]:
    """The pieces on one line or two: about equally long ones, the first preferably a clause."""
    whole = "".join(pieces).strip()
    splits = [("".join(pieces[:middle]).strip(), "".join(pieces[middle:]).strip()) for middle in range(1, len(pieces))]
    if columns(whole) <= LINE or not splits:
        return (whole,)

    def ugliness(lines: tuple[str, str]) -> tuple[int, int]:
        top, bottom = map(columns, lines)
        ends_clause = _ends_in(lines[0], _SENTENCE_ENDS + _CLAUSE_ENDS)
        return max(LINE, top, bottom), abs(top - bottom) - (LINE // 2 if ends_clause else 0)

    return min(splits, key=ugliness)


def _apart(found: Sequence[Cue]) -> Iterator[Cue]:
    """The cues, each of some length, even where times leave none."""
    now = 0.0
    for cue in found:
        start = max(now, cue.start)
        now = max(cue.end, start + _LEAST_S)
        yield replace(cue, start=start, end=now)
