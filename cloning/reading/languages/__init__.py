"""One module per language: its `RULES`. A language is imported when a text in it is first read."""

from importlib import import_module

from cloning.reading.rules import LanguageRules

FULL = ("en", "zh", "de", "fr", "es", "it", "pt", "ru")
"""Languages whose classes are all read."""
NUMBERS = ("fi", "hi", "ar", "ja", "lv")
"""Languages of which cardinals, ordinals, decimals and percentages are read."""


def rules_of(language: str) -> LanguageRules | None:
    """The rules for a code like 'pt' or 'pt-BR'; None for a language that nobody has written down here."""
    code = language.split("-", maxsplit=1)[0].lower()
    if code not in (*FULL, *NUMBERS):
        return None
    rules: LanguageRules = import_module(f"cloning.reading.languages.{code}").RULES
    return rules
