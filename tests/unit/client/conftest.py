"""Clients of an endpoint in this process."""

from collections.abc import Iterator

import pytest
from f5_worker_client import Client

from tests.unit.client.endpoint import QUICK, Endpoint


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    with Client("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
        yield client
