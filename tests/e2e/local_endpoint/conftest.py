"""The local endpoint: one with a worker that a whole module shares, and one without any."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.job import Rules
from local.server import Limits
from local.worker import LocalEndpoint, local_endpoint
from tests.e2e.local_endpoint.asking import HANDLER, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the shared worker runs."""
    folder = tmp_path_factory.mktemp("worker")
    (folder / "handler.py").write_text(HANDLER, "utf-8")
    return folder


@pytest.fixture(scope="module")
def endpoint(folder: Path) -> Iterator[LocalEndpoint]:
    """An endpoint with small limits and one worker that holds four jobs at a time."""
    limits = Limits(run=20_000, runsync=40_000)
    with local_endpoint(poll_s=1.0, limits=limits) as endpoint, start(endpoint, folder, CONCURRENCY="4"):
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint: LocalEndpoint) -> Any:
    """RunPod's own client of the shared endpoint."""
    return endpoint.client()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[LocalEndpoint]:
    """An endpoint without a worker; its handler script is in tmp_path."""
    (tmp_path / "handler.py").write_text(HANDLER, "utf-8")
    with local_endpoint(poll_s=0.5, rules=Rules(redeliver_after_s=2.5)) as endpoint:
        yield endpoint
