"""What RunPod's SDK logs without a log level: no reply, no progress, no URL."""

import os

import pytest

from local.worker import WorkerProcess
from tests.conftest import ROOT, SPOKEN
from tests.e2e.conftest import Cloud

LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 4


def environment(cloud: Cloud, worker_id: str, **settings: str) -> dict[str, str]:
    """The environment of a worker of that cloud, without a level for the SDK's log."""
    told = {
        **os.environ,
        **cloud.endpoint.environment(worker_id),
        **cloud.bucket.environment(cloud.name),
        **cloud.settings,
    }
    return {name: value for name, value in told.items() if name != "RUNPOD_LOG_LEVEL"} | settings


def started(cloud: Cloud, worker_id: str, **settings: str) -> WorkerProcess:
    log = cloud.folder / f"{worker_id}.log"
    return WorkerProcess(
        ROOT / "handler.py", environment=environment(cloud, worker_id, **settings), log=log, cwd=cloud.folder
    )


@pytest.fixture(params=["", "ep1"], ids=["lines", "json"])
def endpoint_id(request: pytest.FixtureRequest) -> str:
    """The SDK logs JSON if it knows its endpoint."""
    return str(request.param)


def test_a_reply_is_not_in_the_log_by_default(cloud: Cloud, human_base64: str, endpoint_id: str) -> None:
    """The SDK's own default, DEBUG, would log the whole reply with the presigned URL; ours keeps its INFO lines."""
    name = f"quiet-{endpoint_id or 'none'}"
    with started(cloud, name, RUNPOD_ENDPOINT_ID=endpoint_id) as worker:
        cloud.ask(action="upload", voice="quiet", audio=human_base64, consent=True, transcript=SPOKEN)
        reply = cloud.ask(text=LONG, voice="quiet", nfe_step=1, job_id=name)
        told = cloud.ask(action="result", job_id=name)
        log = worker.log_text()

    assert "X-Amz-Signature" in reply["audio_url"]
    assert (reply["status"], told["status"]) == ("COMPLETED", "COMPLETED")
    assert "Finished." in log
    for secret in ("X-Amz-Signature", reply["audio"]["sha256"], "quick brown fox", '"done"', "'done'", "job-take"):
        assert secret not in log, secret


def test_who_asks_for_debug_gets_it(cloud: Cloud) -> None:
    """A level that somebody set is kept, by its older name too."""
    with started(cloud, "loud", RUNPOD_DEBUG_LEVEL="DEBUG") as worker:
        cloud.ask(action="health")
        log = worker.log_text()

    assert "job-take" in log


@pytest.mark.parametrize("name", ["RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"])
def test_a_level_that_the_sdk_does_not_know_is_told_at_the_start(cloud: Cloud, name: str) -> None:
    """A level that the SDK doesn't know is reported at the start; otherwise the SDK's import would end in a traceback."""
    with started(cloud, f"wrong-{name.lower()}", **{name: "verbose"}) as worker:
        code = worker.wait(60)
        log = worker.log_text()

    assert (code, "Traceback" in log) == (1, False)
    assert name in log
    assert "verbose" in log
