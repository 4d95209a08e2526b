"""
Chinese, simplified and traditional: words are written as the text around them.

Years are read digit by digit (1001 to 2999; 1000年 and 1500年历史 are spans of time), as are phone numbers, with 幺, and
numbers of nine digits and more without a counter. A hundred is 二百, a thousand 两千. 3/4/2026 is ambiguous: it stays.
Digits that no rule claims go to wetext (`han.grammars`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from cloning.reading.languages.han.calendar import CALENDAR
from cloning.reading.languages.han.codes import ADDRESSES, CODES, SIGNS_ALONE
from cloning.reading.languages.han.grammars import unclaimed
from cloning.reading.languages.han.quantities import QUANTITIES, number
from cloning.reading.languages.han.script import as_around
from cloning.reading.rules import LanguageRules, Rule
from cloning.reading.spans import Replacement


def _in_script(rule: Rule) -> Rule:
    def read(match: re.Match[str]) -> str | None:
        words = rule.read(match)
        is_changed = words is not None and words != match.group()
        return as_around(words, match.string, *match.span()) if words and is_changed else words

    return replace(rule, read=read)


def _rest(text: str, claimed: Sequence[Replacement]) -> list[Replacement]:
    found = unclaimed("zh", text, claimed, number)
    return [replace(one, text=as_around(one.text.replace("两百", "二百"), text, one.start, one.end)) for one in found]


RULES = LanguageRules("zh", tuple(map(_in_script, (*ADDRESSES, *CALENDAR, *CODES, *QUANTITIES, *SIGNS_ALONE))), _rest)
