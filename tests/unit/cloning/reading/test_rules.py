"""Which rule gets which stretch of a text."""

from cloning.reading.rules import matches, rule
from cloning.reading.spans import Replacement


def test_the_first_rule_that_claims_a_stretch_has_it() -> None:
    """The first rule that claims a stretch gets it, even if it leaves it as it is."""
    first = rule("pair", r"\d-\d", lambda match: match.group())
    second = rule("digit", r"\d", lambda _: "x")

    assert matches("1-2 3", [first, second]) == [Replacement(0, 3, "1-2"), Replacement(4, 5, "x")]


def test_what_a_rule_does_not_know_is_left_to_others() -> None:
    """If a rule returns None, the stretch is left to later rules."""
    first = rule("pair", r"\d-\d", lambda _: None)
    second = rule("digit", r"\d", lambda _: "x")

    assert [one.text for one in matches("1-2", [first, second])] == ["x", "x"]


def test_what_is_claimed_already_is_not_claimed_again() -> None:
    """A stretch that is claimed already isn't claimed again, and neither is an empty match."""
    digits = rule("digit", r"\d*", lambda _: "x")

    assert matches("1 2", [digits], [Replacement(0, 1, "one")]) == [Replacement(2, 3, "x")]
