"""A walk through a listing that always ends, whatever the store makes of `after`."""

from collections.abc import Iterable, Iterator

from cloning.ports import ObjectInfo


def behind(after: str, listed: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """
    The objects whose key sorts behind `after`.

    Some stores ignore `start-after`, or include the key itself: what was seen is skipped, so that a cursor only moves forward. A
    listing that begins anew is at its end.
    """
    first = None
    for info in listed:
        if info.key == first:
            return
        first = first or info.key
        if info.key > after:
            yield info
