"""What the rules of one language alone make of a text."""

from cloning.reading.rules import LanguageRules, matches
from cloning.reading.spans import Reading, replaced


def reading(rules: LanguageRules, text: str) -> Reading:
    claimed = matches(text, rules.rules)
    if rules.rest:
        claimed += rules.rest(text, claimed)
    return Reading(*replaced(text, claimed))


def reads(rules: LanguageRules, text: str) -> str:
    return reading(rules, text).text


def sources(rules: LanguageRules, text: str) -> list[tuple[str, str]]:
    """The stretches that are read otherwise than they are written, and what is read."""
    found = reading(rules, text)
    return [
        (text[one.text_start : one.text_end], found.text[one.start : one.end]) for one in found.spans if not one.is_same
    ]
