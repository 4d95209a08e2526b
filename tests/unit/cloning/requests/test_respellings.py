"""The limits of respellings, in requests and in stored dictionaries."""

import pytest

from cloning.records import LONGEST_RESPELLING, LONGEST_WORD, MOST_WORDS
from cloning.requests.fields import respellings


@pytest.mark.parametrize(
    ("say", "named"),
    [
        ({"": "x"}, "''"),
        ({" ": "x"}, "' '"),
        ({"w" * (LONGEST_WORD + 1): "x"}, "'ww"),
        ({"word": "x" * (LONGEST_RESPELLING + 1)}, "'word'"),
        ({f"word{number}": "x" for number in range(MOST_WORDS + 1)}, str(MOST_WORDS + 1)),
    ],
)
def test_bounds_are_named(say: dict[str, str], named: str) -> None:
    """A respelling beyond a limit is refused with the word and the limit."""
    with pytest.raises(ValueError, match=named):
        respellings(say)


def test_what_keeps_within_bounds_is_taken() -> None:
    """Respellings within the limits are accepted unchanged."""
    say = {"w" * LONGEST_WORD: "x" * LONGEST_RESPELLING, "uh": ""}

    assert respellings(say) == say
