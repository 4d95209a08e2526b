"""Eviction: free disk space by removing copies, the least recently used first, and none in use."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model_cache.copies.lease import alone, last_used
from model_cache.copies.shelf import copies_in as placed_in
from model_cache.copies.shelf import forget

_log = logging.getLogger(__name__)
GB = 10**9


@dataclass(frozen=True)
class Copy:
    """One copy in the cache: its folder, its size in bytes, and when it was last used (seconds)."""

    folder: Path
    size: int
    used: float

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.folder.parent.name


def copies_in(root: Path) -> list[Copy]:
    """Every copy in the cache folder, the most recently used last."""
    return sorted(_found(root), key=lambda copy: copy.used)


def evict(root: Path, limit: int, *, name: str | None = None) -> list[Copy]:
    """
    Remove copies (of the checkpoint `name`, if given) until all copies together have at most `limit` bytes; return the removed.

    A copy in use by any process of this machine stays, even if the limit is then exceeded.
    """
    copies, gone = copies_in(root), []
    total = sum(copy.size for copy in copies)
    for copy in copies:
        if total <= limit:
            break
        if name in (None, copy.name) and _is_gone(copy):
            total -= copy.size
            gone.append(copy)
            _log.info("checkpoint.evicted", extra={"checkpoint": copy.name, "bytes": copy.size})
    if total > limit and name is None:
        _log.warning("checkpoint.cache_over_limit", extra={"bytes": total, "limit": limit})
    return gone


def _found(root: Path) -> Iterator[Copy]:
    for name in root.glob("[A-Za-z0-9]*/"):
        for folder, _ in placed_in(name):
            try:
                size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            except FileNotFoundError:  # another process evicts it
                continue
            yield Copy(folder, size, last_used(folder))


def _is_gone(copy: Copy) -> bool:
    with alone(copy.folder) as free:
        if free and copy.folder.exists():
            forget(copy.folder)
    return free
