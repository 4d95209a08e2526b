"""
Transfers between a store and this disk: atomic downloads and mirrored trees.

A mirrored folder keeps a ledger of its files' versions, because neither size and time (a store has its own clock) nor an
etag (not always a digest) shows by itself whether two copies are the same.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from cloning.object_keys import check_key, content_type
from cloning.ports import ObjectStore
from storage.resumable import UNFINISHED

LEDGER = ".s3-sync.json"


@contextmanager
def arriving(path: Path) -> Iterator[Path]:
    """
    Yield an empty file beside `path` to fill; once complete and synced it becomes `path`, after any failure it is removed.

    Missing folders are made; an older file at `path` stays until the new one is complete. Disk errors stay OSErrors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}{UNFINISHED}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def pull_tree(store: ObjectStore, root: Path, folder: str) -> None:
    """
    Download every object in the store's `folder` ('' is all of it) to `root`, unless that version is there. Deletes nothing.

    Raises what the store raises, OSError, or ValueError for a key that a symbolic link would lead out of `root`.
    """
    prefix = _prefix(folder)
    with _ledger(root) as versions:
        for info in store.list(prefix):
            path = root / check_key(info.key.removeprefix(prefix))
            if not path.resolve().is_relative_to(root.resolve()):
                raise ValueError(f"{info.key!r} would leave the folder that it is mirrored to")
            if not path.is_file() or versions.get(info.key) != _version(path, info.etag):
                store.download(info.key, path)
                versions[info.key] = _version(path, info.etag)


def push_tree(store: ObjectStore, root: Path, folder: str) -> None:
    """
    Upload every file of `root` to the store's `folder` ('' is its top), unless that version is there. Deletes nothing.

    Raises what the store raises, OSError, or ValueError for a name that is not a key.
    """
    if not root.is_dir():
        raise NotADirectoryError(root)
    paths = sorted(
        path for path in root.rglob("*") if path.is_file() and path.name != LEDGER and path.suffix != UNFINISHED
    )
    prefix = _prefix(folder)
    stored = {info.key: info.etag for info in store.list(prefix)}
    with _ledger(root) as versions:
        for path in paths:
            key = prefix + path.relative_to(root).as_posix()
            version = _version(path, stored.get(key))
            if key not in stored or versions.get(key) != version:
                versions[key] = [store.upload(key, path, content_type=content_type(key)), *version[1:]]


def _prefix(folder: str) -> str:
    """A folder's prefix: 'models' must not match 'models-old/x'."""
    return f"{folder.strip('/')}/".removeprefix("/")


def _version(path: Path, etag: str | None) -> list[object]:
    """The etag that a file is a copy of, and the size and time that show a later change."""
    status = path.stat()
    return [etag, status.st_size, status.st_mtime_ns]


@contextmanager
def _ledger(root: Path) -> Iterator[dict[str, object]]:
    """Yield the ledger of a mirrored folder; save it even if a transfer fails half-way. A damaged one counts as empty."""
    path = root / LEDGER
    try:
        versions = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        versions = {}
    try:
        yield versions
    finally:
        with arriving(path) as temporary:
            temporary.write_text(json.dumps(versions, indent=1, sort_keys=True))
