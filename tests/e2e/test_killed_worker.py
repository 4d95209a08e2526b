"""Replies about a job whose worker was killed."""

import time
from typing import Any

from cloning import keys
from tests.conftest import SPOKEN
from tests.e2e.conftest import Cloud

LONG = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 9


def test_status_of_a_killed_workers_job_is_interrupted(cloud: Cloud, human_base64: str) -> None:
    """Once its lease has ended, the status is INTERRUPTED with the lost attempt and its progress; sent again, the job goes on from there."""
    request: dict[str, Any] = {"text": LONG, "voice": "killed", "seed": 3, "nfe_step": 8, "job_id": "killed"}
    with cloud.worker("doomed", LEASE_S="4") as doomed:
        cloud.ask(action="upload", voice="killed", audio=human_base64, consent=True, transcript=SPOKEN)
        cloud.send(**request)
        while cloud.record("killed").get("progress", {}).get("done", 0) < 2:
            time.sleep(0.05)
        doomed.kill()
    done = cloud.record("killed")["progress"]

    with cloud.worker("other"):
        while (told := cloud.ask(action="status", job_id="killed"))["status"] == "IN_PROGRESS":
            time.sleep(0.2)
        reply = cloud.ask(**request)
        deadline = time.monotonic() + 60  # behind the reply, in the worker's own time
        while (chunks := [*cloud.store.list(keys.chunk_folder("killed"))]) and time.monotonic() < deadline:
            time.sleep(0.1)

    assert (told["status"], told["attempt"], told["progress"]) == ("INTERRUPTED", 1, done)
    assert [(one["worker"], one["ended_at"], one["outcome"]) for one in told["attempts"]] == [("doomed", None, None)]
    assert (reply["status"], reply["manifest"]["attempt"]) == ("COMPLETED", 2)
    assert (reply["manifest"]["chunks_reused"] >= 1, chunks) == (True, [])
    assert [one["outcome"] for one in cloud.record("killed")["attempts"]] == ["LOST", "COMPLETED"]
