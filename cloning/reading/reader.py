"""The front end: what the caller wrote becomes what is spoken."""

from collections.abc import Mapping

from cloning.reading.dictionary import respellings
from cloning.reading.languages import rules_of
from cloning.reading.markup import marks_of
from cloning.reading.rules import LanguageRules, matches
from cloning.reading.spans import Pause, Reading, Replacement, position, replaced


def read(
    text: str,
    language: str | None,
    *,
    say: Mapping[str, str] | None = None,
    normalize: bool = True,
    paragraph_pause_s: float = 0.0,
) -> Reading:
    """
    The text as a person reads it in that language ('pt', 'pt-BR'; None: unknown, then no rules of a language apply).

    `say` maps words to respellings. Without `normalize` only pauses and respellings count; a text that has neither is returned
    as it came.
    """
    rules = rules_of(language) if language and normalize else None
    marks = marks_of(text, paragraph_pause_s if normalize else 0.0, is_markdown=normalize)
    claimed = [*marks.replacements]
    claimed += respellings(text, say or {}, claimed, lambda words: _numbers_in(words, rules))
    if rules:
        claimed += _by_language(text, rules, claimed)
    words, spans = replaced(text, claimed)
    pauses = tuple(
        Pause(position(spans, one.text_end), one.seconds, one.text_start, one.text_end) for one in marks.pauses
    )
    return Reading(words, spans, pauses, rules.code if rules else None, tuple(_warnings(text, words, spans, marks)))


def _numbers_in(words: str, rules: LanguageRules | None) -> str:
    """A respelling with its own numbers read."""
    return replaced(words, _by_language(words, rules, []))[0] if rules else words


def _by_language(text: str, rules: LanguageRules, claimed: list[Replacement]) -> list[Replacement]:
    found = matches(text, rules.rules, claimed)
    if rules.rest:
        found += rules.rest(text, [*claimed, *found])
    return found
