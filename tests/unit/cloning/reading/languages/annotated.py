"""Texts that show how they are read: '{21|二十一}本书' for a part that is replaced. Includes what rules leave to `rest`."""

import re

from cloning.reading.languages import rules_of
from cloning.reading.reader import replaced
from cloning.reading.rules import matches
from cloning.reading.spans import Reading

_PART = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")


def written(annotated: str) -> str:
    """The text as the caller wrote it."""
    return _PART.sub(r"\1", annotated)


def spoken(annotated: str) -> str:
    """The text as it is read."""
    return _PART.sub(r"\2", annotated)


def reading(language: str, text: str) -> Reading:
    """The reading by the rules of the language alone."""
    rules = rules_of(language)
    assert rules is not None
    claimed = matches(text, rules.rules)
    if rules.rest:
        claimed += rules.rest(text, claimed)
    return Reading(*replaced(text, claimed))


def annotated(language: str, text: str) -> str:
    """The text with the parts marked that are read differently from how they are written."""
    found = reading(language, text)
    at, parts = 0, []
    for one in found.spans:
        parts.append(_annotated(text[at : one.text_start], ""))
        parts.append(_annotated(text[one.text_start : one.text_end], found.text[one.start : one.end]))
        at = one.text_end
    return "".join([*parts, _annotated(text[at:], "")])


def _annotated(source: str, words: str) -> str:
    return source if source == words else f"{{{source}|{words}}}"
