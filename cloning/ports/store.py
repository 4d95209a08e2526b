"""
A bucket, as the service sees it.

`s3_utils.S3Store` and `storage.folder_store.FolderStore` are the buckets; one contract suite runs on both
(tests/contract/stores/test_object_store.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

Progress = Callable[[int], None]
"""Told how many bytes were moved since the last call; by several threads."""


class NoSuchObject(Exception):
    """The key names nothing. Only the caller knows what is missing (a voice, a job)."""


class AlreadyExists(Exception):
    """`create` found the key taken; nothing was written."""


class Changed(Exception):
    """`replace` found another version than the one that was read; nothing was written."""


class TooLarge(Exception):
    """`get` found more bytes than the caller accepts, by the size that the store reports; none was read."""

    def __init__(self, key: str, size: int, etag: str) -> None:
        super().__init__(key)
        self.size, self.etag = size, etag


class DigestMismatch(Exception):
    """Bytes that arrived are not the bytes that were promised (size or sha256)."""


@dataclass(frozen=True)
class ObjectInfo:
    """A stored object. `etag` is an opaque version token, never a checksum; `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class StoredObject:
    """
    An object's bytes and version. `age_s`: whole seconds since it was written, by the store's clock; None if it has none.

    Bytes that are not `is_proved` may have been changed on the way: that is no reason to advise deleting the object.
    """

    body: bytes
    etag: str
    age_s: float | None = None
    is_proved: bool = True


class UrlLife(NamedTuple):
    """How many seconds a URL works. Not `is_certain` if its credentials may expire earlier, at an unknown time."""

    seconds: int
    is_certain: bool


class ObjectStore(Protocol):
    """
    A bucket (or a folder that behaves like one). Keys are '/'-separated, relative to the store's prefix.

    Every method may raise StorageUnavailable (try later) or StorageMisconfigured (somebody must act), and ValueError for a
    key that is empty, absolute, or has '.', '..' or empty segments, a backslash or a control character.
    """

    @property
    def identity(self) -> str:
        """Distinguishes this bucket (or prefix) from all others; holds no secret."""

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        """The object's bytes and version. Raises NoSuchObject, and TooLarge if it has more bytes than `most`."""

    def head(self, key: str) -> ObjectInfo:
        """Return the object's facts without its bytes. Raises NoSuchObject."""

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        """Write a key that must not exist yet; returns its etag. Raises AlreadyExists."""

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        """Write over exactly the version `etag`; returns the new etag. Raises Changed, also if the object is gone."""

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        """Write, whatever was there; returns the etag. For content whose key names its bytes, or that has one writer."""

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is fine."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose key starts with `prefix` and sorts after `after`, each once, in key order, page by page, lazily."""

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        """
        Download an object to a file: temp file beside it, size and sha256 checked while streaming, then an atomic rename.

        Returns the sha256. Raises NoSuchObject, or DigestMismatch (nothing is left at `path` then).
        """

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        """Send a file, in large parts if it is large, and check its size by a HEAD; returns its etag."""

    def url(self, key: str, *, expires_s: int) -> str:
        """A URL that reads the object for `expires_s` seconds, if `url_life` allows (a file:// URL, for ever, from a folder)."""

    def url_life(self, expires_s: int) -> UrlLife:
        """How long such a URL really works: no longer than the credentials that sign it."""

    def check(self) -> None:
        """Prove with one cheap call that the store is reachable and lets us in; raise what is wrong."""
