"""Buckets with versions, with object lock and default retention; and URLs that expire with the token that signed them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials

from cloning.errors import StorageMisconfigured
from cloning.jobs.conditional_writes import Conditions
from cloning.ports import Changed, NoSuchObject
from s3_utils import MIB, S3Store, s3_client
from tests.contract.conftest import keys_of
from tests.servers import Server

TEXT = "text/plain"
PART = 5 * MIB


@pytest.fixture(params=["versioned", "locked"])
def special_bucket(request: pytest.FixtureRequest, server: Server, bucket: str) -> str:
    """A bucket that keeps versions, or one that locks each of them for a day."""
    client = s3_client(server.settings(bucket))
    if request.param == "versioned":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket
    client.create_bucket(Bucket=f"{bucket}-locked", ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=f"{bucket}-locked",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    return f"{bucket}-locked"


def test_such_a_bucket_works_as_any(server: Server, special_bucket: str, tmp_path: Path) -> None:
    """Objects are written, replaced, deleted and created again, small ones and in parts; the probe finds that conditions are honoured."""
    store = S3Store(special_bucket, s3_client(server.settings(special_bucket)), part_bytes=PART)
    source = tmp_path / "source"
    source.write_bytes(bytes(PART + 1))

    first = store.create("job.json", b"1", content_type=TEXT)
    store.replace("job.json", b"2", etag=first, content_type=TEXT)
    store.upload("model", source, content_type=TEXT)
    assert Conditions(store, lambda: "id").probe() == "honoured"
    assert keys_of(store) == ["job.json", "model"]
    with pytest.raises(Changed):
        store.replace("job.json", b"3", etag=first, content_type=TEXT)
    store.delete("job.json")
    with pytest.raises(NoSuchObject):
        store.get("job.json")
    again = store.create("job.json", b"4", content_type=TEXT)

    assert (store.get("job.json").body, store.head("job.json").etag) == (b"4", again)


def expires(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


def test_keys_that_last_sign_as_long_as_is_asked(s3_store: S3Store) -> None:
    """Keys without a token sign for as long as is asked."""
    assert s3_store.url_life(604_800) == (604_800, True)
    assert expires(s3_store.url("x", expires_s=604_800)) == 604_800


def test_a_token_of_unknown_end_is_told(server: Server) -> None:
    """If nobody says when a token ends, a URL's life is reported as uncertain."""
    store = S3Store.from_settings(server.settings("b", AWS_SESSION_TOKEN="t"))

    assert store.url_life(3600) == (3600, False)


def test_a_url_ends_with_its_token(server: Server) -> None:
    """If the settings say when the token ends, a URL ends no later."""
    until = datetime.now(UTC) + timedelta(minutes=10)
    settings = server.settings("b", AWS_SESSION_TOKEN="t", AWS_CREDENTIAL_EXPIRATION=until.isoformat())
    store = S3Store.from_settings(settings)

    life = store.url_life(3600)

    assert life.is_certain
    assert 500 < life.seconds <= 600
    assert expires(store.url("x", expires_s=3600)) <= 600
    assert store.url_life(60) == (60, True)


def test_an_expired_token_signs_nothing(server: Server) -> None:
    """An expired token raises an error that names the setting, instead of signing a URL that is already dead."""
    store = S3Store.from_settings(
        server.settings("b", AWS_SESSION_TOKEN="t", AWS_CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z")
    )

    with pytest.raises(StorageMisconfigured, match="AWS_SESSION_TOKEN"):
        store.url("x", expires_s=60)


def test_credentials_that_boto3_renews_tell_their_own_end(server: Server) -> None:
    """Credentials of an instance's role, STS or SSO say when they end, and are renewed before they sign if that is soon."""
    renewals: list[int] = []

    def renewed() -> dict[str, Any]:
        renewals.append(1)
        return metadata(timedelta(hours=2))

    def metadata(life: timedelta) -> dict[str, Any]:
        end = (datetime.now(UTC) + life).isoformat()
        return {"access_key": "k", "secret_key": "s", "token": "t", "expiry_time": end}

    def life_of(life: timedelta, refresh: Callable[[], dict[str, Any]]) -> int:
        client: Any = s3_client(server.settings("b"))
        credentials = RefreshableCredentials.create_from_metadata(metadata(life), refresh, "test")
        client._request_signer._credentials = credentials
        found = S3Store("b", client).url_life(86_400)
        assert found.is_certain
        return found.seconds

    assert 3500 < life_of(timedelta(hours=1), renewed) <= 3600
    assert not renewals
    assert 7100 < life_of(timedelta(minutes=1), renewed) <= 7200
    assert renewals
