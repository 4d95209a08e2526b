"""Two workers that share a folder."""

import pytest

from cloning.jobs.store import JobStore
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.unit.cloning.jobs.claiming import worker


@pytest.fixture
def jobs(store: FolderStore, clock: ManualClock) -> JobStore:
    return worker("w1", store, clock)


@pytest.fixture
def others(store: FolderStore, clock: ManualClock) -> JobStore:
    return worker("w2", store, clock)
