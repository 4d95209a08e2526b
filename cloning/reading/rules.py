"""
What of a text is read otherwise than it is written: patterns over the caller's text, the more special ones first.

All rules see the text as it came, so a rule may look at what stands around its match. The first rule that claims a stretch has it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cloning.reading.spans import Replacement


@dataclass(frozen=True)
class Rule:
    """
    One class of writing, such as money or dates.

    `read` gives the words for a match; None if the match is none of this class (other rules may have it); the match itself if it
    is, but can't be read for certain: then it stays as it was, no other rule touches it, and the caller is told.
    """

    kind: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]


@dataclass(frozen=True)
class LanguageRules:
    """How one language reads. `rest` gets the text and what rules have claimed, and finds more replacements beside it."""

    code: str
    rules: tuple[Rule, ...]
    rest: Callable[[str, Sequence[Replacement]], list[Replacement]] | None = None


def rule(kind: str, pattern: str, read: Callable[[re.Match[str]], str | None]) -> Rule:
    """A rule by the text of its pattern."""
    return Rule(kind, re.compile(pattern), read)


def matches(text: str, rules: Iterable[Rule], claimed: Sequence[Replacement] = ()) -> list[Replacement]:
    """
    What the rules claim beside what is `claimed` already, in order of the text.

    A match of no characters claims nothing.
    """
    taken = bytearray(len(text))
    for one in claimed:
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
    found: list[Replacement] = []
    for rule in rules:
        for match in rule.pattern.finditer(text):
            start, end = match.span()
            if start == end or any(taken[start:end]):
                continue
            words = rule.read(match)
            if words is None:
                continue
            found.append(Replacement(start, end, words))
            taken[start:end] = b"\1" * (end - start)
    return sorted(found, key=lambda one: one.start)
