"""The worker's own actions, and the routes for machines."""

import pytest

from http_api.port import State
from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, get, post


def test_an_actions_reply_is_the_workers_as_it_is() -> None:
    """An action gets the fields of the body, and its reply is the worker's."""
    worker = StandIn(voices=["anna", "bert"])

    (response,) = asked(worker, post("/v1/actions/voices", json={"limit": 1}))

    assert response.json()["next_cursor"] == "voices/anna/voice.json"
    assert worker.calls == [{"action": "voices", "limit": 1}]


def test_an_action_needs_no_body() -> None:
    """An action needs no body: `health` has no fields."""
    (response,) = asked(StandIn(), post("/v1/actions/health"))

    assert response.json()["status"] == "ok"


def test_the_action_is_that_of_the_path() -> None:
    """The action is the path's, whatever the body says."""
    worker = StandIn()

    asked(worker, post("/v1/actions/health", json={"action": "expire"}))

    assert [call["action"] for call in worker.calls] == ["health"]


def test_a_failure_has_openais_body() -> None:
    """A failure has OpenAI's error body and its status."""
    missing, unknown = asked(
        StandIn(), post("/v1/actions/status", json={"job_id": "x"}), post("/v1/actions/fly", json={})
    )

    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "UNKNOWN_ACTION")


def test_generate_has_a_route_of_its_own() -> None:
    """`generate` has a route of its own, because it takes longer than a connection should stay open."""
    worker = StandIn()

    (response,) = asked(worker, post("/v1/actions/generate", json={"text": "Hi.", "voice": "anna"}))

    assert response.status_code == 404
    assert "/v1/audio/jobs" in response.json()["error"]["message"]
    assert worker.calls == []


@pytest.mark.parametrize(("state", "status"), [("starting", 204), ("ready", 200), ("unfit", 503)])
def test_a_ping_tells_a_load_balancer_what_to_do(state: State, status: int) -> None:
    """A ping answers in RunPod's status codes without asking the worker anything."""
    worker = StandIn(state=state)

    (response,) = asked(worker, get("/ping"))

    assert (response.status_code, response.content) == (status, b"")
    assert worker.calls == []


def test_the_metrics_count_what_was_asked() -> None:
    """Requests are counted by route, because a path may be anything."""
    *_, response = asked(StandIn(), get("/v1/models/x"), get("/v1/models/y"), get("/nothing"), get("/metrics"))

    lines = response.text.splitlines()
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'tts_requests_total{route="/v1/models/{model}",status="404"} 2' in lines
    assert 'tts_requests_total{route="none",status="404"} 1' in lines


def test_the_metrics_tell_of_speech() -> None:
    """The metrics have speech's time to the first byte, seconds, characters and failures."""
    speech = post("/v1/audio/speech", json={"input": "Hello.", "voice": "anna"})
    bad = post("/v1/audio/speech", json={"input": "Hello.", "voice": "nobody"})
    *_, response = asked(StandIn(), speech, bad, get("/metrics"))

    lines = response.text.splitlines()
    assert "tts_time_to_first_audio_seconds_count 1" in lines
    assert "tts_audio_seconds_total 1.2" in lines
    assert "tts_input_characters_total 12" in lines
    assert 'tts_failures_total{code="VOICE_NOT_FOUND"} 1' in lines
    assert "tts_streams 0" in lines
