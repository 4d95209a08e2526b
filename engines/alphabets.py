"""
The characters that a model knows, by its vocabulary. No torch here.

F5-TTS looks a text up token by token, after `convert_char_to_pinyin` (f5_tts/model/utils.py) has turned hanzi into syllables and
some signs into others. It replaces unknown tokens by a space. A hanzi is judged by its reading on its own; in one of 700 phrases it
has another reading, which is unknown (docs/decisions/0021). XTTS's tokenizer first writes numbers and signs out as words of the
language, and has a token for the unknown.
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
    """An F5-TTS checkpoint's vocabulary if it is on this disk; None means f5-tts's own. f5-tts is not imported."""
    if vocab is None:
        package = find_spec("f5_tts")
        folders = package.submodule_search_locations if package else None
        return Path(folders[0]) / "infer" / "examples" / "vocab.txt" if folders else None
    return Path(vocab) if Path(vocab).is_file() else None


def f5_knows(vocabulary: Collection[str]) -> Callable[[str], bool]:
    """A test whether F5-TTS finds every character of a text in this vocabulary; spaces need not be in it."""

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
    """A test whether this tokenizer of coqui-tts has tokens for all of a text in that language."""
    unknown = tokenizer.tokenizer.token_to_id(_UNKNOWN)

    def is_known(text: str) -> bool:
        try:
            return unknown not in tokenizer.encode(text, lang=language)
        except (NotImplementedError, ArithmeticError, LookupError, ValueError):
            return True  # a number that can't be written out: refused when it would be spoken

    @cache
    def is_known_somewhere(character: str) -> bool:
        """Whether a character is known alone or beside a number, as in `$5` and `5€`."""
        return any(is_known(text) for text in (character, f"{character}5", f"5{character}"))

    return lambda text: is_known_somewhere(text) if len(text) == 1 else is_known(text)
