"""What real botocore makes of replies that no server here gives: AWS's about a bucket's region, a store without conditional PUTs."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from cloning.conditions import Conditions
from cloning.errors import StorageMisconfigured, StorageUnavailable
from cloning.settings import Settings
from fitness import Unfit, store_is_writable
from s3_utils import S3Store, s3_client

Canned = tuple[int, Mapping[str, str], bytes]
LISTED = b"<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
ELSEWHERE = "eu-west-1"


class _Body(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def answering(answer: Callable[[Any], Canned], **changes: Any) -> tuple[S3Store, list[Any]]:
    """A store whose requests never leave the process, and the requests as they were signed."""
    settings = Settings(s3_bucket="b", aws_access_key_id="id", aws_secret_access_key="secret", **changes)
    client, seen = s3_client(settings), list[Any]()

    def send(request: Any, **_: object) -> AWSResponse:
        seen.append(request)
        status, headers, body = answer(request)
        told: Any = {"content-length": str(len(body)), **headers}
        raw: Any = _Body(body)
        return AWSResponse(request.url, status, told, raw)

    events: Any = client.meta.events
    events.register("before-send.s3", send)
    return S3Store("b", client, sleep=lambda _: None), seen


def failure(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>words of the store</Message></Error>".encode()


def aws_elsewhere(status: int, code: str) -> Callable[[Any], Canned]:
    """AWS, whose bucket lies in another region: it says in which, and answers who signs for that one."""

    def answer(request: Any) -> Canned:
        region = {"x-amz-bucket-region": ELSEWHERE}
        if f"/{ELSEWHERE}/" in request.headers["Authorization"].decode():
            return 200, region, LISTED
        return status, region, b"" if request.method == "HEAD" else failure(code)

    return answer


@pytest.mark.parametrize(
    ("status", "code"),
    [(301, "PermanentRedirect"), (307, "TemporaryRedirect"), (400, "AuthorizationHeaderMalformed")],
)
def test_a_bucket_in_another_region_is_told(status: int, code: str) -> None:
    """Both regions by name, at every call and again: botocore would follow, and only URLs, which nobody follows, would fail."""
    store, seen = answering(aws_elsewhere(status, code))

    for call in (store.check, store.check, lambda: store.head("k"), lambda: store.get("k")):
        with pytest.raises(StorageMisconfigured, match=r"'eu-west-1'.*AWS_REGION.*'us-east-1'"):
            call()

    assert len(seen) == 4


def test_a_bucket_in_the_region_that_is_set_answers() -> None:
    """And its URLs are signed for that region, with the session's host."""
    store, _ = answering(aws_elsewhere(301, "PermanentRedirect"), aws_region=ELSEWHERE)

    store.check()

    assert f"{ELSEWHERE}%2Fs3%2Faws4_request" in store.url("k", expires_s=60)


def test_a_store_that_answers_may_name_its_region_as_it_likes() -> None:
    """One that is not AWS and lets us in has accepted the signature: its URLs work."""
    region = {"x-amz-bucket-region": "weur"}
    store, _ = answering(lambda _: (200, region, LISTED), aws_endpoint_url="https://s3.test")
    spoilt, _ = answering(lambda _: (400, region, failure("RequestTimeout")), aws_endpoint_url="https://s3.test")

    store.check()
    with pytest.raises(StorageUnavailable):
        spoilt.check()


@pytest.mark.parametrize("status", [501, 400])
def test_a_store_without_conditional_writes_is_told(status: int) -> None:
    """At the worker's start, in the 256 characters that RunPod shows: no setting mends it, another store does."""

    def answer(request: Any) -> Canned:
        if request.method == "PUT":
            return status, {}, failure("NotImplemented")
        return (204, {}, b"") if request.method == "DELETE" else (200, {}, LISTED)

    store, _ = answering(answer, aws_endpoint_url="https://s3.test")

    with pytest.raises(Unfit, match=r"STORAGE_MISCONFIGURED: .*If-None-Match.*another store") as refused:
        store_is_writable(store, Conditions(store, lambda: "id").probe)
    with pytest.raises(StorageMisconfigured, match="If-Match"):
        store.replace("k", b"", etag="x", content_type="text/plain")
    assert len(f"Unfit: {refused.value}") <= 256
