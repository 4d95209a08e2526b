"""Fixtures of all contract tests: a real S3 server, an empty bucket per test, both stores under one name, and a checkpoint to change."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloning.ports import ObjectStore
from model_cache.catalog import Checkpoint, find
from s3_utils import S3Store, s3_client
from storage.folder_store import FolderStore
from tests.machines import HUB_URL
from tests.servers import Server, moto

NewBucket = Callable[[], str]
KINDS = ("folder", "s3")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A moto server in its own process, shared by the whole session."""
    with moto() as running:
        yield running


@pytest.fixture(scope="session")
def new_bucket(server: Server) -> NewBucket:
    """Create a bucket for one test alone."""
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
    """Run the test on a folder, then on a bucket: both must keep the same contract."""
    if request.param == "folder":
        return FolderStore(tmp_path / "bucket")
    s3_store: S3Store = request.getfixturevalue("s3_store")
    return s3_store


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint folder that this test may change."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "folder"))


@pytest.fixture
def on_hub(folder: Path) -> Checkpoint:
    """The same checkpoint, named as the catalogue would name it."""
    return replace(find(str(folder)), source=HUB_URL, vocab=None, vocoder=None)


def keys_of(store: ObjectStore, prefix: str = "", *, after: str = "") -> list[str]:
    """List the keys alone."""
    return [info.key for info in store.list(prefix, after=after)]
