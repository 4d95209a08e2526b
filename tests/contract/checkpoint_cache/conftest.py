"""A bucket that counts, a hub, and machines that share both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_cache.cache import CheckpointCache
from storage.folder_store import FolderStore
from tests.machines import CountingStore, Hub


@pytest.fixture
def bucket(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "bucket")


@pytest.fixture
def hub(folder: Path) -> Hub:
    return Hub(folder / "model.safetensors")


@pytest.fixture
def machine(store: FolderStore, tmp_path: Path, hub: Hub) -> Callable[[str], CheckpointCache]:
    """The cache of the machine of that name; all machines share the bucket and the hub."""
    return lambda name: CheckpointCache(store, tmp_path / name, hub)
