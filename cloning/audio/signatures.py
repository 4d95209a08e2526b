"""Search for recordings among other bytes, by signatures at their heads that are too long for a coincidence."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

# (the signature, how many bytes of the recording precede it, the container). Each begins with letters that are found quickly.
_SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), before, name)
    for pattern, before, name in (
        (rb"RIF[FX]....WAVE(?:fmt |bext|JUNK|junk|LIST|fact|iXML|_PMX|PEAK|id3 |ID3 |data|cue |PAD )", 0, "wav"),
        (rb"RF64....WAVEds64", 0, "wav"),
        (rb"BW64....WAVE(?:ds64|JUNK)", 0, "wav"),
        (rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", 0, "wav"),
        (rb"FORM....AIF[FC]", 0, "aiff"),
        (rb"caff\0\x01\0\0desc", 0, "caf"),
        (rb"fLaC[\0\x80]\0\0\x22", 0, "flac"),
        (rb"OggS\0\x02", 0, "ogg"),
        (rb"#!AMR(?:-WB)?\n", 0, "amr"),
        (rb"ftyp(?<=\0\0\0.ftyp)(?!heic|heix|hevc|mif1|msf1|avif|avis)[\w ]{4}", 4, "mp4"),
        (rb"moov(?<=\0...moov)....mvhd", 4, "mp4"),
        (rb"\x1a\x45\xdf\xa3.{0,60}?\x42\x82.(?:webm|matroska)", 0, "matroska"),
    )
)
_BLOCK, _LONGEST = 1 << 20, 80
_MOST = 200


def first_signature(data: bytes, begin: int, end: int | None = None) -> tuple[int, str] | None:
    """Find the first recording whose head begins in this stretch: (where, container); the bytes before it are read once."""
    end = len(data) if end is None else end
    for at in range(begin, end, _BLOCK):
        stop = min(at + _BLOCK, end)
        if found := [(where, name) for where, name in _in(data, at, stop) if where < stop]:
            return min(found)
    return None


def _in(data: bytes, begin: int, stop: int) -> Iterator[tuple[int, str]]:
    for pattern, before, name in _SIGNATURES:
        match = pattern.search(data, begin + before, min(stop + before + _LONGEST, len(data)))
        if match:
            yield match.start() - before, name


class Signatures:
    """The signatures of all recordings in a file, found once; only so many of each kind, because no file has more."""

    def __init__(self, data: bytes) -> None:
        self._at = sorted(
            match.start() - before
            for pattern, before, _ in _SIGNATURES
            for match in islice(pattern.finditer(data, before), _MOST)
        )

    def first(self, begin: int, end: int) -> int | None:
        """Where the first one in this stretch is."""
        index = bisect_left(self._at, begin)
        return self._at[index] if index < len(self._at) and self._at[index] < end else None
