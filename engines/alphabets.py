"""
Which characters reach a model, by its vocabulary. No torch here.

F5-TTS looks a text up token by token, behind `convert_char_to_pinyin` (f5_tts/model/utils.py): hanzi as syllables, some signs as others.
What it doesn't find it takes for a space. A hanzi counts by the reading that it has alone; one of 700 phrases has another that is unknown (docs/decisions/0021).
XTTS's tokenizer writes a text out in the language's words first, and has a token for what it doesn't know.
"""

from collections.abc import Callable, Collection
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Upstream's own, "to address oov".
_SIGNS = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_UNKNOWN = "[UNK]"


def vocabulary_at(vocab: str | None) -> Path | None:
    """An F5-TTS checkpoint's vocabulary if it is on this disk; None names the one that f5-tts brings. f5-tts is not imported."""
    if vocab is None:
        package = find_spec("f5_tts")
        folders = package.submodule_search_locations if package else None
        return Path(folders[0]) / "infer" / "examples" / "vocab.txt" if folders else None
    return Path(vocab) if Path(vocab).is_file() else None


def f5_knows(vocabulary: Collection[str]) -> Callable[[str], bool]:
    """Whether F5-TTS finds every character of a text in this vocabulary; spaces need not be there."""

    @cache
    def is_known(character: str) -> bool:
        return character.isspace() or all(token in vocabulary for token in _tokens(character.translate(_SIGNS)))

    return lambda text: all(map(is_known, text))


def _tokens(character: str) -> list[str]:
    if not "\u3100" <= character <= "\u9fff":
        return [character]
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(character, style=Style.TONE3, tone_sandhi=True)


def xtts_knows(tokenizer: Any, language: str) -> Callable[[str], bool]:
    """Whether this tokenizer of coqui-tts's has tokens for all of a text in that language."""
    unknown = tokenizer.tokenizer.token_to_id(_UNKNOWN)

    def is_known(text: str) -> bool:
        try:
            return unknown not in tokenizer.encode(text, lang=language)
        except (NotImplementedError, ArithmeticError, LookupError, ValueError):
            return True  # a number that can't be written out: refused where it is to be spoken

    @cache
    def is_known_somewhere(character: str) -> bool:
        """A sign may be known beside a number alone: `$5`, `5€`."""
        return any(is_known(text) for text in (character, f"{character}5", f"5{character}"))

    return lambda text: is_known_somewhere(text) if len(text) == 1 else is_known(text)
