"""A recording as callers send it."""

from base64 import b64encode

import pytest


@pytest.fixture
def audio(human_wav: bytes) -> str:
    return b64encode(human_wav).decode()
