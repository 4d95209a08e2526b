"""Listings of stores that ignore what they are asked: in order, each key once, and never endless."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.errors import StorageMisconfigured
from storage.s3_listing import Lister

PAGE = 3


@dataclass
class Server:
    """ListObjectsV2 over sorted keys, in pages of three, with odd habits."""

    keys: list[str]
    start_after: str = "exclusive"  # or "inclusive", "ignored"
    tokens: str = "right"  # or "repeated" (the same page again, once), "stuck", "missing", "ignored"
    prefix: str = "right"  # or "ignored"
    empty_pages: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, prefix: str, **place: str) -> dict[str, Any]:
        self.asked.append(place)
        if len(self.asked) > 500:
            raise AssertionError("this listing does not end")
        keys = [key for key in self.keys if key.startswith(prefix) or self.prefix == "ignored"]
        begin = self._begin(keys, place)
        return self._page(keys, begin)

    def _begin(self, keys: list[str], place: dict[str, str]) -> int:
        token = place.get("ContinuationToken")
        if token is not None:
            return 0 if self.tokens == "ignored" else int(token.split("-")[0])
        after = place.get("StartAfter", "")
        if not after or self.start_after == "ignored":
            return 0
        inclusive = self.start_after == "inclusive"
        return sum(key < after if inclusive else key <= after for key in keys)

    def _page(self, keys: list[str], begin: int) -> dict[str, Any]:
        if self.empty_pages:
            self.empty_pages -= 1
            return {"IsTruncated": True, "NextContinuationToken": f"{begin}-{self.empty_pages}", "KeyCount": 7}
        end = begin + PAGE
        page: dict[str, Any] = {"Contents": [{"Key": key} for key in keys[begin:end]], "IsTruncated": end < len(keys)}
        if end < len(keys) and self.tokens != "missing":
            page["NextContinuationToken"] = str(end)
            if (self.tokens == "repeated" and len(self.asked) == 2) or self.tokens == "stuck":
                page["NextContinuationToken"] = str(begin)
        return page


def listed(server: Server, prefix: str = "", after: str = "") -> list[str]:
    return [entry["Key"] for entry in Lister(server).entries(prefix, after)]


def expected(keys: set[str], prefix: str, after: str) -> list[str]:
    return sorted(key for key in keys if key.startswith(prefix) and key > after)


some_keys = st.sets(st.text("ab-/é\U0001f399\uffee", min_size=1, max_size=4), max_size=14)


@given(
    keys=some_keys,
    prefix=st.text("ab", max_size=1),
    after=st.text("ab-/", max_size=3),
    start_after=st.sampled_from(["exclusive", "inclusive", "ignored"]),
    tokens=st.sampled_from(["right", "repeated"]),
    prefixes=st.sampled_from(["right", "ignored"]),
    empty_pages=st.integers(0, 3),
)
@settings(deadline=None, max_examples=300)
def test_a_listing_keeps_its_contract_whatever_one_habit_is(
    keys: set[str], prefix: str, after: str, start_after: str, tokens: str, prefixes: str, empty_pages: int
) -> None:
    """Whatever a store's habit, every key of the prefix after the starting point is listed once and in order, or there is an error."""
    server = Server(sorted(keys), start_after, tokens, prefixes, empty_pages)

    try:
        found = listed(server, prefix, after)
    except StorageMisconfigured:
        assert (start_after, tokens) == ("ignored", "repeated")
        return

    assert found == expected(keys, prefix, after)


@given(keys=some_keys, after=st.text("ab-/", max_size=3), start_after=st.sampled_from(["exclusive", "inclusive"]))
@settings(deadline=None)
@pytest.mark.parametrize("tokens", ["missing", "stuck", "ignored"])
def test_without_tokens_a_listing_goes_on_by_its_last_key(
    tokens: str, keys: set[str], after: str, start_after: str
) -> None:
    """If a store's tokens lead nowhere, it is asked for what comes after the last key."""
    server = Server(sorted(keys), start_after, tokens)

    found = listed(server, "", after)

    assert found == expected(keys, "", after)


@pytest.mark.parametrize("tokens", ["missing", "stuck", "ignored"])
def test_a_listing_without_any_way_on_is_an_error(tokens: str) -> None:
    """If a listing can't be continued, a few requests end in an error: neither a part that looks like the whole, nor a loop."""
    server = Server([f"k{number}" for number in range(9)], "ignored", tokens)

    with pytest.raises(StorageMisconfigured, match="StartAfter"):
        listed(server)

    assert len(server.asked) <= 4


def test_empty_pages_without_end_are_an_error() -> None:
    """Empty pages with ever new tokens end in an error."""
    server = Server(["a"], empty_pages=10_000)

    with pytest.raises(StorageMisconfigured):
        listed(server)

    assert len(server.asked) < 200


@given(keys=some_keys, order=st.randoms(use_true_random=False), prefix=st.text("ab", max_size=1))
@settings(deadline=None)
def test_a_store_without_order_is_sorted(keys: set[str], order: Any, prefix: str) -> None:
    """A store without order is sorted, with every key once: from the second listing on, or at once if its first page shows it."""
    shuffled = sorted(keys)
    order.shuffle(shuffled)
    lister = Lister(Server(shuffled))

    first = [entry["Key"] for entry in lister.entries(prefix, "")]
    second = [entry["Key"] for entry in lister.entries(prefix, "")]

    assert sorted(first) == second == expected(keys, prefix, "")


def test_a_walk_from_folder_to_folder_is_put_in_order() -> None:
    """A store on a file system lists `a/x` before `a-b/x`; the listing is put in key order."""
    server = Server(["a/x", "a-b/x", "b/x"])

    assert listed(server) == ["a-b/x", "a/x", "b/x"]


def test_a_page_is_asked_for_when_it_is_needed() -> None:
    """No page is requested before it is needed: none before the first key, no second one while the first has keys."""
    server = Server([f"k{number}" for number in range(9)])

    entries: Iterator[Any] = Lister(server).entries("", "")
    before = len(server.asked)
    taken = list(itertools.islice(entries, PAGE))

    assert (before, len(server.asked), len(taken)) == (0, 1, PAGE)
