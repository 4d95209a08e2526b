"""
The bucket: the only module that imports boto3, and only when a client is built.

`S3Store` is the `ObjectStore` of the worker. The four functions at the end are those that older deployments import; they are
configured by the environment (`cloning.settings`), need `S3_BUCKET`, log one event when they fail and never raise.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloning import transfer
from cloning.errors import ServiceError, StorageMisconfigured
from cloning.object_keys import check_key, content_type, is_key
from cloning.partial import Arrival, PartWriter, resumable
from cloning.ports import DigestMismatch, NoSuchObject, ObjectInfo, Progress, StoredObject
from cloning.settings import Settings
from s3_errors import FOREIGN, RACED, BrokenBody, OtherVersion, code_of, refusing_elsewhere, translating

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

logger = logging.getLogger(__name__)
T = TypeVar("T")
MIB = 1 << 20
_PAUSES_S = (0.1, 0.4, 1.6)


def s3_client(settings: Settings, *, attempts: int = 5) -> "S3Client":
    """A boto3 client; `attempts` counts the first one. Credentials that are not set are boto3's to find, outside the environment."""
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    # Stores that are not AWS reject or mangle the newer checksums, and have no host name per bucket.
    custom = settings.aws_endpoint_url is not None
    checksums: Any = "when_required" if custom else "when_supported"
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if custom else "auto"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
    )
    with translating("connect"):
        core: Any = get_session()
        core.set_config_variable("ignore_configured_endpoint_urls", value=True)
        core.get_component("credential_provider").remove("env")  # Settings has read it: what is blank there is unset
        url = settings.aws_endpoint_url or core.get_scoped_config().get("endpoint_url")
        session: Any = boto3.Session(botocore_session=core, region_name=settings.aws_region, **settings.credentials())
        try:
            client: S3Client = session.client("s3", endpoint_url=url, config=config)
        except ValueError as error:
            raise StorageMisconfigured("AWS_ENDPOINT_URL is not a URL such as https://s3.example.com") from error
    client.meta.events.register_first("needs-retry.s3", refusing_elsewhere(settings.aws_region))
    return client


class S3Store:
    """
    An `ObjectStore` on a bucket. Safe between threads.

    boto3 repeats a request whose reply was lost, so `create` and `replace` may find their own first try there and raise
    AlreadyExists or Changed; a caller that reads what is stored sees that it won. Stores that ignore If-Match and
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
    ) -> None:
        self._bucket, self._client, self._prefix = bucket, client, f"{prefix}/" if prefix else ""
        self._part_bytes, self._threads, self._sleep = part_bytes, threads, sleep

    @classmethod
    def from_settings(cls, settings: Settings) -> "S3Store":
        """The bucket that the settings name. Raises StorageMisconfigured if they name none, or make no sense."""
        if not settings.s3_bucket:
            raise StorageMisconfigured("no bucket is configured; set S3_BUCKET")
        return cls(settings.s3_bucket, s3_client(settings), prefix=settings.s3_prefix)

    @property
    def identity(self) -> str:
        return f"{self._client.meta.endpoint_url}/{self._bucket}/{self._prefix}"

    def get(self, key: str) -> StoredObject:
        target = self._target(key)
        with translating("get", key):
            return self._again(lambda: self._read(target), "BrokenBody")

    def head(self, key: str) -> ObjectInfo:
        target = self._target(key)
        try:
            with translating("head", key):
                reply = self._client.head_object(**target)
        except NoSuchObject:
            self.check()  # the reply to a HEAD has no body to say that it is the bucket which is missing
            raise
        return ObjectInfo(key, reply["ContentLength"], _etag(reply), reply["LastModified"])

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
        start: Any = {"StartAfter": self._prefix + after} if after else {}
        pages = self._client.get_paginator("list_objects_v2")
        with translating("list"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix, **start):
                for entry in page.get("Contents", []):
                    key = entry["Key"].removeprefix(self._prefix)
                    if is_key(key):
                        yield ObjectInfo(key, entry["Size"], _etag(entry), entry["LastModified"])

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        """As the port says; a large object in several parts at a time, and after a failure only the parts that lack."""
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
            reply = self._client.head_object(**target)  # some stores confirm what they lost or keep the framing in it
        if reply["ContentLength"] != size:
            raise DigestMismatch(f"{key}: the store holds {reply['ContentLength']} bytes of {size}")
        return _etag(reply)

    def url(self, key: str, *, expires_s: int) -> str:
        target: Any = self._target(key)
        with translating("url", key):
            return self._client.generate_presigned_url("get_object", Params=target, ExpiresIn=expires_s)

    def check(self) -> None:
        with translating("check"):
            # Not HeadBucket: the reply to a listing says what is wrong, and a policy for one prefix allows it.
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def _target(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": check_key(self._prefix + check_key(key))}

    def _write(self, operation: str, key: str, body: bytes, content_type: str, **condition: str) -> str:
        request: Any = {**self._target(key), "Body": body, "ContentType": content_type, **condition}
        with translating(operation, key):
            return _etag(self._again(lambda: self._client.put_object(**request), "ConditionalRequestConflict"))

    def _again(self, attempt: Callable[[], T], *codes: str) -> T:
        """The attempt's result; failures of these codes are met with a pause and another attempt, three times."""
        for pause_s in _PAUSES_S:
            try:
                return attempt()
            except FOREIGN as error:
                if code_of(error) not in codes:
                    raise
                self._sleep(pause_s)
        return attempt()

    def _read(self, target: dict[str, Any]) -> StoredObject:
        reply = self._client.get_object(**target)
        chunks: list[bytes] = []
        with closing(reply["Body"]) as body:
            _pour(body, reply["ContentLength"], chunks.append)
        return StoredObject(b"".join(chunks), _etag(reply), _age_s(reply))

    def _receive(self, target: dict[str, Any], arrival: Arrival, progress: Progress | None) -> str:
        """Fill the file, a large one by several parts at a time, all of one version; returns the sha256."""
        # The first part comes with the reply that tells the size, unless parts are there already.
        reply: Any = self._client.head_object(**target) if arrival.is_begun else self._client.get_object(**target)
        size, version = reply["ContentLength"], _etag(reply)
        opened = {0: reply["Body"]} if "Body" in reply else {}

        def fetch(start: int, length: int, part: PartWriter) -> None:
            part.restart()
            body = opened.pop(start, None) or self._open_part(target, reply.get("ETag"), start, length, size)
            with closing(body):
                _pour(body, length, part.write)

        def fill(part_bytes: int) -> str:
            return arrival.fill(
                version,
                size,
                lambda *part: self._again(lambda: fetch(*part), "BrokenBody"),
                part_bytes=part_bytes,
                threads=self._threads,
                progress=progress,
            )

        with closing(reply.get("Body") or BytesIO()):
            try:
                # Parts of an object without a version could be of several: it is read in one stream, and never continued.
                return fill(self._part_bytes if version else max(size, 1))
            except _NoRanges:
                return fill(max(size, 1))

    def _open_part(
        self, target: dict[str, Any], version: str | None, start: int, length: int, size: int
    ) -> "StreamingBody":
        """The body of a part; whatever the status says (rclone has 200 for a part), the range and the version decide."""
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
    """The store sends the whole object, whichever part it is asked for."""


def _etag(reply: Any) -> str:
    return str(reply.get("ETag", "")).removeprefix("W/").strip('"')


def _age_s(reply: Any) -> float | None:
    """Seconds between writing and this reply, both by the store's clock."""
    date, modified = reply["ResponseMetadata"]["HTTPHeaders"].get("date"), reply.get("LastModified")
    return max(0.0, (parsedate_to_datetime(date) - modified).total_seconds()) if date and modified else None


def _pour(body: "StreamingBody", length: int, write: Callable[[bytes], object]) -> None:
    """Exactly `length` bytes from a reply, or BrokenBody."""
    try:
        while length and (chunk := body.read(min(length, MIB))):
            write(chunk)
            length -= len(chunk)
    except FOREIGN as error:
        raise BrokenBody from error
    if length:
        raise BrokenBody


def upload_to_s3(file_path: str, object_name: str) -> str | None:
    """Send a file to the bucket; returns a presigned URL of it, or None."""
    with _logged("s3_upload_failed"):
        settings = Settings()
        store = S3Store.from_settings(settings)
        store.upload(object_name, Path(file_path), content_type=content_type(object_name))
        return store.url(object_name, expires_s=settings.url_expires_s)
    return None


def download_from_s3(object_name: str, file_path: str) -> str | None:
    """Bring an object to a file, atomically; returns `file_path`, or None."""
    with _logged("s3_download_failed"):
        S3Store.from_settings(Settings()).download(object_name, Path(file_path))
        return file_path
    return None


def sync_models_from_s3(local_models_dir: str, s3_models_prefix: str = "models/") -> bool:
    """Bring every object under the prefix to the folder, unless that version is there already. Deletes nothing."""
    with _logged("s3_sync_failed"):
        transfer.pull_tree(S3Store.from_settings(Settings()), Path(local_models_dir), s3_models_prefix)
        return True
    return False


def upload_models_to_s3(local_models_dir: str, s3_models_prefix: str = "models/") -> bool:
    """Send every file of the folder to the prefix, unless that version is there already. Deletes nothing."""
    with _logged("s3_models_upload_failed"):
        transfer.push_tree(S3Store.from_settings(Settings()), Path(local_models_dir), s3_models_prefix)
        return True
    return False


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Any failure that can be expected, as one log event and no exception; no traceback, because those name hosts and keys."""
    try:
        yield
    except ServiceError as error:
        fields = {"code": error.code, "reason": error.message, **error.details}
        logger.error(event, extra=fields)  # noqa: TRY400 - see above
    except (NoSuchObject, DigestMismatch, ValueError, OSError) as error:
        logger.error(event, extra={"code": type(error).__name__})  # noqa: TRY400 - see above
