"""Invisible characters."""

import re
from unicodedata import category

# Characters that only shape others and are neither seen nor heard, besides the categories Cf and Cc: joiners, fillers,
# variation selectors.
_SHAPERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_invisible(character: str) -> bool:
    """Whether the character is neither seen nor heard: a soft hyphen, a joiner, a mark of direction."""
    return category(character) in ("Cf", "Cc") or bool(_SHAPERS.match(character))
