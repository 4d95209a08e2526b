"""
Listings that keep the contract of `ObjectStore.list` on every make of store.

Some stores ignore StartAfter or include its key, return the same continuation token twice or none at all, or ignore the token,
the prefix or the order of keys. Entries already seen are skipped, another way to continue is tried once, and a listing that
can't end is an error.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from cloning.errors import StorageMisconfigured

Page = Mapping[str, Any]
Entry = Mapping[str, Any]
Ask = Callable[..., Page]
"""Asks for a page of a prefix, at StartAfter or ContinuationToken if one is given, like ListObjectsV2."""
_MOST_EMPTY_PAGES = 100


class Lister:
    """Lists one bucket, and remembers whether it keeps keys in order. Thread-safe."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._is_ordered = True

    def entries(self, prefix: str, after: str) -> Iterator[Entry]:
        """
        The entries whose key starts with `prefix` and sorts after `after`, in order, each once, page by page.

        A store known for unordered keys is listed completely before the first entry is yielded; if disorder shows only after
        some pages, the rest is yielded in order. Raises StorageMisconfigured if the store repeats the same page endlessly.
        """
        pages = self._pages(prefix, after if self._is_ordered else "")
        given: set[str] = set()
        last = after
        for page in pages:
            found = [entry for entry in _matching(page, prefix) if entry["Key"] not in given]
            if not self._is_ordered or _is_disordered(found, last if given else ""):
                self._is_ordered = False
                yield from _sorted_rest(found, pages, prefix, after, given)
                return
            for entry in found:
                if entry["Key"] > last:
                    last = entry["Key"]
                    given.add(last)
                    yield entry

    def _pages(self, prefix: str, after: str) -> Iterator[list[Entry]]:
        """All pages of the store: by its tokens or, if those repeat or are missing, by the last key."""
        place: dict[str, str] = {"StartAfter": after} if after else {}
        seen: set[object] = set()
        furthest, by_key, empty = after, False, 0
        while True:
            page = self._ask(prefix, **place)
            entries = list(page.get("Contents", []))
            keys = [entry["Key"] for entry in entries]
            reached = max([furthest, *keys])
            if page.get("IsTruncated") and by_key and reached == furthest:
                raise _endless()
            yield entries
            if not page.get("IsTruncated"):
                return
            empty = 0 if keys else empty + 1
            token = page.get("NextContinuationToken")
            marks = {token, *([(keys[0], keys[-1])] if keys else [])}
            by_key = by_key or not token or bool(seen & marks) or empty > _MOST_EMPTY_PAGES
            seen |= marks
            furthest = reached
            place = (
                {"ContinuationToken": token} if token and not by_key else {"StartAfter": furthest} if furthest else {}
            )


def _matching(entries: list[Entry], prefix: str) -> list[Entry]:
    return [entry for entry in entries if entry["Key"].startswith(prefix)]


def _is_disordered(entries: list[Entry], last: str) -> bool:
    keys = [last, *(entry["Key"] for entry in entries)]
    return any(first > second for first, second in pairwise(keys))


def _sorted_rest(
    found: list[Entry], pages: Iterator[list[Entry]], prefix: str, after: str, given: set[str]
) -> Iterator[Entry]:
    rest = {entry["Key"]: entry for entry in found}
    for page in pages:
        rest.update((entry["Key"], entry) for entry in _matching(page, prefix))
    yield from (rest[key] for key in sorted(rest) if key > after and key not in given)


def _endless() -> StorageMisconfigured:
    return StorageMisconfigured(
        "the store's listings don't end: it ignores StartAfter and ContinuationToken of ListObjectsV2; use another store, "
        "or correct AWS_ENDPOINT_URL",
        operation="list",
    )
