"""Texts that show how they are read: '{12,50 €|zwölf Euro fünfzig}' for a part that is replaced; the rest stays as it is."""

import re

from cloning.reading.languages import rules_of
from cloning.reading.reader import replaced
from cloning.reading.rules import matches

_PART = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")

Case = tuple[str, str]
"""The class, and the marked text."""


def text_of(marked: str) -> str:
    """The text as the caller wrote it."""
    return _PART.sub(r"\1", marked)


def reading_of(marked: str) -> str:
    """The text as it is read."""
    return _PART.sub(r"\2", marked)


def marked_by(language: str, text: str) -> str:
    """The text with the parts marked that the language's rules replace."""
    rules = rules_of(language)
    assert rules is not None
    _, spans = replaced(text, found := matches(text, rules.rules))
    assert [(one.start, one.end) for one in found if one.text] == [
        (span.text_start, span.text_end) for span in spans if not span.is_same
    ]
    at, parts = 0, []
    for one in found:
        parts += [text[at : one.start], "{", text[one.start : one.end], "|", one.text, "}"]
        at = one.end
    return "".join([*parts, text[at:]])


def stays(language: str, text: str) -> bool:
    """Whether no rule changes the text."""
    rules = rules_of(language)
    assert rules is not None
    return replaced(text, matches(text, rules.rules))[0] == text
