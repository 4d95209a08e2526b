"""A worker keeps what its recogniser made of the voices used last."""

from cloning.checking.control import Control, ControlCache


def test_the_voice_that_was_used_the_longest_ago_goes() -> None:
    """So many voices are kept as the cache holds; to find one is to use it."""
    cache = ControlCache(most=2)
    a, b, c = (Control("passed", score, 0.0, "") for score in (0.1, 0.2, 0.3))

    cache.keep("a", a)
    cache.keep("b", b)
    found = cache.find("a")
    cache.keep("c", c)

    assert (found, cache.find("a"), cache.find("b"), cache.find("c")) == (a, a, None, c)
