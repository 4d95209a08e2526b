"""Which rule has which stretch."""

from cloning.reading.rules import matches, rule
from cloning.reading.spans import Replacement


def test_the_first_rule_that_claims_a_stretch_has_it() -> None:
    """What it claims no other touches, though it may stay as it is."""
    first = rule("pair", r"\d-\d", lambda match: match.group())
    second = rule("digit", r"\d", lambda _: "x")

    assert matches("1-2 3", [first, second]) == [Replacement(0, 3, "1-2"), Replacement(4, 5, "x")]


def test_what_a_rule_does_not_know_is_left_to_others() -> None:
    """None says so."""
    first = rule("pair", r"\d-\d", lambda _: None)
    second = rule("digit", r"\d", lambda _: "x")

    assert [one.text for one in matches("1-2", [first, second])] == ["x", "x"]


def test_what_is_claimed_already_is_not_claimed_again() -> None:
    """Nor is a match of no characters."""
    digits = rule("digit", r"\d*", lambda _: "x")

    assert matches("1 2", [digits], [Replacement(0, 1, "one")]) == [Replacement(2, 3, "x")]
