"""The client's errors match the worker's."""

from collections.abc import Iterator

import pytest
from f5_worker_client import Client, ClientError, InvalidRequest, NotFound, Unauthorised, Unavailable
from f5_worker_client.cli.options import EXIT_CODES
from f5_worker_client.errors import OWN_CODES, of_status, of_worker

from cloning.errors import InvalidRequest as WorkerInvalidRequest
from cloning.errors import NotFound as WorkerNotFound
from cloning.errors import ServiceError
from tests.unit.client.endpoint import QUICK, SIGNATURE, Endpoint


def kinds(base: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.code)
def test_every_code_of_the_worker_is_known(kind: type[ServiceError]) -> None:
    """Every code of the worker has its class and says whether to retry, even if the queue passes on nothing but the text."""
    failure = kind("why", field="text")
    whole = of_worker(f"{kind.code}: why", failure.to_record())
    bare = of_worker(f"{kind.code}: why", None)

    assert (whole.code, whole.message, whole.retryable) == (kind.code, "why", kind.retryable)
    assert whole.details == {"field": "text"}
    assert (bare.code, bare.message, bare.retryable) == (kind.code, "why", kind.retryable)
    assert type(whole) is type(bare)
    assert isinstance(whole, InvalidRequest) == issubclass(kind, WorkerInvalidRequest)
    assert isinstance(whole, NotFound) == issubclass(kind, WorkerNotFound)


@pytest.mark.parametrize("text", ["", "exit status 137", '{"error_type": "<class \'KeyError\'>"}', "Oops: no"])
def test_a_failure_without_a_code_has_the_clients(text: str) -> None:
    """A failure without a code, such as RunPod's own for a worker that died, gets the client's code."""
    assert of_worker(text, "odd").code == "WORKER_FAILED"
    assert of_worker(text, None).retryable is False


def test_every_class_has_an_exit_code_of_its_own() -> None:
    """Every class has its own exit code, which the command line explains."""
    codes = [kind.exit_code for kind in ClientError.__subclasses__()]

    assert len(set(codes)) == len(codes)
    assert set(codes) | {0, 1, 130} == set(EXIT_CODES)


def test_the_clients_own_codes_are_none_of_the_workers() -> None:
    """The client's own codes differ from the worker's: a code has one meaning."""
    assert not set(OWN_CODES) & {kind.code for kind in kinds()}


@pytest.mark.parametrize(
    ("endpoint_id", "key", "kind"), [("other", "secret-key", NotFound), ("abc123", "wrong", Unauthorised)]
)
def test_a_wrong_endpoint_or_key_is_told_at_once(endpoint_id: str, key: str, kind: type[ClientError]) -> None:
    """A wrong endpoint or key is reported after one request, without the key."""
    endpoint = Endpoint()

    with (
        Client(endpoint_id, api_key=key, patience=QUICK, transport=endpoint.transport) as client,
        pytest.raises(kind) as caught,
    ):
        client.voices()

    assert len(endpoint.requests) == 1
    assert key not in str(caught.value)


def test_a_job_that_was_cancelled_in_the_queue_is_an_error(endpoint: Endpoint, client: Client) -> None:
    """A job that was cancelled in the queue is an error with its own code and is not sent again."""
    endpoint.failures = ["CANCELLED"]

    with pytest.raises(ClientError, match="QUEUE_CANCELLED"):
        client.speak("Hello.", "me")

    assert len(endpoint.posts) == 1


def test_an_error_carries_what_the_reply_said(endpoint: Endpoint, client: Client) -> None:
    """An error has the reply's code, message, retryable and details."""
    endpoint.failures = [{"code": "DISK_FULL", "message": "no room", "retryable": True, "details": {"mb": 1}}] * 9

    with pytest.raises(Unavailable) as caught:
        client.voices()

    assert caught.value.to_json() == {
        "code": "DISK_FULL",
        "message": "no room",
        "retryable": True,
        "details": {"mb": 1},
    }
    assert len(endpoint.posts) == QUICK.tries


def test_a_reply_of_another_form_is_an_error_and_no_traceback(
    endpoint: Endpoint, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply in an unknown form, such as a much older worker's, is an error and no traceback."""
    for name in ("voices", "status"):
        monkeypatch.setattr(endpoint, f"do_{name}", lambda _: {"odd": []}, raising=False)

    for ask in (client.voices, lambda: client.status("one")):
        with pytest.raises(ClientError, match="WORKER_FAILED: the worker's reply can't be read"):
            ask()


def test_half_a_character_is_the_workers_to_refuse(endpoint: Endpoint, client: Client) -> None:
    """Half a character reaches the worker, which refuses it; no encoder here fails."""
    endpoint.failures = [{"code": "INVALID_REQUEST", "message": "half", "retryable": False, "details": {}}]
    with pytest.raises(InvalidRequest, match="half"):
        client.read("\ud800")

    assert endpoint.posts == [{"action": "read", "text": "\ud800"}]


def test_a_large_recording_takes_the_larger_route(endpoint: Endpoint, client: Client) -> None:
    """A recording beyond /run's 10 MB is sent by /runsync, which takes 20; beyond that it is refused here, with advice."""
    client.upload(b"x" * 9_000_000, "me", consent=True)
    with pytest.raises(InvalidRequest, match="send it as FLAC or MP3"):
        client.upload(b"x" * 15_000_000, "me", consent=True)

    assert endpoint.requests[0].url.path == "/v2/abc123/runsync"
    assert len(endpoint.posts) == 1


def test_a_message_holds_no_query_whoever_wrote_it() -> None:
    """No message has a URL's query, even if a worker or RunPod wrote it."""
    url = f"https://bucket.example.com/a.wav?X-Amz-Date=1&{SIGNATURE}"
    told = of_worker(f"DOWNLOAD_REFUSED: {url} is gone; is it?", {"code": "INTERNAL", "details": {"url": url}})

    assert SIGNATURE not in f"{told} {told.details} {told.to_json()}"
    assert told.message == "https://bucket.example.com/a.wav?... is gone; is it?"
    assert told.details == {"url": "https://bucket.example.com/a.wav?..."}


def test_the_size_of_a_request_is_that_of_all_its_fields(endpoint: Endpoint, client: Client) -> None:
    """A request's size counts all its fields, nested ones too; one that neither route takes is refused here, with advice."""
    client.call({"action": "read", "text": "x", "say": {"x": "y" * 12_000_000}})
    with pytest.raises(InvalidRequest, match=r"25\.0 MB.*audio_url"):
        client.call({"action": "read", "text": "x", "say": {"x": "y" * 25_000_000}})

    assert [request.url.path for request in endpoint.requests if request.method == "POST"] == ["/v2/abc123/runsync"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_not_is_refused_before_it_is_sent(
    endpoint: Endpoint, client: Client, number: float
) -> None:
    """A number that JSON doesn't have is refused before it is sent: RunPod would only answer HTTP 400."""
    with pytest.raises(InvalidRequest, match=r"INVALID_REQUEST.*NaN"):
        client.call({"action": "read", "text": "x", "seed": number})

    assert endpoint.requests == []


def test_a_request_that_is_too_large_for_the_endpoint_is_the_callers_to_change() -> None:
    """If the endpoint's limit is lower than ours, its refusal says that the caller must change the request."""
    assert (of_status(413, "").code, type(of_status(413, ""))) == ("INVALID_REQUEST", InvalidRequest)
