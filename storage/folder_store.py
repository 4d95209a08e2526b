"""
A folder that behaves like a bucket, for a machine without one.

An object is a plain file under its key, so anyone can look inside or drop a voice in. Temporary files and the lock are in
the hidden folder `.store`, which is not part of the bucket. Differences from a bucket: `p` and `p/q` can't both be stored
(Conflict), symbolic links are not listed, and a URL never expires. It needs a local POSIX file system with timestamps of a
microsecond or finer. Bytes are synced to the disk before they get their name; a power cut may lose the newest names.
"""
# ruff: noqa: ARG002 - a folder keeps no media types, and its URLs do not expire

import errno
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from time import time_ns
from typing import BinaryIO
from uuid import uuid4

from cloning.errors import Conflict, StorageMisconfigured, StorageUnavailable
from cloning.object_keys import check_key, is_key
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
from storage.bulk import copy, sha256_of
from storage.locks import locked
from storage.mirror import arriving

HIDDEN = ".store"
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)


class FolderStore:
    """An `ObjectStore` on the folder `root`, created at the first write. Safe for threads and processes."""

    def __init__(self, root: Path, *, now_ns: Callable[[], int] = time_ns) -> None:
        self._root = root.absolute()
        self._hidden = self._root / HIDDEN
        self._now_ns = now_ns

    @property
    def identity(self) -> str:
        return str(self._root)

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        with self._reading("get", key) as file, _translating("get"):
            status = os.fstat(file.fileno())
            if most is not None and status.st_size > most:
                raise TooLarge(key, status.st_size, _etag(status))
            return StoredObject(file.read(), _etag(status))

    def head(self, key: str) -> ObjectInfo:
        with self._reading("head", key) as file:
            return _info(key, os.fstat(file.fileno()))

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        target = self._path(key)
        with _translating("create"), self._staged(BytesIO(body)) as temporary, self._locked():
            if target.is_file():
                raise AlreadyExists(key)
            return self._place(temporary, target)

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        target = self._path(key)
        with _translating("replace"), self._staged(BytesIO(body)) as temporary, self._locked():
            if not target.is_file() or _etag(target.stat()) != etag:
                raise Changed(key)
            return self._place(temporary, target)

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        target = self._path(key)
        with _translating("put"), self._staged(BytesIO(body)) as temporary, self._locked():
            return self._place(temporary, target)

    def delete(self, key: str) -> None:
        target = self._path(key)
        with _translating("delete"):
            if not target.is_file():
                return
            with self._locked():
                target.unlink(missing_ok=True)
                self._prune(target.parent)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        with _translating("list"):
            yield from self._walk("", prefix, after)

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        with self._reading("download", key) as source, arriving(path) as temporary:
            with temporary.open("wb") as target, ThreadPoolExecutor(1) as beside:
                copy(source, target)
                synced = beside.submit(os.fsync, target.fileno())  # takes as long as the digest, or longer
                size, digest = temporary.stat().st_size, sha256_of(temporary)
                synced.result()
            if progress:
                progress(size)
            if size != os.fstat(source.fileno()).st_size:
                raise DigestMismatch(f"{key}: the file's size changed while it was read")
            if sha256 is not None and digest != sha256:
                raise DigestMismatch(f"{key}: sha256 {digest} instead of {sha256}")
        return digest

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        target = self._path(key)
        with path.open("rb") as source, _translating("upload"), self._staged(source) as temporary, self._locked():
            if progress:
                progress(temporary.stat().st_size)
            return self._place(temporary, target)

    def url(self, key: str, *, expires_s: int) -> str:
        return self._path(key).as_uri()

    def url_life(self, expires_s: int) -> UrlLife:
        return UrlLife(expires_s, is_certain=True)

    def check(self) -> None:
        with _translating("check"), self._staged(BytesIO(b"")):
            pass

    def _path(self, key: str) -> Path:
        if check_key(key).split("/")[0] == HIDDEN:
            raise ValueError(f"{key!r} is not an object key: {HIDDEN!r} belongs to the folder store itself")
        return self._root / key

    @contextmanager
    def _reading(self, operation: str, key: str) -> Iterator[BinaryIO]:
        """Open the object's file. Objects are never written in place, so an open file stays one version."""
        path = self._path(key)
        try:
            with _translating(operation):
                file = path.open("rb")
        except _ABSENT as error:
            raise NoSuchObject(key) from error
        with file:
            yield file

    @contextmanager
    def _staged(self, source: BinaryIO) -> Iterator[Path]:
        """Write the bytes to a hidden file, synced to the disk; it is removed at the end unless it was moved."""
        self._hidden.mkdir(parents=True, exist_ok=True)
        temporary = self._hidden / f"{uuid4().hex}.part"
        try:
            with temporary.open("xb") as file:
                copy(source, file)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _locked(self) -> AbstractContextManager[int]:
        """Allow one writer at a time among all threads and processes; readers never wait."""
        return locked(self._hidden / "lock")

    def _place(self, temporary: Path, target: Path) -> str:
        """Name the finished file, under the lock, and date it after the previous version, even if the clock went back."""
        if target.is_dir():
            raise _both_object_and_folder()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise _both_object_and_folder() from error
        written = max(self._now_ns(), target.stat().st_mtime_ns + 1000 if target.exists() else 0)
        os.utime(temporary, ns=(written, written))
        etag = _etag(temporary.stat())
        temporary.replace(target)
        return etag

    def _prune(self, folder: Path) -> None:
        """Remove empty folders, so that objects can have their names."""
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _walk(self, folder: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
        for name, entry in _sorted_entries(self._root / folder):
            key = folder + name
            if not is_key(key.removesuffix("/")) or key == f"{HIDDEN}/":
                continue
            if key.endswith("/"):
                if _may_hold(key, prefix, after):
                    yield from self._walk(key, prefix, after)
            elif key.startswith(prefix) and key > after and (status := _status(entry)):
                yield _info(key, status)


def _sorted_entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """
    Sort files by name and folders by name and '/': the order of the full keys, as in a bucket ('a-b/x' before 'a/x').

    Python compares strings by code point, which is the order of their UTF-8 bytes.
    """
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if not entry.is_symlink()]
    except _ABSENT:
        return []
    return sorted(((entry.name + "/" * entry.is_dir(), entry) for entry in kept), key=lambda pair: pair[0])


def _may_hold(folder: str, prefix: str, after: str) -> bool:
    """Whether a key under `folder` (which ends in '/') can start with `prefix` and sort after `after`."""
    wanted = folder.startswith(prefix) or prefix.startswith(folder)
    return wanted and (folder > after or after.startswith(folder))


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        status = entry.stat()
    except FileNotFoundError:  # deleted since the folder was read
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, status.st_size, _etag(status), datetime.fromtimestamp(status.st_mtime, UTC))


def _etag(status: os.stat_result) -> str:
    """A file's version: its modification time, which `FolderStore._place` makes unique among the versions of a key."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def _both_object_and_folder() -> Conflict:
    return Conflict(
        "a folder can't hold an object and other objects below the same name, as a bucket could; choose another name"
    )


@contextmanager
def _translating(operation: str) -> Iterator[None]:
    """Turn an OSError of the store's own disk into the service's error; absence while reading is left to `_reading`."""
    try:
        yield
    except OSError as error:
        if operation in ("get", "head", "download") and isinstance(error, _ABSENT):
            raise
        code = errno.errorcode.get(error.errno or 0, "UNKNOWN")
        if error.errno in _REFUSED:
            message = "the folder that DATA_DIR names can't be used: make it a folder that this user may write to"
            # Not `from error`: a read-only folder is a configuration error, not a failure of this machine.
            raise StorageMisconfigured(message, os_code=code, operation=operation) from None
        message = "the disk under DATA_DIR failed: check whether it is full, then try again"
        raise StorageUnavailable(message, os_code=code, operation=operation) from error
