"""The local endpoint without a worker: whose requests it answers, and how it refuses what is wrong with them."""

import pytest

from local.job import JobState
from local.worker import LocalEndpoint, local_endpoint
from tests.e2e.local_endpoint.asking import raw


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "run", b"not json", 400),
        ("POST", "run", b"[1]", 400),
        ("POST", "run", b"{}", 400),
        ("POST", "run", b'{"input": NaN}', 400),
        ("POST", "run?ttl=soon", b'{"input": 1}', 400),
        ("POST", "run", b'{"input": "' + b"x" * 10 * 2**20 + b'"}', 400),
        ("POST", "runsync?wait=1000", b'{"input": "' + b"x" * 10 * 2**20 + b'"}', 200),
        ("POST", "runsync?wait=1000", b'{"input": "' + b"x" * 20 * 2**20 + b'"}', 400),
        ("GET", "status/unknown", b"", 404),
        ("GET", "stream/unknown", b"", 404),
        ("POST", "cancel/unknown", b"", 404),
        ("POST", "retry/unknown", b"", 404),
        ("POST", "job-done/w/unknown", b'{"output": 1}', 404),
        ("GET", "job-take-batch/w?batch_size=0", b"", 400),
        ("GET", "job-take-batch/w?batch_size=\u0663", b"", 400),
        ("GET", "run", b"", 405),
    ],
)
def test_a_bad_request_gets_its_status(alone: LocalEndpoint, method: str, path: str, body: bytes, status: int) -> None:
    """A malformed or unknown request is answered as RunPod answers it, and the server goes on."""
    assert raw(alone, method, path, data=body).status_code == status
    assert raw(alone, "GET", "health").status_code == 200


def test_a_runsync_that_nobody_takes_answers_when_its_wait_is_over(alone: LocalEndpoint) -> None:
    """If no worker takes a /runsync, the reply has the job's id and state, and the client may poll."""
    reply = raw(alone, "POST", "runsync?wait=1000", json={"input": 1}).json()

    assert reply == {"id": reply["id"], "status": "IN_QUEUE"}
    assert alone.queue.jobs[reply["id"]].state is JobState.IN_QUEUE


@pytest.mark.parametrize(
    ("key", "status"),
    [("{key}", 200), ("Bearer {key}", 200), ("Bearer other", 401), ("local", 401), ("", 401), ("Bearer \xff", 401)],
)
def test_the_key_opens_the_endpoint_in_both_spellings(alone: LocalEndpoint, key: str, status: int) -> None:
    """Clients send a bearer token, workers the bare key; anything else is refused."""
    sent = key.format(key=alone.api_key).encode("latin-1")

    assert raw(alone, "GET", "health", key=sent).status_code == status


def test_each_start_has_a_key_of_its_own() -> None:
    """Each start makes a new key, which a web page can't guess."""
    with local_endpoint() as one, local_endpoint() as other:
        assert one.api_key != other.api_key
        assert len(one.api_key) >= 32


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("localhost:8000", 200), ("evil.test", 421), ("", 421)]
)
def test_another_host_is_refused(alone: LocalEndpoint, host: str, status: int) -> None:
    """A request for another host's name is refused, even with the key: a page's name may have been pointed at this machine."""
    assert raw(alone, "GET", "health", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "run?ttl=" + "9" * 400, b'{"input": {}}'),
        ("POST", "run?ttl=" + "9" * 5000, b'{"input": {}}'),
        ("GET", "job-take-batch/w?batch_size=" + "9" * 5000, b""),
        ("POST", "run", b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("POST", "run", b'{"input": {}, "policy": []}'),
        ("POST", "run", b'{"input": {}, "policy": [1]}'),
        ("POST", "run", b'{"input": {}, "policy": {"ttl": 1e308}}'),
        ("POST", "run", b'{"input": {}, "policy": {"executionTimeout": ' + b"9" * 400 + b"}}"),
        ("POST", "runsync?wait=0", b'{"input": {}}'),
        ("POST", "run", b"\xff\xfe"),
    ],
)
def test_odd_input_is_answered_and_not_an_error_of_the_server(
    alone: LocalEndpoint, method: str, path: str, body: bytes
) -> None:
    """Odd input is accepted or refused as the caller's mistake, never HTTP 500."""
    assert raw(alone, method, path, data=body).status_code in (200, 400)


def test_another_endpoints_name_is_not_found(alone: LocalEndpoint) -> None:
    """One server serves one endpoint; another name is not found."""
    alone.endpoint_id = "other"

    assert raw(alone, "GET", "health").status_code == 404
