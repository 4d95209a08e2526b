"""Good requests, and how a bad one is refused."""

import base64
from typing import Any

import pytest

from cloning.errors import InvalidRequest
from cloning.requests.fields import Limits
from cloning.requests.models import parse

LIMITS = Limits(max_text_chars=1000, max_audio_bytes=1000)
SPEAK: dict[str, Any] = {"text": "Hello.", "voice": "anna"}
ABC = base64.b64encode(b"abc").decode()


def refused(raw: object) -> InvalidRequest:
    """The refusal of this input."""
    with pytest.raises(InvalidRequest) as caught:
        parse(raw, LIMITS)
    return caught.value
