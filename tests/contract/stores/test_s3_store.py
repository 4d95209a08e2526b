"""What is special about a bucket: a prefix, other writers' odd keys, pages, parts, and the client's settings."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cloning.errors import StorageMisconfigured, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, DigestMismatch, NoSuchObject
from s3_utils import MIB, S3Store, s3_client
from tests.contract.conftest import keys_of
from tests.servers import Fault, Faults, Server, rclone, spoiling

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
PART = 5 * MIB  # S3's smallest


@pytest.fixture
def watched(server: Server, bucket: str) -> Iterator[tuple[S3Store, Faults]]:
    """A store that uploads and downloads in small parts, behind a proxy."""
    with spoiling(server) as (proxy, faults):
        client = s3_client(proxy.settings(bucket))
        yield S3Store(bucket, client, part_bytes=PART, threads=3, sleep=lambda _: None), faults


def ranges(faults: Faults) -> list[str]:
    return sorted(request.headers.get("Range", "whole") for request in faults.seen if request.method == "GET")


def test_a_prefix_is_a_bucket_of_its_own(server: Server, bucket: str, s3_store: S3Store) -> None:
    """Keys are relative to the prefix, and objects beside it are neither listed nor changed."""
    inside = S3Store.from_settings(server.settings(bucket, S3_PREFIX="/deep/er/"))
    s3_store.put("deep/erx", b"", content_type=TEXT)
    s3_store.put("z", b"", content_type=TEXT)

    inside.create("a/x", b"1", content_type=TEXT)
    inside.create("b", b"2", content_type=TEXT)

    assert keys_of(inside) == ["a/x", "b"]
    assert keys_of(inside, "a/") == ["a/x"]
    assert keys_of(inside, after="a/x") == ["b"]
    assert inside.get("b").body == b"2"
    assert keys_of(s3_store) == ["deep/er/a/x", "deep/er/b", "deep/erx", "z"]


def test_a_key_must_fit_with_its_prefix(server: Server, bucket: str) -> None:
    """S3's limit of 1,024 bytes applies to the key with its prefix."""
    inside = S3Store.from_settings(server.settings(bucket, S3_PREFIX="p" * 200))

    with pytest.raises(ValueError, match="1024"):
        inside.put("/".join(["x" * 200] * 5), b"", content_type=TEXT)


def test_keys_that_we_would_not_write_are_not_listed(server: Server, bucket: str, s3_store: S3Store) -> None:
    """Folder markers and keys that could leave a folder are not listed."""
    client = s3_client(server.settings(bucket))
    for key in ("dir/", "../escape", "a//b", "a/../b", "back\\slash", "good"):
        client.put_object(Bucket=bucket, Key=key, Body=b"")

    assert keys_of(s3_store) == ["good"]


def test_the_content_type_is_stored(server: Server, bucket: str, s3_store: S3Store, tmp_path: Path) -> None:
    """Every way of writing sets the content type, so that a browser plays a result."""
    (tmp_path / "x").write_bytes(b"RIFF")

    etag = s3_store.create("created", b"", content_type="audio/wav")
    s3_store.replace("created", b"x", etag=etag, content_type="audio/flac")
    s3_store.put("put", b"", content_type="audio/mpeg")
    s3_store.upload("uploaded", tmp_path / "x", content_type="audio/ogg")

    client = s3_client(server.settings(bucket))
    types = [client.head_object(Bucket=bucket, Key=key)["ContentType"] for key in ("created", "put", "uploaded")]
    assert types == ["audio/flac", "audio/mpeg", "audio/ogg"]


def test_a_listing_asks_for_a_page_when_it_is_needed(watched: tuple[S3Store, Faults]) -> None:
    """A listing makes no request before its first key is needed."""
    store, faults = watched
    store.put("x", b"", content_type=TEXT)
    faults.seen.clear()

    listing = store.list()
    before = len(faults.seen)
    next(listing)

    assert (before, len(faults.seen)) == (0, 1)


def test_a_small_download_is_one_request(watched: tuple[S3Store, Faults], tmp_path: Path) -> None:
    """A small download is one request, which brings size and version with the bytes."""
    store, faults = watched
    store.put("x", b"small", content_type=TEXT)
    faults.seen.clear()

    store.download("x", tmp_path / "x")

    assert [request.method for request in faults.seen] == ["GET"]


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART + 3])
def test_a_large_object_goes_and_comes_in_parts(watched: tuple[S3Store, Faults], tmp_path: Path, size: int) -> None:
    """Around the edges of parts the bytes are the same, and each part is one ranged request."""
    store, faults = watched
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))

    etag = store.upload("model", source, content_type=BYTES)
    store.download("model", target, sha256=hashlib.sha256(source.read_bytes()).hexdigest())

    assert target.read_bytes() == source.read_bytes()
    assert store.head("model").etag == etag
    later = [f"bytes={start}-{min(start + PART, size) - 1}" for start in range(PART, size, PART)]
    assert ranges(faults) == sorted(["whole", *later])


@pytest.mark.parametrize("part", ["", f"bytes={PART}-"], ids=["the first part", "a later part"])
def test_a_part_that_breaks_off_is_fetched_again_and_only_that(
    watched: tuple[S3Store, Faults], tmp_path: Path, part: str
) -> None:
    """If a part breaks off, only its range is requested again, of the same version."""
    store, faults = watched
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(2 * PART + 3))
    store.upload("model", source, content_type=BYTES)
    faults.cut_once(1000, part=part)

    store.download("model", target, sha256=hashlib.sha256(source.read_bytes()).hexdigest())

    again = [request for request in faults.seen if request.headers.get("Range", "").startswith(part or "bytes=0-")]
    assert target.read_bytes() == source.read_bytes()
    assert len(ranges(faults)) == 4
    assert again[-1].headers["If-Match"].strip('"') == store.head("model").etag


def test_a_part_that_is_too_short_is_fetched_again(watched: tuple[S3Store, Faults], tmp_path: Path) -> None:
    """A reply that is shorter than the requested range is not used, even if it matches its own length."""
    store, faults = watched
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(2 * PART))
    store.upload("model", source, content_type=BYTES)
    faults.cut_once(1000, part=f"bytes={PART}-", length=1000)

    store.download("model", target)

    assert target.read_bytes() == source.read_bytes()


def test_an_object_that_changes_under_a_download_is_fetched_from_the_start(
    watched: tuple[S3Store, Faults], s3_store: S3Store, tmp_path: Path
) -> None:
    """If an object changes during a download, it is fetched from the start: parts of two versions are never mixed."""
    store, faults = watched
    old, new = b"o" * (2 * PART), b"n" * (2 * PART + 9)
    s3_store.put("model", old, content_type=BYTES)

    def change_before_the_second_part() -> None:
        if len(ranges(faults)) == 2:
            s3_store.put("model", new, content_type=BYTES)

    faults.choose = lambda _: change_before_the_second_part()
    store.download("model", tmp_path / "model")

    assert (tmp_path / "model").read_bytes() == new


def test_settings_for_a_store_that_is_not_aws(server: Server) -> None:
    """Path style, signature version 4, checksums only where S3 requires them, standard retries, and a connection per thread."""
    config: Any = s3_client(server.settings("b")).meta.config

    assert config.s3["addressing_style"] == "path"
    assert config.signature_version == "s3v4"
    assert config.request_checksum_calculation == "when_required"
    assert config.response_checksum_validation == "when_required"
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    assert config.max_pool_connections >= 16


def test_settings_without_a_bucket_or_with_a_broken_endpoint_are_refused(server: Server) -> None:
    """A missing bucket or a broken endpoint is refused with the name of the variable."""
    with pytest.raises(StorageMisconfigured, match="S3_BUCKET"):
        S3Store.from_settings(server.settings(""))
    with pytest.raises(ValidationError, match="aws_endpoint_url"):
        server.settings("b", AWS_ENDPOINT_URL="localhost without scheme")


def test_a_store_of_another_make_holds_the_unconditional_half(tmp_path: Path) -> None:
    """
    The server rclone checks signatures, answers ranges with 200, and gives no multipart etags: reading, writing, parts, listing and
    URLs work there as on moto. (It ignores If-Match and If-None-Match: create and replace are not safe on it.)
    """
    (tmp_path / "root" / "bucket").mkdir(parents=True)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(2 * PART + 3))

    with rclone(tmp_path / "root") as strict:
        store = S3Store("bucket", s3_client(strict.settings("bucket")), part_bytes=PART, threads=3)
        store.check()
        store.upload("a/model", source, content_type=BYTES)
        store.put("a/odd é+%20", b"", content_type=TEXT)
        store.download("a/model", target, sha256=hashlib.sha256(source.read_bytes()).hexdigest())

        assert keys_of(store) == ["a/model", "a/odd é+%20"]
        assert store.head("a/model").size == 2 * PART + 3
        store.delete("a/model")
        store.delete("a/model")
        with pytest.raises(NoSuchObject):
            store.head("a/model")
        with pytest.raises(DigestMismatch):
            store.download("a/odd é+%20", target, sha256="0" * 64)


def test_etags_of_a_listing_and_of_a_head_can_replace(s3_store: S3Store) -> None:
    """An etag from a listing or a head can be used for one replacement."""
    s3_store.put("x", b"1", content_type=TEXT)

    (listed,) = s3_store.list()
    s3_store.replace("x", b"2", etag=listed.etag, content_type=TEXT)
    s3_store.replace("x", b"3", etag=s3_store.head("x").etag, content_type=TEXT)

    with pytest.raises(Changed):
        s3_store.replace("x", b"4", etag=listed.etag, content_type=TEXT)


def test_a_busy_store_is_asked_again(watched: tuple[S3Store, Faults]) -> None:
    """boto3's standard retries get a call past a 503."""
    store, faults = watched
    faults.first(1, Fault(503, "SlowDown"), method="PUT")

    store.put("x", b"1", content_type=TEXT)

    assert store.get("x").body == b"1"
    assert [request.method for request in faults.seen] == ["PUT", "PUT", "GET"]


def test_a_conflict_in_flight_is_tried_again(watched: tuple[S3Store, Faults]) -> None:
    """A 409 means that another conditional write is in progress, not that it won; the call is tried again."""
    store, faults = watched
    faults.first(2, Fault(409, "ConditionalRequestConflict"), method="PUT")

    etag = store.create("x", b"1", content_type=TEXT)

    assert store.get("x").etag == etag


def test_a_conflict_that_stays_is_a_lost_race(watched: tuple[S3Store, Faults]) -> None:
    """If the conflict stays after a few attempts, the race is lost and the caller reads what the other writer wrote."""
    store, faults = watched
    faults.always(Fault(409, "ConditionalRequestConflict"), method="PUT")

    with pytest.raises(AlreadyExists):
        store.create("x", b"1", content_type=TEXT)
    with pytest.raises(Changed):
        store.replace("x", b"1", etag="0", content_type=TEXT)


def test_an_upload_that_the_store_lost_is_unavailable(watched: tuple[S3Store, Faults]) -> None:
    """Some stores confirm an upload that they lose; a look after the upload finds that."""
    store, faults = watched
    faults.choose = lambda request: Fault(404, "NoSuchKey") if request.method in ("HEAD", "GET") else None

    with pytest.raises(StorageUnavailable):
        store.upload("x", Path(__file__), content_type=TEXT)


def test_an_upload_that_arrived_changed_is_noticed(watched: tuple[S3Store, Faults]) -> None:
    """Some stores keep the transfer's framing in the object; its size shows that."""
    store, faults = watched
    faults.always(Fault(length=3), method="HEAD")

    with pytest.raises(DigestMismatch):
        store.upload("x", Path(__file__), content_type=BYTES)


def test_the_server_tells_how_old_an_object_is(s3_store: S3Store) -> None:
    """An object's age comes from the server's clock, in whole seconds, so leases don't depend on the workers' clocks."""
    s3_store.create("a", b"x", content_type="text/plain")

    age_s = s3_store.get("a").age_s

    assert age_s is not None
    assert 0 <= age_s < 60
