"""
One module per language: its `RULES`, and perhaps `REGIONS` with those of single regions. A language is imported when a text in it
is first read.

    en        English
    zh        Chinese
    de        German
    fr        French
    es        Spanish
    it        Italian
    pt        Portuguese
    ru        Russian
    fi        Finnish: numbers
    hi        Hindi: numbers
    ar        Arabic: numbers
    ja        Japanese: numbers, and more that Chinese has
    lv        Latvian: numbers
    english/  the rules and tables of English
    han/      the rules of Chinese, and what Japanese shares
    russian/  the rules of Russian
    tables/   the words of the others
"""

from collections.abc import Mapping
from importlib import import_module

from cloning.reading.rules import LanguageRules

FULL = ("en", "zh", "de", "fr", "es", "it", "pt", "ru")
"""Languages whose classes are all read."""
NUMBERS = ("fi", "hi", "ar", "ja", "lv")
"""Languages of which cardinals, ordinals, decimals and percentages are read."""


def rules_of(language: str) -> LanguageRules | None:
    """The rules for a code like 'pt' or 'pt-BR'; None for a language without rules here."""
    code, _, region = language.partition("-")
    if code.lower() not in (*FULL, *NUMBERS):
        return None
    module = import_module(f"cloning.reading.languages.{code.lower()}")
    regions: Mapping[str, LanguageRules] = getattr(module, "REGIONS", {})
    usual: LanguageRules = module.RULES
    return regions.get(region.upper(), usual)
