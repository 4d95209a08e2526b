"""The voice of most generates."""

import pytest

from cloning.service import Service
from tests.unit.cloning.asking import service_upload


@pytest.fixture
def anna(service: Service, human_wav: bytes) -> str:
    """A voice without a transcript."""
    service_upload(service, human_wav)
    return "anna"
