"""Downloads from the model hub, one file at a time."""

import errno
from collections.abc import Callable
from pathlib import Path

from cloning.errors import CheckpointUnusable
from storage.hub_errors import hub_failure

_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
FetchHub = Callable[[str], Path]
"""Fetches an hf:// URL; the returned file belongs to the hub's cache. Raises CheckpointUnusable, HubUnavailable."""


def hub_fetcher(folder: Path) -> FetchHub:
    """A `FetchHub` that keeps its downloads in `folder`. HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT work as usual."""

    def fetch(url: str) -> Path:
        from cached_path import cached_path

        try:
            return Path(cached_path(url, cache_dir=folder))
        except Exception as error:  # the hub's client raises its own errors, httpx's, requests' and OSError
            if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
                raise  # a failure of this disk, not of the hub: the cache explains it
            raise hub_failure(error, url, CheckpointUnusable, source=url) from error

    return fetch


def drop(path: Path, folder: Path) -> None:
    """Remove a file that a `hub_fetcher(folder)` downloaded, its link and its bytes: the cache keeps its own copy."""
    if path.is_relative_to(folder):
        for each in {path.resolve(), path}:
            if each.is_relative_to(folder.resolve()) or each == path:
                each.unlink(missing_ok=True)
