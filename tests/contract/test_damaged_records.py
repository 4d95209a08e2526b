"""A record in a real bucket is reported as damaged only if the bucket itself holds it damaged."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from cloning import keys
from cloning.errors import RecordDamaged, StorageUnavailable
from cloning.jobs.record import Job
from cloning.records import MOST_BYTES, load_record
from s3_utils import S3Store, s3_client
from tests.servers import Fault, Faults, Server, spoiling

KEY = keys.job_record("j")
JSON = (("Content-Type", "application/json"),)
MAINTENANCE = b'{"status":"maintenance","retry":true}'
ETAGS = {
    "weak": 'W/"2a-abcdef"',
    "of another kind": '"5f-1"',
    "the digest of what it sends": f'"{hashlib.md5(MAINTENANCE, usedforsecurity=False).hexdigest()}"',
    "the weak digest": f'W/"{hashlib.md5(MAINTENANCE, usedforsecurity=False).hexdigest()}"',
}


@pytest.fixture
def proxied(server: Server, bucket: str) -> Iterator[tuple[S3Store, Faults]]:
    with spoiling(server) as (proxy, faults):
        yield S3Store(bucket, s3_client(proxy.settings(bucket), attempts=1), sleep=lambda _: None), faults


@pytest.mark.parametrize("etag", ETAGS)
def test_a_services_own_json_is_not_the_record(proxied: tuple[S3Store, Faults], s3_store: S3Store, etag: str) -> None:
    """JSON that another service sends in the bucket's place is not taken for the record, even if it repeats with any etag."""
    store, faults = proxied
    s3_store.put(KEY, b"a whole record", content_type="application/json")
    headers = (*JSON, ("ETag", ETAGS[etag]))
    faults.choose = lambda request: (
        Fault(200, content=MAINTENANCE, headers=headers) if KEY in request.path and request.method == "GET" else None
    )

    with pytest.raises(StorageUnavailable, match="may be damaged") as failed:
        load_record(store, KEY, Job, "j")

    assert failed.value.retryable


@pytest.mark.parametrize("body", [b"{}", b"", b"{" * 2_000_000], ids=len)
def test_what_the_bucket_holds_damaged_is_damaged(s3_store: S3Store, body: bytes) -> None:
    """A record is damaged if its etag is the digest of what arrived and the listing says the same."""
    s3_store.put(KEY, body, content_type="application/json")

    with pytest.raises(RecordDamaged):
        load_record(s3_store, KEY, Job, "j")


def test_an_enormous_record_is_damaged(s3_store: S3Store) -> None:
    """A record of an enormous size is damaged if HEAD and the listing agree about the size."""
    s3_store.put(KEY, b"x" * (MOST_BYTES + 1), content_type="application/json")

    with pytest.raises(RecordDamaged, match=r"16\.0 MB"):
        load_record(s3_store, KEY, Job, "j")


def test_an_etag_that_is_no_digest_leaves_it_open(server: Server, bucket: str) -> None:
    """Etags of multipart or encrypted objects are no digests, so a change in transit can't be ruled out."""
    client: Any = s3_client(server.settings(bucket))
    upload = client.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"]
    part = client.upload_part(Bucket=bucket, Key=KEY, UploadId=upload, PartNumber=1, Body=b"{}")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=bucket, Key=KEY, UploadId=upload, MultipartUpload=parts)

    with pytest.raises(StorageUnavailable, match="may be damaged"):
        load_record(S3Store(bucket, client), KEY, Job, "j")
