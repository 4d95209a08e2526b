"""The front end: from the caller's text to the text that is spoken."""

import re
from collections.abc import Iterable, Iterator, Mapping

from cloning.errors import InvalidText
from cloning.reading.dictionary import respellings
from cloning.reading.languages import rules_of
from cloning.reading.markup import Marks, holds_a_tag, marks_of
from cloning.reading.rules import LanguageRules, matches
from cloning.reading.spans import Pause, Reading, Replacement, Span, position

_WARNED = 20
"""A warning names at most so many places."""
_SIGNS = r"\d$¢-¥֏؋৲৳৻૱௹฿៛₠-₿﷼﹩＄￠￡￥￦"
_UNREAD = re.compile(rf"[{_SIGNS}]+(?:[-.,:/'’][{_SIGNS}]+)*")


def read(
    text: str,
    language: str | None,
    *,
    say: Mapping[str, str] | None = None,
    normalize: bool = True,
    paragraph_pause_s: float = 0.0,
) -> Reading:
    """
    Read the text as a person does in that language ('pt', 'pt-BR'; None: unknown, then no rules of a language apply).

    `say` maps words to respellings. Without `normalize` only pauses and respellings count; a text that has neither is returned
    unchanged.
    """
    rules = rules_of(language) if language and normalize else None
    marks = marks_of(text, paragraph_pause_s if normalize else 0.0, is_markdown=normalize)
    claimed = [*marks.replacements]
    claimed += respellings(text, say or {}, claimed, lambda words: _numbers_in(words, rules))
    if rules:
        claimed += _by_language(text, rules, claimed)
    words, spans = replaced(text, claimed)
    if holds_a_tag(words):
        raise InvalidText(
            "a tag [pause:...] comes from a respelling or from marks within it: write it into the text, as it is"
        )
    pauses = tuple(
        Pause(position(spans, one.text_end), one.seconds, one.text_start, one.text_end) for one in marks.pauses
    )
    return Reading(words, spans, pauses, rules.code if rules else None, tuple(_warnings(words, spans, marks, rules)))


def _numbers_in(words: str, rules: LanguageRules | None) -> str:
    """A respelling with its own numbers read."""
    return replaced(words, _by_language(words, rules, []))[0] if rules else words


def _by_language(text: str, rules: LanguageRules, claimed: list[Replacement]) -> list[Replacement]:
    found = matches(text, rules.rules, claimed)
    if rules.rest:
        found += rules.rest(text, [*claimed, *found])
    return found


def _warnings(
    words: str, spans: tuple[Span, ...], marks: Marks, rules: LanguageRules | None
) -> Iterator[dict[str, object]]:
    unread = list(_unread(words, spans)) if rules else []
    if unread:
        yield {
            "code": "READ_AS_IS",
            "message": f"numbers or signs that may be read in several ways, or in none, were left as they are ({len(unread)} places): "
            "write them in words, or respell them",
            "spans": unread[:_WARNED],
        }
    if marks.dropped:
        yield {
            "code": "DROPPED",
            "message": f"emoji and other pictures are not read ({len(marks.dropped)} places)",
            "spans": [list(one) for one in marks.dropped[:_WARNED]],
        }


def _unread(words: str, spans: tuple[Span, ...]) -> Iterator[list[int]]:
    """Where the caller's text has digits and signs that are still there in the reading."""
    for span in spans:
        for match in _UNREAD.finditer(words, span.start, span.end):
            if not span.is_same:
                yield [span.text_start, span.text_end]
                break
            yield [match.start() - span.start + span.text_start, match.end() - span.start + span.text_start]


def replaced(text: str, replacements: Iterable[Replacement]) -> tuple[str, tuple[Span, ...]]:
    """The text with the replacements in it, and its spans. Replacements must not overlap."""
    parts: list[str] = []
    spans: list[Span] = []
    at = done = 0

    def add(part: str, start: int, end: int, *, is_same: bool) -> None:
        nonlocal at
        if part:
            spans.append(Span(at, at + len(part), start, end, is_same))
            parts.append(part)
            at += len(part)

    for one in sorted(replacements, key=lambda each: (each.start, each.end)):
        if one.start < done:
            raise AssertionError("two replacements overlap")
        add(text[done : one.start], done, one.start, is_same=True)
        add(one.text, one.start, one.end, is_same=False)
        done = one.end
    add(text[done:], done, len(text), is_same=True)
    return "".join(parts), tuple(spans)
