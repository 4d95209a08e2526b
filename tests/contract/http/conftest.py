"""The HTTP application with a stand-in worker, on a real connection."""

from collections.abc import Iterator

import pytest

from http_api.options import Options
from tests.http_server import serving
from tests.http_worker import StandIn


@pytest.fixture
def worker() -> StandIn:
    """The stand-in worker behind the application."""
    return StandIn()


@pytest.fixture
def url(worker: StandIn) -> Iterator[str]:
    """The application's address; the alias `onyx` stands for the voice bert, OpenAI's other names for anna."""
    with serving(worker, Options(default_voice="anna", aliases={"onyx": "bert"})) as address:
        yield address
