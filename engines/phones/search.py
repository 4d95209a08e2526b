"""
Where a recording may say more phones than its English text: a search by pocketsphinx (BSD; model and dictionary are in its package).

The text as a grammar, its words in a row with silence and noise wherever they are, is laid over the recording; then the same with three
phones or more in one of its gaps, whichever suits best. The second path's score less the first one's is how much speaks for added speech.

Pocketsphinx holds Python's lock while it searches, so this is also the program of a process of its own (`pocketsphinx.py` starts it):
`python -m engines.phones.search` reads requests from its standard input and writes a line of JSON for each.
"""

import json
import math
import re
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

REQUEST = struct.Struct("<II")  # bytes of the text and of the samples: 16 kHz, mono, 16 bits
# The model's phones as words of noise, which have no neighbours: as words with neighbours each search takes minutes.
_FILLERS = Path(__file__).with_name("fillers.dict")
_LEAST_PHONES = 3
_LANGUAGE_WEIGHT = 6.5  # pocketsphinx's own, by which it multiplies the logarithms of a grammar's probabilities
_SILENCES = (("<sil>", 0.005), ("[NOISE]", 1e-8), ("[SPEECH]", 1e-8))  # pocketsphinx's own probabilities
_BEAM = 1e-70  # the forced phones cost up to 75 nats before they gain any
_NATS = 1024  # pocketsphinx cuts ten bits off each score
_SAME_LENGTH = str.maketrans("’ʼ`‐‑", "'''--")
_WORD = re.compile(r"'?[^\W\d_]+(?:['-][^\W\d_]+)*'?")
# What is not read aloud. All else (figures, "&", accents on their own) is, and nobody knows how.
_UNSPOKEN = frozenset(".,;:!?…-–—'\"“”‘«»()[]¿¡")


@dataclass(frozen=True)
class TextWord:
    """A word of the text: its code points, and how the dictionary may have it, the first that it has."""

    start: int
    end: int
    spellings: tuple[tuple[str, ...], ...]


def words_of(text: str) -> list[TextWord] | None:
    """The text's words; None if it has something that isn't a word read as it is written: figures, signs, capitals for letters."""
    plain = text.translate(_SAME_LENGTH)
    rest = _WORD.sub("", plain)
    words = [_word(match) for match in _WORD.finditer(plain)]
    initials = any(match.group().isupper() and len(match.group()) > 1 for match in _WORD.finditer(plain))
    return None if initials or not _UNSPOKEN.issuperset("".join(rest.split())) else words


def _word(match: re.Match[str]) -> TextWord:
    word = match.group().lower()
    bare = word.strip("'")
    return TextWord(match.start(), match.end(), ((word,), (bare,), tuple(bare.split("-"))))


class PhoneSearch:
    """The search with its model and dictionary loaded: 50 MB and a fifth of a second. For one thread."""

    def __init__(self) -> None:
        import pocketsphinx

        model = Path(pocketsphinx.get_model_path()) / "en-us"
        self._phones = [line.split()[0] for line in _FILLERS.read_text("ascii").splitlines() if line[0] == "+"]
        # Without compallsen the scores of two searches can't be compared: each frame's best depends on what is searched.
        self._decoder: Any = pocketsphinx.Decoder(
            hmm=str(model / "en-us"), dict=str(model / "cmudict-en-us.dict"), fdict=str(_FILLERS), lm=None, compallsen=True,
            bestpath=False, fsgusefiller=False, lw=_LANGUAGE_WEIGHT, beam=_BEAM, pbeam=_BEAM, wbeam=_BEAM, loglevel="FATAL",
        )  # fmt: skip

    def added(self, text: str, samples: bytes) -> dict[str, float | int] | None:
        """
        How much speaks for added speech at its likeliest place: `gain` in nats (natural logarithms), and `start` and `end`, the code
        points of the text's word before it (of the first one for what stands in front).

        None if the dictionary lacks a word, or the text doesn't fit the sound at all.
        """
        words = words_of(text)
        known = [self._known(word) for word in words or ()]
        if not words or not all(known) or not samples:
            return None
        spoken = [part for parts in known for part in parts]
        alone, _ = self._searched(_chain(spoken), len(spoken), samples)
        with_more, path = self._searched(self._with_gap(spoken), 2 * len(spoken) + 1, samples)
        if alone is None or with_more is None:
            return None
        owners = [word for word, parts in zip(words, known, strict=True) for _ in parts]
        word = owners[max(_before_gap(path) - 1, 0)]
        return {"gain": round((with_more - alone) * _NATS, 3), "start": word.start, "end": word.end}

    def _known(self, word: TextWord) -> tuple[str, ...]:
        has = self._decoder.lookup_word
        return next((parts for parts in word.spellings if all(part and has(part) for part in parts)), ())

    def _with_gap(self, words: Sequence[str]) -> list[tuple[Any, ...]]:
        """The words twice, before and behind the gap, and from each gap of the first to the same of the second a loop of phones."""
        behind = len(words) + 1
        made = [*_chain(words), *_chain(words, behind)]
        chance = (1 / len(self._phones)) ** _LANGUAGE_WEIGHT  # create_fsg doesn't weigh what it is given
        for gap in range(behind):
            first = 2 * behind + gap * _LEAST_PHONES
            states = [gap, *range(first, first + _LEAST_PHONES)]
            steps = [*pairwise(states), (states[-1], states[-1])]
            made += [(one, other, chance, phone) for one, other in steps for phone in self._phones]
            made.append((states[-1], behind + gap, 1.0))
        return made

    def _searched(self, arcs: Sequence[tuple[Any, ...]], final: int, samples: bytes) -> tuple[float | None, list[str]]:
        """The logarithm of the score of the best path to the final state, None if there is none, and the path's words."""
        decoder = self._decoder
        grammar = decoder.create_fsg("text", 0, final, arcs)
        for silence, chance in _SILENCES:
            grammar.add_silence(silence, -1, chance)
        decoder.add_fsg("text", grammar)
        decoder.activate_search("text")
        decoder.start_stream()  # forgets the noise of the last recording
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        if found is None:
            return None, []
        return math.log(found.score), [one.word for one in decoder.seg()]


def _chain(words: Sequence[str], start: int = 0) -> list[tuple[Any, ...]]:
    return [(start + place, start + place + 1, 1.0, word) for place, word in enumerate(words)]


def _before_gap(path: Sequence[str]) -> int:
    """How many words the path has before its phones."""
    until = next((place for place, one in enumerate(path) if one[0] == "+"), len(path))
    return sum(one[0] not in "<[(" for one in path[:until])


def requests(source: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """The texts and samples that come in, until there are no more."""
    while len(header := source.read(REQUEST.size)) == REQUEST.size:
        text, samples = (source.read(size) for size in REQUEST.unpack(header))
        yield text.decode(), samples


def main() -> None:
    """Answer requests until the standard input ends, with `PhoneSearch.added`'s."""
    search = PhoneSearch()
    for text, samples in requests(sys.stdin.buffer):
        sys.stdout.write(json.dumps(search.added(text, samples)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
