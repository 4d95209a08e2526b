"""A bucket that is missing, closed to us or down gives an honest error, and is never taken for a missing voice."""

from pathlib import Path

import pytest

from cloning.clock import SystemClock
from cloning.service import Call, Service
from handler import answer
from tests.servers import Server, free_port, moto, rclone
from worker.assembly import build


def service_on(server: Server, bucket: str, tmp_path: Path, **settings: str) -> Service:
    return build(server.settings(bucket, model_cache_dir=str(tmp_path / "models"), **settings), SystemClock(), tmp_path)


REQUESTS = [
    {"action": "status", "job_id": "j"},
    {"text": "Hello.", "voice": "anna"},
    {"action": "voices"},
    {"action": "delete", "voice": "a"},
    {"action": "dictionary", "dictionary": "d", "say": {"a": "b"}},
    {"action": "dictionaries"},
    {"action": "delete", "dictionary": "d"},
    {"action": "read", "text": "Hello.", "dictionary": "d"},
]


def test_a_missing_bucket_needs_somebody_to_act(tmp_path: Path) -> None:
    """A missing bucket is neither JOB_NOT_FOUND nor VOICE_NOT_FOUND; the message names the setting."""
    with moto() as server:
        replies = [answer(service_on(server, "nowhere", tmp_path), request, Call("j")) for request in REQUESTS]

    for reply in replies:
        assert (reply["code"], reply["retryable"]) == ("STORAGE_MISCONFIGURED", False)
        assert "S3_BUCKET" in reply["error"]


def test_wrong_credentials_are_not_a_missing_voice(tmp_path: Path) -> None:
    """Wrong credentials (403) are not a missing voice (404)."""
    (tmp_path / "served" / "ours").mkdir(parents=True)
    with rclone(tmp_path / "served") as server:
        stranger = Server(server.endpoint_url, server.access_key, "a-wrong-secret-key")
        replies = [answer(service_on(stranger, "ours", tmp_path), request, Call("j")) for request in REQUESTS]

    for reply in replies:
        assert reply["code"] == "STORAGE_MISCONFIGURED"
        assert "AWS_SECRET_ACCESS_KEY" in reply["error"]
        assert "a-wrong-secret-key" not in str(reply)


def test_a_store_that_is_down_may_come_back(tmp_path: Path) -> None:
    """A store that is down is a retryable failure, with no host or port in the reply."""
    port = free_port()
    service = service_on(Server(f"http://127.0.0.1:{port}"), "ours", tmp_path)

    reply = answer(service, {"action": "status", "job_id": "j"}, Call("j"))

    assert (reply["code"], reply["retryable"]) == ("STORAGE_UNAVAILABLE", True)
    assert str(port) not in str(reply)


@pytest.mark.parametrize("bucket", ["nowhere"])
def test_health_says_what_is_wrong_with_the_store(bucket: str, tmp_path: Path) -> None:
    """Health itself succeeds, because it is asked when something is wrong."""
    with moto() as server:
        reply = answer(service_on(server, bucket, tmp_path), {"action": "health"}, Call("j"))

    assert (reply["status"], reply["store"]["reachable"]) == ("degraded", False)
    assert reply["store"]["problem"]["code"] == "STORAGE_MISCONFIGURED"
