"""What real botocore does with replies that no server here gives: AWS's about a bucket's region, a store without conditional PUTs."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from cloning.errors import StorageMisconfigured, StorageUnavailable
from cloning.jobs.conditional_writes import Conditions
from cloning.settings import Settings
from s3_utils import S3Store, s3_client
from worker.fitness import Unfit, store_is_writable

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
    """AWS with a bucket in another region: it names that region and accepts only requests signed for it."""

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
    """A bucket in another region is an error that names both regions, at every call: botocore would follow, and only URLs would fail."""
    store, seen = answering(aws_elsewhere(status, code))

    for call in (store.check, store.check, lambda: store.head("k"), lambda: store.get("k")):
        with pytest.raises(StorageMisconfigured, match=r"'eu-west-1'.*AWS_REGION.*'us-east-1'"):
            call()

    assert len(seen) == 4


def test_a_bucket_in_the_region_that_is_set_answers() -> None:
    """A bucket in the configured region answers, and its URLs are signed for that region."""
    store, _ = answering(aws_elsewhere(301, "PermanentRedirect"), aws_region=ELSEWHERE)

    store.check()

    assert f"{ELSEWHERE}%2Fs3%2Faws4_request" in store.url("k", expires_s=60)


def test_a_store_that_answers_may_name_its_region_as_it_likes() -> None:
    """If a store that is not AWS answers, it has accepted the signature, so the region that it names doesn't matter."""
    region = {"x-amz-bucket-region": "weur"}
    store, _ = answering(lambda _: (200, region, LISTED), aws_endpoint_url="https://s3.test")
    spoilt, _ = answering(lambda _: (400, region, failure("RequestTimeout")), aws_endpoint_url="https://s3.test")

    store.check()
    with pytest.raises(StorageUnavailable):
        spoilt.check()


@pytest.mark.parametrize("status", [501, 400])
def test_a_store_without_conditional_writes_is_told(status: int) -> None:
    """A store without conditional writes is refused at the worker's start, within RunPod's 256 characters: another store is needed."""

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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("endpoint", "location", "advice"),
    [
        (
            "http://s3.example.com",
            "https://s3.example.com/b",
            "redirects to https://s3.example.com: set AWS_ENDPOINT_URL to that",
        ),
        ("http://s3.example.com", "https://s3.example.com:9443/b", "to https://s3.example.com:9443:"),
        ("https://s3.example.com", "https://b.eu.example.com/?list-type=2", "redirects to https://eu.example.com:"),
        (
            "https://s3.example.com",
            "https://user:secret@eu.example.com/?token=secret",
            "redirects to https://eu.example.com:",
        ),
        ("http://minio:9000", "https://minio:9000/b", "begin with https://, and name that port"),
        ("http://minio", "https://minio/b", "begin with https://$"),
        ("https://s3.example.com", "https://10.0.0.7:9000/b", "redirects to another address"),
        ("https://s3.example.com", "https://store.internal/b", "redirects to another address"),
        ("https://s3.example.com", f"https://{'x' * 90}.com/b", "redirects to another address"),
        ("https://s3.example.com", "/login", "web site"),
        ("https://s3.example.com", "https://s3.example.com/b", "web site"),
        ("https://s3.example.com", "", "web site"),
        ("https://s3.example.com", "https://[bad", "web site"),
    ],
)
def test_an_endpoint_that_redirects_is_told_with_what_to_set(
    status: int, endpoint: str, location: str, advice: str
) -> None:
    """A redirect is reported at the first reply with what to set, without secrets or inner names, and the worker doesn't start."""
    headers = {"location": location} if location else {}
    store, seen = answering(lambda _: (status, headers, b"<html>Moved</html>"), aws_endpoint_url=endpoint)

    for call in (store.check, lambda: store.head("k"), lambda: store.create("k", b"", content_type="text/plain")):
        with pytest.raises(StorageMisconfigured, match=advice) as told:
            call()
        assert not any(word in told.value.message for word in ("secret", "10.0.0.7", "internal"))
    with pytest.raises(Unfit) as refused:
        store_is_writable(store, Conditions(store, lambda: "id").probe)

    assert len(seen) == 4
    assert len(f"Unfit: {refused.value}") <= 256


def test_aws_redirects_while_it_sets_up_a_new_bucket() -> None:
    """AWS's redirect to a new bucket passes and is retryable; one to a region that it doesn't name needs another setting."""
    fresh, _ = answering(lambda _: (307, {"location": "https://b.s3.x.amazonaws.com/"}, failure("TemporaryRedirect")))
    moved, _ = answering(lambda _: (301, {}, failure("PermanentRedirect")))

    with pytest.raises(StorageUnavailable):
        fresh.check()
    with pytest.raises(StorageMisconfigured, match="AWS_REGION"):
        moved.check()


def test_a_region_that_stands_in_the_error_alone_is_told() -> None:
    """Stores that are not AWS may name the region in the error alone, without a header."""
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>"
    store, seen = answering(lambda _: (400, {}, body), aws_endpoint_url="https://s3.test")

    with pytest.raises(StorageMisconfigured, match="AWS_REGION=eu-west-1"):
        store.check()

    assert len(seen) == 1


def test_the_bucket_in_the_endpoint_is_told() -> None:
    """An endpoint that contains the bucket looks like a missing object; it is reported as a wrong AWS_ENDPOINT_URL."""
    store, _ = answering(lambda _: (404, {}, failure("NoSuchKey")), aws_endpoint_url="https://s3.test/b")

    for call in (store.check, lambda: list(store.list()), lambda: store.put("k", b"", content_type="text/plain")):
        with pytest.raises(StorageMisconfigured, match="AWS_ENDPOINT_URL"):
            call()


def test_a_time_that_is_none_is_no_bug() -> None:
    """A malformed time, in a reply's date or in a listing, is taken as unknown."""
    described = {"etag": '"0"', "last-modified": "Sun, 29 Nov 2026 00:00:00 GMT", "date": "yesterday"}
    entry = b"<Contents><Key>k</Key><Size>many</Size><LastModified>yesterday</LastModified></Contents>"
    odd = LISTED.replace(b"<KeyCount>", entry + b"<KeyCount>")
    store, _ = answering(lambda request: (200, {}, odd) if "list-type" in request.url else (200, described, b"x"))

    assert store.get("k").age_s is None
    with pytest.raises(StorageUnavailable):
        list(store.list())
