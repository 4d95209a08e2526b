"""A service on a stand-in for a GPU, with the voice anna."""

from base64 import b64encode

import pytest

from cloning.service import Call, Service
from handler import answer
from tests.unit.cloning.generate.speaker.world import World


@pytest.fixture
def world(service: Service, human_wav: bytes) -> World:
    audio = b64encode(human_wav).decode()
    upload = {
        "action": "upload",
        "voice": "anna",
        "audio": audio,
        "consent": True,
        "transcript": "Some call me nature.",
    }
    assert answer(service, upload, Call("u"))["status"] == "STORED"
    return World(service)
