"""A store whose n-th call fails, or kills its caller."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cloning.errors import StorageUnavailable
from cloning.ports import ObjectInfo, Progress, StoredObject
from storage.folder_store import FolderStore


class Killed(BaseException):
    """The process is dead and takes no further step."""


class FlakyStore(FolderStore):
    """
    A folder whose n-th call from now on fails: before its effect, or after it (the reply is lost).

    With `kills` the caller dies there, and none of its calls reaches the folder any more.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.calls = 0
        self.fail_at = 0
        self.after_effect = False
        self.kills = False

    def _counted(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.kills and 0 < self.fail_at < self.calls:
            raise Killed
        if self.calls != self.fail_at:
            return call()
        if self.after_effect:
            call()
        if self.kills:
            raise Killed
        raise StorageUnavailable("the bucket does not answer")

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        return self._counted(lambda: super(FlakyStore, self).get(key, most=most))  # type: ignore[no-any-return]

    def head(self, key: str) -> ObjectInfo:
        return self._counted(lambda: super(FlakyStore, self).head(key))  # type: ignore[no-any-return]

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        return str(self._counted(lambda: super(FlakyStore, self).create(key, body, content_type=content_type)))

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        return str(
            self._counted(lambda: super(FlakyStore, self).replace(key, body, etag=etag, content_type=content_type))
        )

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        return str(self._counted(lambda: super(FlakyStore, self).put(key, body, content_type=content_type)))

    def delete(self, key: str) -> None:
        self._counted(lambda: super(FlakyStore, self).delete(key))

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        return iter(self._counted(lambda: [*super(FlakyStore, self).list(prefix, after=after)]))

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        return str(self._counted(lambda: super(FlakyStore, self).download(key, path, sha256=sha256)))
