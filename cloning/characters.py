"""What a character is to those who read it."""

import re
from unicodedata import category

# What is there to shape other characters and is neither seen nor heard, besides the categories Cf and Cc: joiners, fillers,
# variation selectors.
_SHAPERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_invisible(character: str) -> bool:
    """Whether nothing of the character would be seen or heard: a soft hyphen, a joiner, a mark of direction."""
    return category(character) in ("Cf", "Cc") or bool(_SHAPERS.match(character))
