"""
Ask wetext about digits that no rule of ours has claimed.

wetext's grammars know many units and signs. They may also rewrite words, fail, or need seconds for a long text. So they get a short
stretch around the digits, and their answer is used only if the words around the digits are still there.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cloning.reading.spans import Replacement

_STRETCH = re.compile(r"[0-9０-９](?:[0-9０-９A-Za-z.:/,+*=~°℃℉%‰²³µμΩ×÷·^-]{0,30}[0-9０-９A-Za-z℃℉%‰²³Ω])?")
_BEFORE = 4
_AFTER = 6
_ASKED_AT_MOST = 300
"""Different stretches of one text. Each costs a millisecond or two."""


def unclaimed(
    language: str, text: str, claimed: Sequence[Replacement], otherwise: Callable[[str], str]
) -> list[Replacement]:
    """Read the remaining digits by wetext; `otherwise` reads the runs of digits that it doesn't."""
    known: dict[tuple[str, str, str], str | None] = {}
    found: list[Replacement] = []
    for start, end in _gaps(len(text), claimed):
        for match in _STRETCH.finditer(text, start, end):
            before = text[max(start, match.start() - _BEFORE) : match.start()]
            after = text[match.end() : min(end, match.end() + _AFTER)]
            asked = (_words(before, last=True), match.group(), _words(after, last=False))
            if asked not in known and len(known) < _ASKED_AT_MOST:
                known[asked] = _asked(language, *asked)
            found += _read(match, known.get(asked), otherwise)
    return found


def _gaps(length: int, claimed: Sequence[Replacement]) -> list[tuple[int, int]]:
    ordered = sorted(claimed, key=lambda one: one.start)
    starts = [0, *(one.end for one in ordered)]
    ends = [*(one.start for one in ordered), length]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _words(text: str, *, last: bool) -> str:
    """The word that touches the stretch: no spaces, no punctuation."""
    found = re.search(r"\w+\Z" if last else r"\A\w+", text)
    return found.group() if found else ""


def _read(match: re.Match[str], words: str | None, otherwise: Callable[[str], str]) -> list[Replacement]:
    if words is not None:
        return [Replacement(match.start(), match.end(), words)]
    at = match.start()
    runs = re.finditer(r"[0-9０-９]+", match.group())
    return [Replacement(at + run.start(), at + run.end(), otherwise(run.group())) for run in runs]


def _asked(language: str, before: str, stretch: str, after: str) -> str | None:
    try:
        heard: str = _normalizer(language).normalize(before + stretch + after)
    except Exception:  # noqa: BLE001 - its grammars raise AssertionError and others on what they don't know
        return None
    if not (heard.startswith(before) and heard.endswith(after) and len(heard) >= len(before) + len(after)):
        return None
    words = heard[len(before) : len(heard) - len(after)]
    return words if words and not re.search(r"\d", words) and _letters(words) in ("", _letters(stretch)) else None


def _letters(text: str) -> str:
    return "".join(re.findall("[A-Za-z]", text))


@cache
def _normalizer(language: str) -> Any:
    from wetext import Normalizer

    return Normalizer(lang=language, operator="tn")
