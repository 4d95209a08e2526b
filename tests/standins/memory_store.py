"""
A bucket in memory whose calls fail as a real one's do, on demand, and that lets a test watch every write.

It is for tests that write and read records thousands of times a second; files and URLs are here only because the port has them.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from cloning.errors import StorageUnavailable
from cloning.object_keys import check_key
from cloning.ports import (
    AlreadyExists,
    Changed,
    DigestMismatch,
    NoSuchObject,
    ObjectInfo,
    Progress,
    StoredObject,
    TooLarge,
    UrlLife,
)

T = TypeVar("T")
Trouble = Literal["none", "before", "after", "again", "slow", "overtaken"]
"""
What happens to one call: nothing; it fails before its effect, or after it; its reply is lost and the client tries again by
itself, as boto3 does; it takes long; or somebody else acts between the caller's last look and it.
"""


class Bucket:
    """
    Objects by key with their versions. With `conditional=False` it silently ignores If-Match and If-None-Match, as rclone does.

    `now` is its own clock in seconds: it reports the age of what is read in whole seconds, as S3's headers do; with None it reports none.
    """

    def __init__(self, *, conditional: bool = True, now: Callable[[], float] | None = None) -> None:
        self.conditional = conditional
        self.objects: dict[str, StoredObject] = {}
        self._now = now
        self._written: dict[str, float] = {}
        self.watch: Callable[[str, bytes | None, bytes | None], None] = lambda *_: None
        self._versions = itertools.count(1)

    def write(self, key: str, body: bytes) -> str:
        """Store a new version, and tell the watcher what was there before; for the watcher it is still as old as that."""
        before = self.objects.get(key)
        self.objects[key] = StoredObject(body, f"v{next(self._versions)}")
        self.watch(key, before.body if before else None, body)
        self._written[key] = self._now() if self._now else 0.0
        return self.objects[key].etag

    def read(self, key: str) -> StoredObject:
        """The object and, if the bucket has a clock, its age. Raises KeyError."""
        age_s = float(int(self._now()) - int(self._written[key])) if self._now and key in self._written else None
        return replace(self.objects[key], age_s=age_s)

    def remove(self, key: str) -> None:
        """Remove an object, if there is one."""
        before = self.objects.pop(key, None)
        if before:
            self.watch(key, before.body, None)


class MemoryStore:
    """One machine's way to a bucket, an `ObjectStore`. `troubles` are those of the next calls; later ones succeed."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        wait: Callable[[], None] = lambda: None,
        interlude: Callable[[], None] = lambda: None,
        before_call: Callable[[], None] = lambda: None,
    ) -> None:
        self.bucket = bucket
        self._before_call = before_call
        self.troubles: list[Trouble] = []
        self._wait = wait
        self.interlude = interlude

    @property
    def identity(self) -> str:
        return f"memory:{id(self.bucket)}"

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        def found() -> StoredObject:
            there = self._found(key)
            if most is not None and len(there.body) > most:
                raise TooLarge(key, len(there.body), there.etag)
            return there

        return self._call(found)

    def head(self, key: str) -> ObjectInfo:
        return self._call(lambda: self._info(key))

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        def effect() -> str:
            if self.bucket.conditional and key in self.bucket.objects:
                raise AlreadyExists(key)
            return self.bucket.write(check_key(key), body)

        return self._call(effect)

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        def effect() -> str:
            there = self.bucket.objects.get(check_key(key))
            if self.bucket.conditional and (there is None or there.etag != etag):
                raise Changed(key)
            return self.bucket.write(key, body)

        return self._call(effect)

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        return self._call(lambda: self.bucket.write(check_key(key), body))

    def delete(self, key: str) -> None:
        self._call(lambda: self.bucket.remove(check_key(key)))

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        def found() -> list[ObjectInfo]:
            keys = [key for key in sorted(self.bucket.objects) if key.startswith(prefix) and key > after]
            return [self._info(key) for key in keys]

        return iter(self._call(found))

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        body = self.get(key).body
        digest = hashlib.sha256(body).hexdigest()
        if sha256 is not None and digest != sha256:
            raise DigestMismatch(key)
        path.write_bytes(body)
        return digest

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        return self.put(key, path.read_bytes(), content_type=content_type)

    def url(self, key: str, *, expires_s: int) -> str:
        return f"memory:{check_key(key)}"

    def url_life(self, expires_s: int) -> UrlLife:
        return UrlLife(expires_s, is_certain=True)

    def check(self) -> None:
        self._call(lambda: None)

    def _found(self, key: str) -> StoredObject:
        try:
            return self.bucket.read(check_key(key))
        except KeyError:
            raise NoSuchObject(key) from None

    def _info(self, key: str) -> ObjectInfo:
        there = self._found(key)
        return ObjectInfo(key, len(there.body), there.etag, datetime(2026, 1, 1, tzinfo=UTC))

    def _call(self, effect: Callable[[], T]) -> T:
        self._before_call()
        trouble = self.troubles.pop(0) if self.troubles else "none"
        if trouble == "before":
            raise StorageUnavailable("the bucket does not answer")
        if trouble == "slow":
            self._wait()
        if trouble == "overtaken":
            self.interlude()
        if trouble == "again":
            _quietly(effect)
        if trouble == "after":
            _quietly(effect)
            raise StorageUnavailable("the reply was lost")
        return effect()


def _quietly(effect: Callable[[], object]) -> None:
    """Let the effect happen and lose the answer."""
    try:
        effect()
    except (AlreadyExists, Changed, NoSuchObject, TooLarge):
        return
