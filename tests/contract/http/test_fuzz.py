"""
Requests generated from our own OpenAPI description: no 5xx, no traceback, and only answers that the description names.

They go over real connections, because a real server also has to parse what it is sent. There are more than 2,000 cases, the same in
each run.
"""

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from http_api.app import make_app
from http_api.options import Options
from tests.http_server import serving, until
from tests.http_worker import StandIn

OPTIONS = Options(default_voice="anna")
DESCRIBED = schemathesis.openapi.from_dict(make_app(StandIn(), OPTIONS).openapi())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
JOB = {
    "job_id": "story-1",
    "text": "A story.",
    "voice": "anna",
    "parts": True,
    "words": True,
    "subtitles": ["srt", "vtt"],
}
CASES = 160  # for each route; those with few parameters have fewer


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[str]:
    """A server whose worker has finished one job."""
    worker = StandIn(parts=2, seconds=0.05)
    with serving(worker, OPTIONS) as url:
        httpx.post(f"{url}/v1/audio/jobs", json=JOB).raise_for_status()
        until(lambda: worker.jobs["story-1"].status == "COMPLETED")
        yield url


def of_the_job(case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Let half of the cases that name a job name the existing one; otherwise all of them would end at 404."""
    parameters = case.path_parameters or {}
    if "job" in parameters and len(str(parameters["job"])) % 2:
        parameters["job"] = "story-1"
    return case


@DESCRIBED.parametrize()
@settings(max_examples=CASES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_no_request_breaks_the_server(
    case: schemathesis.Case[Any], fuzzed: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every answer is one that the description names."""
    with caplog.at_level(logging.ERROR):
        of_the_job(case).call_and_validate(base_url=fuzzed, checks=CHECKS)

    assert caplog.records == []
