"""A real S3 server for all contract tests, an empty bucket for each, and the two stores under one name."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloning.ports import ObjectStore
from local.folder_store import FolderStore
from s3_utils import S3Store, s3_client
from tests.servers import Server, moto

NewBucket = Callable[[], str]
KINDS = ("folder", "s3")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """moto, in its own process, for the whole session."""
    with moto() as running:
        yield running


@pytest.fixture(scope="session")
def new_bucket(server: Server) -> NewBucket:
    """Makes a bucket that nobody else uses."""
    numbers = itertools.count(1)
    client = s3_client(server.settings("unused"))

    def make() -> str:
        name = f"bucket-{next(numbers)}"
        client.create_bucket(Bucket=name)
        return name

    return make


@pytest.fixture
def bucket(new_bucket: NewBucket) -> str:
    return new_bucket()


@pytest.fixture
def s3_store(server: Server, bucket: str) -> S3Store:
    return S3Store.from_settings(server.settings(bucket))


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """A folder, then a bucket: what holds for one must hold for the other."""
    if request.param == "folder":
        return FolderStore(tmp_path / "bucket")
    s3_store: S3Store = request.getfixturevalue("s3_store")
    return s3_store


def keys_of(store: ObjectStore, prefix: str = "", *, after: str = "") -> list[str]:
    """The keys alone of a listing."""
    return [info.key for info in store.list(prefix, after=after)]
