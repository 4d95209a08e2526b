"""A walk through a listing that always ends, however the store treats `after`; and the records of a page, read in parallel."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

from cloning.errors import ServiceError, StorageUnavailable
from cloning.ports import ObjectInfo

T = TypeVar("T")
# More unavailable records in one page mean that the bucket is down.
_MOST_AWAY = 2


def behind(after: str, listed: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """
    The objects whose key sorts after `after`.

    Some stores ignore `start-after`, or include the key itself: keys seen before are skipped, so that a cursor only moves forward. A
    listing that starts again is at its end.
    """
    first = None
    for info in listed:
        if info.key == first:
            return
        first = first or info.key
        if info.key > after:
            yield info


def read_page(
    found: Iterator[ObjectInfo],
    entry: Callable[[ObjectInfo, list[ServiceError]], T | None],
    readers: Executor,
    *,
    limit: int,
    after: str,
) -> tuple[list[T], str | None]:
    """
    Up to `limit` entries of the listing after the key `after`, and the cursor of the next page; None at the end.

    `entry` reads one (None: it is gone) and adds what the bucket raised to the list that it gets. Raises what the bucket raised if
    more than single records fail.
    """
    entries: list[T] = []
    last = after
    failed: list[ServiceError] = []
    while batch := list(islice(found, limit - len(entries))):
        last = batch[-1].key
        entries += [one for one in readers.map(lambda info: entry(info, failed), batch) if one is not None]
    is_last = next(found, None) is None
    if _fails_as_a_whole(failed, entries, is_whole=is_last and not after):
        raise failed[0]
    return entries, None if is_last else last


def _fails_as_a_whole(failed: list[ServiceError], listed: Sequence[object], *, is_whole: bool) -> bool:
    """Whether the bucket fails, and not single records of a page; `is_whole` means that there is no other page."""
    away = [error for error in failed if isinstance(error, StorageUnavailable)]
    every = is_whole and len(failed) == len(listed)
    return len(away) > _MOST_AWAY or (every and (len(failed) > 1 or bool(away)))
