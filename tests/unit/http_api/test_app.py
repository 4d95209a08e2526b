"""The application as a whole: its description, and its answers about what isn't there."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import http_api
from http_api.app import make_app
from http_api.options import Options
from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, get, post

DESCRIBED: dict[str, Any] = make_app(StandIn(), Options(api_key="key")).openapi()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_each_route_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """Each route has a summary, a description and the error body, and never status 422, which nothing returns."""
    assert operation["summary"]
    assert operation["description"]
    assert "422" not in operation["responses"]
    assert operation["responses"]["default"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ErrorBody"
    }


def test_the_description_names_the_key() -> None:
    """The description names the key, which the ping doesn't need."""
    assert DESCRIBED["security"] == [{"key": []}]
    assert DESCRIBED["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert DESCRIBED["paths"]["/ping"]["get"]["security"] == []
    assert "security" not in make_app(StandIn(), Options()).openapi()


def test_every_field_of_speech_is_described() -> None:
    """Every field of speech is described, and the request has an example."""
    speech = DESCRIBED["components"]["schemas"]["Speech"]

    assert all(field.get("description") for field in speech["properties"].values())
    assert speech["examples"]


@pytest.mark.parametrize(
    "path", ["/", "/health", "/v1", "/v1/readyz", "/v1/test", "/v1/models/", "/page/x", "/v1/audio/speech/x"]
)
def test_what_is_not_there_has_the_error_body(path: str) -> None:
    """An unknown path has the error body and no redirect: programs follow those and take a server for another."""
    (response,) = asked(StandIn(), get(path))

    assert response.status_code == 404
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}


def test_another_method_has_the_error_body() -> None:
    """Another method is 405 with the error body."""
    (response,) = asked(StandIn(), get("/v1/audio/speech"))

    assert (response.status_code, response.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "1", '"text"', "null", "[" * 100_000, '{"input": "Hello \\ud800"}', b"\xff", '{"input": NaN}'],
)
def test_a_body_that_is_no_request_is_refused(body: str | bytes) -> None:
    """A malformed body is 400, with what is wrong."""
    (response,) = asked(StandIn(), post("/v1/audio/speech", content=body, headers={"content-type": "application/json"}))

    assert response.status_code == 400
    assert response.json()["error"]["message"]


VALUES: list[object] = [[], {}, [1], {"a": [None]}, "", "x" * 10_000, -1, 1e308, True, "\r\nx-evil: 1"]


@pytest.mark.parametrize(
    "field", ["seed", "job_id", "say", "subtitles", "profile", "first_chunk_s", "model", "voice", "speed"]
)
def test_a_field_of_any_kind_breaks_nothing(field: str) -> None:
    """A field of any type is refused or accepted as the worker would, and breaks nothing."""
    bodies = [{"input": "Hello.", "voice": "anna", field: value} for value in VALUES]
    speech = [post("/v1/audio/speech", json=body) for body in bodies]
    jobs = [post("/v1/audio/jobs", json={"text": "Hi.", **body}) for body in bodies]

    answers = asked(StandIn(parts=1, seconds=0.01), *speech, *jobs)

    assert {answer.status_code for answer in answers} <= {200, 400, 404}
    assert not any("x-evil" in answer.headers for answer in answers)


def test_a_bug_is_told_without_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is 500 without its traceback, which is in the server's log."""
    worker = StandIn()
    monkeypatch.setattr(worker, "_health", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):  # the server above logs it
        asked(worker, get("/v1/models"))


def test_nothing_of_ours_loads_foreign_code() -> None:
    """Nothing of ours loads code from elsewhere; only FastAPI's page of the description does, from a CDN."""
    docs, openapi = asked(StandIn(), get("/docs"), get("/openapi.json"))

    assert "cdn.jsdelivr.net" in docs.text
    assert "http" not in json.dumps(openapi.json()).replace("httpapi", "").replace('"http"', "")


def test_it_is_made_of_few_packages() -> None:
    """The application imports few packages, so the client can include it without the worker's."""
    folder = Path(http_api.__file__).parent
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}

    packages = {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)
    assert packages == {"http_api", "fastapi", "starlette", "uvicorn", "pydantic", "av", "numpy"}
