"""A bug anywhere below the handler gives the caller an incident id and the log a traceback, and nobody anything else."""

import json
import logging
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from cloning.service import Call, Service
from handler import answer
from tests.conftest import SPOKEN

SECRET = "/srv/secrets/credentials of host gpu-7.internal"


class Broken:
    """Every call fails."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(SECRET)

    def __call__(self, *_: object) -> Any:
        raise ZeroDivisionError(SECRET)


REQUESTS: dict[str, dict[str, Any]] = {
    "generate": {"text": "Hello there.", "voice": "anna"},
    "upload": {"action": "upload", "voice": "ben", "audio_url": "https://example.org/a.wav", "consent": True},
    "transcribe": {"action": "upload", "voice": "carl", "consent": True, "transcribe_now": True},
    "status": {"action": "status", "job_id": "j"},
    "result": {"action": "result", "job_id": "j"},
    "voices": {"action": "voices"},
    "delete": {"action": "delete", "voice": "anna"},
    "cancel": {"action": "cancel", "job_id": "j"},
    "health": {"action": "health"},
}
REACHED = [
    *(("store", action) for action in ("health",)),
    *(("voices", action) for action in ("generate", "transcribe", "voices", "delete")),
    *(("jobs", action) for action in ("generate", "status", "result", "cancel")),
    *(("engines", action) for action in ("generate", "health")),
    *(("gpu", action) for action in ("generate", "transcribe")),
    ("transcribers", "transcribe"),
    ("fetch_url", "upload"),
    ("clock", "generate"),
    ("new_id", "generate"),
    ("draw_seed", "generate"),
]


@pytest.mark.parametrize(("part", "action"), REACHED)
def test_a_bug_in_any_part_is_an_incident(
    service: Service, human_wav: bytes, caplog: pytest.LogCaptureFixture, part: str, action: str
) -> None:
    """The reply has no path, host or key; the log has the traceback under the same incident id."""
    audio = b64encode(human_wav).decode()
    answer(
        service, {"action": "upload", "voice": "anna", "audio": audio, "consent": True, "transcript": SPOKEN}, Call("u")
    )
    answer(service, {"text": "Hello.", "voice": "anna", "job_id": "j"}, Call("g"))
    request = REQUESTS[action] | ({"audio": audio} if action == "transcribe" else {})
    broken = _broken(service, part)

    with caplog.at_level(logging.ERROR):
        reply = answer(broken, request, Call("k"))

    assert reply["code"] == "INTERNAL"
    assert set(reply["details"]) == {"incident"}
    assert SECRET not in json.dumps(reply)
    incident = next(record for record in caplog.records if record.message == "incident")
    assert vars(incident)["incident"] == reply["details"]["incident"]
    assert incident.exc_info is not None
    assert SECRET in str(incident.exc_info[1])


def _broken(service: Service, part: str) -> Service:
    if part == "new_id":  # an incident needs an id: only the leases' are broken
        service.jobs._new_id = Broken()
        return service
    broken: dict[str, Any] = {part: Broken()}
    return replace(service, **broken)
