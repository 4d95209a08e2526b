"""Failures in the form that OpenAI's clients read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cloning import errors as worker_errors
from cloning.errors import InvalidRequest, ServiceError
from http_api.errors import STATUS, Failed, checked
from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, get, post

CLASSES = [
    kind
    for kind in vars(worker_errors).values()
    if isinstance(kind, type) and issubclass(kind, ServiceError) and kind is not ServiceError
]
LATER = {
    "UNAVAILABLE",
    "STORAGE_UNAVAILABLE",
    "HUB_UNAVAILABLE",
    "DEVICE_UNAVAILABLE",
    "DEVICE_MISMATCH",
    "GPU_OUT_OF_MEMORY",
}
LATER |= {"WORKER_UNFIT", "DISK_FULL", "DISK_FAILED", "WORKER_EXHAUSTED", "INTERRUPTED"}
OURS = {"STORAGE_MISCONFIGURED", "RECORD_DAMAGED", "CHECKPOINT_UNUSABLE", "INTERNAL"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.code)
def test_every_code_of_the_worker_has_its_status(kind: type[ServiceError]) -> None:
    """Every code has its status: the caller's mistakes are 4xx, what may pass is 503, what somebody must fix is 500."""
    failed = Failed.of(kind("a message").to_reply())

    expected = 503 if kind.code in LATER else 500 if kind.code in OURS else STATUS[kind.code]
    assert (failed.status, failed.code, failed.message) == (expected, kind.code, "a message")


def test_no_status_is_kept_for_a_code_that_is_not_there() -> None:
    """The table has no code that the worker doesn't have."""
    assert STATUS.keys() <= {kind.code for kind in CLASSES}


def test_the_page_has_every_status() -> None:
    """docs/http.md has the same statuses."""
    page = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", page, re.MULTILINE)

    told = {code: int(status) for status, codes in rows for code in re.findall(r"`([A-Z_]+)`", codes)}
    assert told.items() >= STATUS.items()


@pytest.mark.parametrize(
    ("path", "sent", "message"),
    [
        ("/v1/audio/speech", {}, "the body is missing: send JSON"),
        ("/v1/audio/speech", {"json": {"voice": "rms"}}, "input is missing: send it"),
        ("/v1/audio/speech", {"content": "{}"}, "the body is not a JSON object: send one, with Content-Type: application/json"),
        ("/v1/audio/speech", {"content": '{"input": "x', "headers": {"content-type": "application/json"}}, "the body is not JSON: Unterminated string starting at (character 10)"),
        ("/v1/audio/speech", {"json": [1]}, "the body is not a JSON object: send one, with Content-Type: application/json"),
        ("/v1/audio/voices", {"json": {"name": "carl"}}, "name is missing: send it in a form (multipart/form-data)"),
    ],
    ids=["nothing", "a field", "no type", "cut off", "a list", "JSON for a form"],
)  # fmt: skip
def test_what_is_missing_is_told_with_what_to_send(path: str, sent: dict[str, Any], message: str) -> None:
    """The body, its kind, or a field of it."""
    (response,) = asked(StandIn(), post(path, **sent))

    assert (response.status_code, response.json()["error"]["message"]) == (400, message)


@pytest.mark.parametrize(
    ("field", "sent", "told"),
    [
        ("response_format", "aiff", "'aiff'"),
        ("seed", "seven", "'seven'"),
        ("input", 7, "7"),
        ("speed", [1.0], "[1.0]"),
        ("seed", "s" * 1_000_000, "sss'"),
        ("voice", {"id": 7}, "{'id': 7}"),
    ],
)
def test_a_field_of_the_wrong_kind_is_told_with_what_was_sent(field: str, sent: object, told: str) -> None:
    """The field, what it must be, and the value that came, shortened: a caller may send megabytes."""
    request = {"input": "Hello.", "voice": "anna", field: sent}
    (response,) = asked(StandIn(), post("/v1/audio/speech", json=request))

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, field)
    assert re.match(rf"{field}:? ", error["message"])  # no part of pydantic's place
    assert error["message"].endswith(told)
    assert len(error["message"]) < 300


def test_a_body_that_cannot_be_read_is_told_what_to_send() -> None:
    """A number with more digits than Python reads, for example."""
    endless = post(
        "/v1/audio/speech", content='{"seed": 1' + "0" * 5000 + "}", headers={"content-type": "application/json"}
    )
    (response,) = asked(StandIn(), endless)

    assert response.status_code == 400
    assert "send JSON" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"files": {"name": ("n.txt", b"anna")}}, "name"),
        ({"data": {"name": "anna", "consent": "she signed", "audio_sample": "no file"}}, "audio_sample"),
    ],
    ids=["a file for a word", "a word for a file"],
)
def test_a_form_with_the_wrong_kind_of_part_is_told_in_words(form: dict[str, Any], words: str) -> None:
    """Without a part of Python's own."""
    (response,) = asked(StandIn(), post("/v1/audio/voices", **form))

    message = response.json()["error"]["message"]
    assert (response.status_code, message.startswith(words)) == (400, True)
    assert "UploadFile" not in message


def test_an_unknown_path_is_told_where_the_paths_are() -> None:
    """A caller who mistypes a path learns where the list is."""
    (response,) = asked(StandIn(), get("/v1/speech"))

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (404, "NOT_FOUND")
    assert "/openapi.json" in error["message"]


def test_a_character_of_broken_json_is_no_field() -> None:
    """`param` names a field of the request, or nothing."""
    broken = post("/v1/audio/speech", content='{"input": "x', headers={"content-type": "application/json"})
    (response,) = asked(StandIn(), broken)

    assert response.json()["error"]["param"] is None


def test_another_method_is_told_which_ones_there_are() -> None:
    """A 405 has the header `Allow` (RFC 9110)."""
    (response,) = asked(StandIn(), get("/v1/audio/speech"))

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert "Allow" in response.json()["error"]["message"]


def test_the_body_has_openais_four_keys() -> None:
    """The body has OpenAI's four keys, even if they are null."""
    body = Failed("INTERNAL", "a bug").body

    assert body == {"error": {"message": "a bug", "type": "server_error", "param": None, "code": "INTERNAL"}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (503, "server_error"),
    ],
)
def test_the_type_follows_from_the_status(status: int, kind: str) -> None:
    """The type follows from the status, by OpenAI's names."""
    assert Failed("X", "x", status=status).body["error"]["type"] == kind


def test_the_field_has_the_callers_name() -> None:
    """The field has the caller's name, which the worker doesn't know."""
    reply = InvalidRequest("speed is too high", field="text").to_reply()

    assert Failed.of(reply, {"text": "input"}).param == "input"
    assert Failed.of(reply).param == "text"


def test_a_reply_that_is_no_failure_passes() -> None:
    """A reply that is no failure is passed on unchanged."""
    assert checked({"status": "ok"}) == {"status": "ok"}


def test_a_failure_of_an_unknown_kind_is_one_too() -> None:
    """A failure of an unknown kind, as from a queue that lost the job, is a failure with the fields that it has."""
    failed = Failed.of({"error": "it went away"})

    assert (failed.status, failed.code, failed.message) == (500, "INTERNAL", "it went away")


def test_half_a_surrogate_pair_can_be_named() -> None:
    """Half a surrogate pair in a text can be named, because the answer is ASCII."""
    body = bytes(Failed("INVALID_REQUEST", "no \ud800 here").response().body)

    assert json.loads(body)["error"]["message"] == "no \ud800 here"
    assert body.isascii()


@pytest.mark.parametrize("retryable", [True, False])
def test_clients_are_told_whether_to_try_again(retryable: bool) -> None:  # noqa: FBT001
    """A header says whether to retry, because openai-python retries every 409 and 5xx by itself."""
    response = Failed("CONFLICT", "x", retryable=retryable).response()

    assert response.headers["x-should-retry"] == str(retryable).lower()
