"""
The bucket. boto3 is imported only when a client is built (`s3_connection`) or a file is sent.

`S3Store` is the worker's `ObjectStore`. Older deployments import the four functions at the end; these are configured by the
environment (`cloning.settings`), need `S3_BUCKET`, log one event when they fail and never raise.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloning.errors import ServiceError, StorageMisconfigured
from cloning.object_keys import check_key, content_type, is_key
from cloning.ports import DigestMismatch, NoSuchObject, ObjectInfo, Progress, StoredObject, UrlLife
from cloning.settings import Settings
from storage import mirror as transfer
from storage.presigned_urls import presigned_url, url_life
from storage.resumable import Arrival, PartWriter, resumable
from storage.s3_bodies import pour, read_object
from storage.s3_connection import s3_client
from storage.s3_errors import FOREIGN, RACED, REFUSED, UNTOLD, BrokenBody, OtherVersion, code_of, translating
from storage.s3_listing import Lister
from storage.s3_replies import etag_of

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

__all__ = ["S3Store", "download_from_s3", "s3_client", "sync_models_from_s3", "upload_models_to_s3", "upload_to_s3"]
logger = logging.getLogger(__name__)
T = TypeVar("T")
MIB = 1 << 20
_PAUSES_S = (0.1, 0.4, 1.6)


class S3Store:
    """
    An `ObjectStore` on a bucket. Thread-safe.

    boto3 retries a request whose reply was lost, so `create` and `replace` may meet the result of their own first try and raise
    AlreadyExists or Changed; a caller that reads the stored object sees that it won. Stores that ignore If-Match and
    If-None-Match (some that are not AWS do) let the last writer win.
    """

    def __init__(
        self,
        bucket: str,
        client: "S3Client",
        *,
        prefix: str = "",
        part_bytes: int = 64 * MIB,
        threads: int = 16,
        sleep: Callable[[float], None] = time.sleep,
        token_until: datetime | None = None,
    ) -> None:
        self._bucket, self._client, self._prefix = bucket, client, f"{prefix}/" if prefix else ""
        self._part_bytes, self._threads, self._sleep = part_bytes, threads, sleep
        self._token_until = token_until
        self._lister = Lister(self._page)
        self._has_written = False

    @classmethod
    def from_settings(cls, settings: Settings) -> "S3Store":
        """Open the bucket of the settings. Raises StorageMisconfigured if they name none, or are wrong."""
        if not settings.s3_bucket:
            raise StorageMisconfigured("no bucket is configured; set S3_BUCKET")
        client = s3_client(settings)
        return cls(
            settings.s3_bucket, client, prefix=settings.s3_prefix, token_until=settings.aws_credential_expiration
        )

    @property
    def identity(self) -> str:
        return f"{self._client.meta.endpoint_url}/{self._bucket}/{self._prefix}"

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        target = self._target(key)
        with translating("get", key):
            return self._again(lambda: read_object(self._client.get_object(**target), key, most), "BrokenBody")

    def head(self, key: str) -> ObjectInfo:
        target = self._target(key)
        with translating("head", key):
            reply = self._head(target)
        return ObjectInfo(key, reply["ContentLength"], etag_of(reply), reply["LastModified"])

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        return self._write("create", key, body, content_type, IfNoneMatch="*")

    def replace(self, key: str, body: bytes, *, etag: str, content_type: str) -> str:
        return self._write("replace", key, body, content_type, IfMatch=f'"{etag}"')

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        return self._write("put", key, body, content_type)

    def delete(self, key: str) -> None:
        target = self._target(key)
        with suppress(NoSuchObject), translating("delete", key):
            self._client.delete_object(**target)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        with translating("list"):
            for entry in self._lister.entries(self._prefix + prefix, self._prefix + after if after else ""):
                key = entry["Key"].removeprefix(self._prefix)
                if is_key(key):
                    yield ObjectInfo(key, entry["Size"], etag_of(entry), entry["LastModified"])

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        """Download as the port says; a large object in parallel parts, and after a failure only the missing parts."""
        target = self._target(key)
        with translating("download", key), resumable(path) as arrival:
            digest = self._again(lambda: self._receive(target, arrival, progress), *RACED)
            if sha256 is not None and digest != sha256:
                raise DigestMismatch(f"{key}: sha256 {digest} instead of {sha256}")
        return digest

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        from boto3.s3.transfer import ProgressCallbackInvoker, TransferConfig, create_transfer_manager

        target, size = self._target(key), path.stat().st_size
        config = TransferConfig(
            multipart_threshold=self._part_bytes,
            multipart_chunksize=self._part_bytes,
            max_concurrency=self._threads,
            preferred_transfer_client="classic",  # the CRT client ignores a custom endpoint and goes to AWS
        )
        with translating("upload", key):
            with create_transfer_manager(self._client, config) as manager:
                subscribers: Any = [ProgressCallbackInvoker(progress)] if progress else None
                extra = {"ContentType": content_type}
                manager.upload(str(path), target["Bucket"], target["Key"], extra, subscribers).result()
            reply = self._head(target)  # some stores confirm an upload that they lost, or store its framing too
        if reply["ContentLength"] != size:
            raise DigestMismatch(f"{key}: the store holds {reply['ContentLength']} bytes of {size}")
        return etag_of(reply)

    def url(self, key: str, *, expires_s: int) -> str:
        target, life = self._target(key), self.url_life(expires_s)
        with translating("url", key):
            return presigned_url(self._client, target["Bucket"], target["Key"], life)

    def url_life(self, expires_s: int) -> UrlLife:
        with translating("url"):
            return url_life(self._client, expires_s, self._token_until)

    def check(self) -> None:
        with translating("check"):
            # Not HeadBucket: the reply to a listing says what is wrong, and a policy for one prefix allows it.
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def _target(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": check_key(self._prefix + check_key(key))}

    def _write(self, operation: str, key: str, body: bytes, content_type: str, **condition: str) -> str:
        request: Any = {**self._target(key), "Body": body, "ContentType": content_type, **condition}
        # Some stores sporadically refuse what they allow: retried, but only if an earlier write succeeded.
        passing = REFUSED if self._has_written else ()
        with translating(operation, key):
            reply = self._again(lambda: self._client.put_object(**request), "ConditionalRequestConflict", *passing)
        self._has_written = True
        return etag_of(reply)

    def _again(self, attempt: Callable[[], T], *codes: str) -> T:
        """Run the attempt; after a failure with one of these codes pause and try again, up to three times."""
        for pause_s in _PAUSES_S:
            try:
                return attempt()
            except FOREIGN as error:
                if code_of(error) not in codes:
                    raise
                self._sleep(pause_s)
        return attempt()

    def _page(self, prefix: str, **place: Any) -> dict[str, Any]:
        try:
            page: Any = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **place)
        except ValueError as error:  # botocore's, for a time or number that it can't read
            raise BrokenBody from error
        if any(not {"Key", "Size", "LastModified"} <= entry.keys() for entry in page.get("Contents", [])):
            raise BrokenBody
        return dict(page)

    def _head(self, target: dict[str, Any]) -> Any:
        """
        Ask for an object's facts.

        The reply to a refused HEAD has no body, so it doesn't show whether the object or its bucket is missing, the token expired
        or a gateway answered. The reply to a GET does; its body is left unread.
        """
        try:
            return self._client.head_object(**target)
        except FOREIGN as error:
            if code_of(error) not in UNTOLD:
                raise
        reply = self._client.get_object(**target)
        reply["Body"].close()
        return reply

    def _receive(self, target: dict[str, Any], arrival: Arrival, progress: Progress | None) -> str:
        """Fill the file, a large one in parallel parts, all of one version; return the sha256."""
        # The reply with the size includes the first part, unless parts are there already.
        reply: Any = self._head(target) if arrival.is_begun else self._client.get_object(**target)
        size, version = reply["ContentLength"], etag_of(reply)
        opened = {0: reply["Body"]} if "Body" in reply else {}

        def fetch(start: int, length: int, part: PartWriter) -> None:
            part.restart()
            body = opened.pop(start, None) or self._open_part(target, reply.get("ETag"), start, length, size)
            with closing(body):
                pour(body, length, part.write)

        def fill(part_bytes: int) -> str:
            return arrival.fill(
                version,
                size,
                lambda *part: self._again(lambda: fetch(*part), "BrokenBody", "ReadTimeoutError"),
                part_bytes=part_bytes,
                threads=self._threads,
                progress=progress,
            )

        with closing(reply.get("Body") or BytesIO()):
            try:
                # Parts of an object without a version could mix versions: it is read in one stream, and never resumed.
                return fill(self._part_bytes if version else max(size, 1))
            except _NoRanges:
                return fill(max(size, 1))

    def _open_part(
        self, target: dict[str, Any], version: str | None, start: int, length: int, size: int
    ) -> "StreamingBody":
        """Open the body of a part. The range and the version decide, not the status (rclone sends 200 for a part)."""
        request = target | ({"IfMatch": version} if version else {})
        if length < size:
            request["Range"] = f"bytes={start}-{start + length - 1}"
        reply = self._client.get_object(**request)
        ranged = reply.get("ContentRange", "").startswith(f"bytes {start}-")
        wrong = OtherVersion() if reply.get("ETag") != version else None if ranged or length == size else _NoRanges()
        if wrong:
            reply["Body"].close()
            raise wrong
        return reply["Body"]


class _NoRanges(Exception):
    """The store ignores ranges and sends the whole object."""


def upload_to_s3(file_path: str, object_name: str) -> str | None:
    """Upload a file to the bucket; return a presigned URL of it, or None."""
    with _logged("s3_upload_failed"):
        settings = Settings()
        store = S3Store.from_settings(settings)
        store.upload(object_name, Path(file_path), content_type=content_type(object_name))
        return store.url(object_name, expires_s=settings.url_expires_s)
    return None


def download_from_s3(object_name: str, file_path: str) -> str | None:
    """Download an object to a file, atomically; return `file_path`, or None."""
    with _logged("s3_download_failed"):
        S3Store.from_settings(Settings()).download(object_name, Path(file_path))
        return file_path
    return None


def sync_models_from_s3(local_models_dir: str, s3_models_prefix: str = "models/") -> bool:
    """Download every object under the prefix to the folder, unless that version is there already. Deletes nothing."""
    with _logged("s3_sync_failed"):
        transfer.pull_tree(S3Store.from_settings(Settings()), Path(local_models_dir), s3_models_prefix)
        return True
    return False


def upload_models_to_s3(local_models_dir: str, s3_models_prefix: str = "models/") -> bool:
    """Upload every file of the folder to the prefix, unless that version is there already. Deletes nothing."""
    with _logged("s3_models_upload_failed"):
        transfer.push_tree(S3Store.from_settings(Settings()), Path(local_models_dir), s3_models_prefix)
        return True
    return False


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Log an expected failure as one event instead of raising it; without a traceback, because those name hosts and keys."""
    try:
        yield
    except ServiceError as error:
        fields = {"code": error.code, "reason": error.message, **error.details}
        logger.error(event, extra=fields)  # noqa: TRY400 - see above
    except (NoSuchObject, DigestMismatch, ValueError, OSError) as error:
        logger.error(event, extra={"code": type(error).__name__})  # noqa: TRY400 - see above
