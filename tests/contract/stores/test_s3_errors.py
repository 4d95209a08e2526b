"""Every failure of a bucket becomes one of our errors: retryable or to be fixed, and without keys, hosts or secrets in it."""

import inspect
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore import exceptions as aws

from cloning.errors import ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, NoSuchObject
from s3_utils import S3Store, s3_client
from storage.s3_errors import FOREIGN, TROUBLES, translation
from tests.servers import SECRET_KEY, Fault, Faults, Server, free_port, rclone, spoiling

TEXT = "text/plain; charset=utf-8"
Call = Callable[[S3Store], object]
READS: dict[str, Call] = {
    "get": lambda store: store.get("voices/secret-name"),
    "head": lambda store: store.head("voices/secret-name"),
    "list": lambda store: list(store.list("voices/")),
    "check": lambda store: store.check(),
}
WRITES: dict[str, Call] = {
    "create": lambda store: store.create("voices/secret-name", b"", content_type=TEXT),
    "replace": lambda store: store.replace("voices/secret-name", b"", etag="x", content_type=TEXT),
    "put": lambda store: store.put("voices/secret-name", b"", content_type=TEXT),
    "delete": lambda store: store.delete("voices/secret-name"),
    "upload": lambda store: store.upload("voices/secret-name", Path(__file__), content_type=TEXT),
}
CALLS = READS | WRITES


def hasty(server: Server, bucket: str) -> S3Store:
    """A store that asks once and does not wait."""
    return S3Store(bucket, s3_client(server.settings(bucket), attempts=1), sleep=lambda _: None)


def says_nothing_private(error: ServiceError, server: Server) -> bool:
    """Neither the message nor the details name the key, the host, the bucket or a secret."""
    said = f"{error.message} {error.details}"
    private = ("secret-name", "127.0.0.1", server.endpoint_url, "bucket-", SECRET_KEY, "no-such")
    return not any(word in said for word in private)


@pytest.fixture
def proxied(server: Server, bucket: str) -> Iterator[tuple[Server, Faults]]:
    with spoiling(server) as both:
        yield both


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that checks signatures, with a bucket and an object."""
    root = tmp_path_factory.mktemp("rclone")
    (root / "bucket" / "voices").mkdir(parents=True)
    (root / "bucket" / "voices" / "secret-name").write_bytes(b"RIFF")
    with rclone(root) as server:
        yield server


@pytest.mark.parametrize("name", CALLS)
def test_a_missing_bucket_is_a_mistake_of_the_configuration(server: Server, name: str) -> None:
    """A missing bucket is never taken for a missing object, even by HEAD, whose reply can't say which is missing."""
    store = hasty(server, "no-such-bucket")

    with pytest.raises(StorageMisconfigured, match="S3_BUCKET") as refused:
        CALLS[name](store)

    assert refused.value.details["s3_code"] == "NoSuchBucket"
    assert says_nothing_private(refused.value, server)


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_secret_is_not_a_missing_object(strict: Server, name: str) -> None:
    """A 403 is never a 404: the message says which variables to check."""
    wrong = Server(strict.endpoint_url, strict.access_key, "another-secret-key")

    with pytest.raises(StorageMisconfigured, match="AWS_SECRET_ACCESS_KEY") as refused:
        CALLS[name](hasty(wrong, "bucket"))

    assert refused.value.details["s3_code"] in ("SignatureDoesNotMatch", "403")
    assert says_nothing_private(refused.value, strict)


def test_an_unknown_key_id_is_not_a_missing_object(strict: Server) -> None:
    """A key id that the store has never seen is no missing object either."""
    wrong = Server(strict.endpoint_url, "another-key-id", strict.secret_key)

    with pytest.raises(StorageMisconfigured, match="AWS_ACCESS_KEY_ID"):
        hasty(wrong, "bucket").get("voices/secret-name")


def test_the_right_secret_reads(strict: Server) -> None:
    """With the right secret the strict server answers, so it isn't just refusing everything."""
    assert hasty(strict, "bucket").get("voices/secret-name").body == b"RIFF"


def test_a_url_expires_and_bears_no_change(strict: Server) -> None:
    """A presigned URL reads one object for its lifetime, no other object, and not later."""
    store = hasty(strict, "bucket")
    fresh, short = store.url("voices/secret-name", expires_s=60), store.url("voices/secret-name", expires_s=1)

    with urlopen(fresh, timeout=30) as reply:  # noqa: S310 - our own server's URL
        assert reply.read() == b"RIFF"
    time.sleep(2.1)  # the expiry is the server's, in whole seconds: no clock to hand in
    for url in (short, fresh.replace("secret-name", "other-name"), fresh.replace("Expires=60", "Expires=600")):
        with pytest.raises(HTTPError) as refused:
            urlopen(url, timeout=30)  # noqa: S310 - our own server's URL
        assert refused.value.code in (400, 403)
        refused.value.close()


@pytest.mark.parametrize("name", CALLS)
def test_a_store_that_is_down_is_unavailable(name: str) -> None:
    """A closed port is a retryable failure."""
    down = Server(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(StorageUnavailable) as failed:
        CALLS[name](hasty(down, "bucket-x"))

    assert failed.value.details == {"s3_code": "EndpointConnectionError", "operation": name}
    assert says_nothing_private(failed.value, down)


def test_a_url_needs_credentials_but_no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials nothing can be signed: the error names the variables, although no store answers."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = (
        Server("http://127.0.0.1:1")
        .settings("b")
        .model_copy(update={"aws_access_key_id": None, "aws_secret_access_key": None})
    )
    store = S3Store("b", s3_client(settings, attempts=1))

    for call in (lambda: store.url("x", expires_s=1), lambda: store.get("x")):
        with pytest.raises(StorageMisconfigured, match="AWS_ACCESS_KEY_ID"):
            call()


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable"), (400, "RequestTimeout"), (418, "Teapot")],
)
def test_an_error_that_may_pass_keeps_its_code(
    proxied: tuple[Server, Faults], bucket: str, status: int, code: str
) -> None:
    """5xx, throttling and unknown codes become StorageUnavailable, with the code in the details."""
    server, faults = proxied
    faults.always(Fault(status, code), method="GET")

    with pytest.raises(StorageUnavailable) as failed:
        hasty(server, bucket).get("voices/secret-name")

    assert failed.value.details == {"s3_code": code, "operation": "get"}
    assert failed.value.retryable


@pytest.mark.parametrize("keep", [0, 1, 150_000])
def test_a_body_that_breaks_off_is_read_again(
    proxied: tuple[Server, Faults], bucket: str, s3_store: S3Store, tmp_path: Path, keep: int
) -> None:
    """Get and download return the whole object even if the connection broke at the start or half-way."""
    server, faults = proxied
    store, body = hasty(server, bucket), bytes(range(256)) * 1000
    s3_store.put("x", body, content_type=TEXT)

    faults.cut_once(keep)
    got = store.get("x").body
    faults.cut_once(keep)
    store.download("x", tmp_path / "x")

    assert got == (tmp_path / "x").read_bytes() == body


def test_a_body_that_always_breaks_off_is_unavailable(
    proxied: tuple[Server, Faults], bucket: str, s3_store: S3Store, tmp_path: Path
) -> None:
    """A body that always breaks off is an error after a few attempts, and no part of it stays on the disk."""
    server, faults = proxied
    s3_store.put("x", b"x" * 100_000, content_type=TEXT)
    faults.always(Fault(keep=1000), method="GET")

    with pytest.raises(StorageUnavailable) as failed:
        hasty(server, bucket).get("x")
    with pytest.raises(StorageUnavailable):
        hasty(server, bucket).download("x", tmp_path / "new" / "x")

    assert failed.value.details == {"s3_code": "BrokenBody", "operation": "get"}
    assert len(faults.seen) == 8
    assert list((tmp_path / "new").iterdir()) == []


def test_the_cause_is_kept_for_the_log(server: Server) -> None:
    """The original exception is chained, so that the log's traceback has it."""
    with pytest.raises(StorageMisconfigured) as refused:
        hasty(server, "no-such-bucket").check()

    assert isinstance(refused.value.__cause__, aws.ClientError)
    assert "NoSuchBucket" in "".join(traceback.format_exception(refused.value))


# What botocore raises outside of any call of ours: warnings, and its own stubs for tests.
NOT_FAILURES = {"ImminentRemovalWarning", "UnsupportedTLSVersionWarning"}
# The network's failures: of these no subclass may ever be taken for a mistake of the configuration.
PASSING = (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError, aws.ChecksumError)


def botocore_exceptions() -> list[type[Exception]]:
    found = [item for _, item in inspect.getmembers(aws, inspect.isclass) if issubclass(item, Exception)]
    return [item for item in found if item.__name__ not in NOT_FAILURES]


@pytest.mark.parametrize("foreign", botocore_exceptions(), ids=lambda foreign: foreign.__name__)
def test_every_exception_of_botocore_has_a_row(foreign: type[Exception]) -> None:
    """Every exception of botocore becomes one of ours, with the network's failures as retryable."""
    error = foreign.__new__(foreign)
    if isinstance(error, aws.ClientError):
        error.response = {"Error": {"Code": "Unheard"}}

    translated = translation("get", "k", error)

    assert issubclass(foreign, FOREIGN)
    assert isinstance(translated, (StorageUnavailable, StorageMisconfigured))
    assert isinstance(translated, StorageUnavailable) or not issubclass(foreign, PASSING)


def test_a_code_has_one_row() -> None:
    """No code has two meanings, and the table has none that means absence or a race."""
    codes = [code for row in TROUBLES for code in row.codes]

    assert len(codes) == len(set(codes))
    assert not {"NoSuchKey", "404", "PreconditionFailed", "412", "ConditionalRequestConflict"} & set(codes)


@pytest.mark.parametrize(
    ("operation", "code", "expected"),
    [
        ("get", "NoSuchKey", NoSuchObject),
        ("head", "NoSuchKey", NoSuchObject),
        ("head", "404", StorageUnavailable),
        ("get", "404", StorageUnavailable),
        ("replace", "404", StorageUnavailable),
        ("download", "NoSuchKey", NoSuchObject),
        ("download", "PreconditionFailed", StorageUnavailable),
        ("replace", "NoSuchKey", Changed),
        ("replace", "412", Changed),
        ("create", "412", AlreadyExists),
        ("create", "404", StorageUnavailable),
        ("get", "403", StorageMisconfigured),
        ("get", "ExpiredToken", StorageMisconfigured),
        ("get", "InvalidAccessKeyId", StorageMisconfigured),
        ("get", "RequestTimeTooSkewed", StorageMisconfigured),
        ("get", "PermanentRedirect", StorageMisconfigured),
    ],
)
def test_what_a_code_means(operation: str, code: str, expected: type[Exception]) -> None:
    """Each code of the table becomes its error in the operation that meets it."""
    error = aws.ClientError({"Error": {"Code": code}}, "Operation")

    assert type(translation(operation, "k", error)) is expected
