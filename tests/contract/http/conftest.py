"""The application with a stand-in worker, on a real connection."""

from collections.abc import Iterator

import pytest

from http_api.options import Options
from tests.http_worker import StandIn, serving


@pytest.fixture
def worker() -> StandIn:
    """The worker behind it."""
    return StandIn()


@pytest.fixture
def url(worker: StandIn) -> Iterator[str]:
    """Its address; anna speaks for OpenAI's names, but bert for onyx."""
    with serving(worker, Options(default_voice="anna", aliases={"onyx": "bert"})) as address:
        yield address
