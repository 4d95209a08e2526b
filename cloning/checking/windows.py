"""A recording that is longer than a recogniser takes at once, and its text, in pieces that belong together."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate, chain, pairwise

import numpy as np

from cloning.ports import Samples

# Whisper takes 30 s; the cut is made where it is quietest between these.
_SHORTEST_S, _LONGEST_S = 18.0, 28.0
_FRAME_S = 0.05
# A character of a script without spaces, or a word with its apostrophes.
_UNIT = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*"
)


def windows(samples: Samples, sample_rate: int) -> list[tuple[int, int]]:
    """Stretches of at most 28 s that cover the samples, cut where it is quietest."""
    cuts = [0]
    while len(samples) - cuts[-1] > _LONGEST_S * sample_rate:
        begin, end = (cuts[-1] + int(seconds * sample_rate) for seconds in (_SHORTEST_S, _LONGEST_S))
        cuts.append(begin + _quietest(samples[begin:end], int(_FRAME_S * sample_rate)))
    return list(pairwise([*cuts, len(samples)]))


def _quietest(samples: Samples, frame: int) -> int:
    """The middle of the quietest frame."""
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return int(np.argmin((frames**2).sum(axis=1))) * frame + frame // 2


def shares(text: str, heard: Sequence[str]) -> list[tuple[int, int]]:
    """The stretches of the text that are said in each window, by what was `heard` in them; they cover the text."""
    units = list(_UNIT.finditer(text))
    said = [[unit.group().casefold() for unit in _UNIT.finditer(one)] for one in heard]
    matcher = SequenceMatcher(
        None, [unit.group().casefold() for unit in units], [*chain.from_iterable(said)], autojunk=False
    )
    places = [_place(matcher, count) for count in accumulate(map(len, said))][:-1]
    cuts = [units[place].start() if place < len(units) else len(text) for place in places]
    return list(pairwise([0, *cuts, len(text)]))


def _place(matcher: "SequenceMatcher[str]", heard: int) -> int:
    """How many of the text's units are said in so many that were heard."""
    for _, text_start, text_end, heard_start, heard_end in matcher.get_opcodes():
        if heard_start <= heard <= heard_end and heard_end > heard_start:
            share = (heard - heard_start) / (heard_end - heard_start)
            return text_start + round(share * (text_end - text_start))
    return 0
