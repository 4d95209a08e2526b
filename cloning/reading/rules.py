"""
Rules for the parts of a text that are read differently from how they are written: patterns, the more special ones first.

All rules see the original text, so a rule may look at what is around its match. The first rule that claims a stretch gets it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cloning.reading.spans import Replacement


@dataclass(frozen=True)
class Rule:
    """
    One class of writing, such as money or dates.

    `read` gives the words for a match; None if the match is not of this class (other rules may have it); the match itself if it
    is, but can't be read for certain: then it stays as it was, no other rule touches it, and the caller gets a warning.
    """

    kind: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]


@dataclass(frozen=True)
class LanguageRules:
    """The rules of one language. `rest` gets the text and the claimed stretches, and finds more replacements outside of those."""

    code: str
    rules: tuple[Rule, ...]
    rest: Callable[[str, Sequence[Replacement]], list[Replacement]] | None = None


def rule(kind: str, pattern: str, read: Callable[[re.Match[str]], str | None]) -> Rule:
    """A rule by the text of its pattern."""
    return Rule(kind, re.compile(pattern), read)


def keeping_stops(
    rules: Iterable[Rule], dotted: Iterable[str], is_end: Callable[[re.Match[str]], object]
) -> Iterator[Rule]:
    """The rules, with a full stop after a sentence that ends with one of the `dotted` abbreviations."""
    endings = tuple(one for one in dotted if one.endswith("."))

    def stopped(one: Rule) -> Rule:
        def read(match: re.Match[str]) -> str | None:
            words = one.read(match)
            is_lost = words and not words.endswith(".") and match.group().endswith(endings) and is_end(match)
            return f"{words}." if is_lost else words

        return replace(one, read=read)

    yield from map(stopped, rules)


def matches(text: str, rules: Iterable[Rule], claimed: Sequence[Replacement] = ()) -> list[Replacement]:
    """
    The replacements of the rules outside of the stretches that are `claimed` already, in order of the text.

    An empty match claims nothing.
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
