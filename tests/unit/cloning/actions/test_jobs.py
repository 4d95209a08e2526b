"""The actions that name a job: its status and result, whether or not it is done, and its end by `delete`."""

from typing import Any

import pytest

from cloning.errors import HubUnavailable, Interrupted, JobNotFinished, JobNotFound, NotFound, ServiceError
from cloning.jobs.claim import Claim
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN
from tests.standins.fakes import ManualClock
from tests.unit.cloning.asking import act


def test_a_job_unknown_to_the_bucket_is_not_found(service: Service) -> None:
    """Every action that names an unknown job reports it as not found."""
    for action in ("status", "result", "cancel", "delete"):
        with pytest.raises(JobNotFound):
            act(service, action=action, job_id="nobody")


def test_a_result_asked_early_says_how_far_the_job_is(service: Service) -> None:
    """A result asked for too early says how far the job is, and when to ask again."""
    claim = service.jobs.claim("j", "d" * 64, 1, delivery="d")
    claim.start(4)  # type: ignore[union-attr]  # a new job is claimed
    claim.report(1, 4)  # type: ignore[union-attr]

    with pytest.raises(JobNotFinished, match="1 of 4 chunks") as caught:
        act(service, action="result", job_id="j")

    assert (caught.value.retryable, caught.value.details["status"]) == (True, "IN_PROGRESS")
    assert caught.value.details["retry_after_s"] == 2


@pytest.mark.parametrize("failure", [None, Interrupted("RunPod stopped the job"), HubUnavailable("no answer")])
def test_a_result_that_nobody_works_on_says_what_to_do(
    service: Service, clock: ManualClock, failure: ServiceError | None
) -> None:
    """
    If no worker has the job (it died, RunPod cancelled it, or a failure may pass), the error says what to do and no time to ask again.

    RunPod delivers a dead worker's job again, but never one that it took for cancelled or failed.
    """
    claim = service.jobs.claim("j", "d" * 64, 1, delivery="d")
    assert isinstance(claim, Claim)
    claim.start(4)
    if failure:
        claim.fail(failure)
    else:
        clock.advance(61)

    with pytest.raises(JobNotFinished, match=r"no worker has it.*generate again.*same job_id.*cancel it") as caught:
        act(service, action="result", job_id="j")

    assert "retry_after_s" not in caught.value.details
    assert caught.value.details["status"] == "INTERRUPTED"
    told: Any = caught.value.details.get("failure", {})
    assert told.get("code") == (failure.code if failure else None)


def test_a_deleted_job_takes_its_result_along(service: Service, store: FolderStore, audio: str) -> None:
    """Deleting a job removes its result and all else of it from the bucket."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    act(service, text="Hello there.", voice="anna", job_id="j")

    reply = act(service, action="delete", job_id="j")

    assert reply == {"deleted": {"job_id": "j"}}
    left = [info.key for info in store.list() if not info.key.startswith("voices/")]
    assert left == ["jobs/j/job.json"]
    assert b"Hello" not in store.get(left[0]).body
    for action in ("status", "result", "cancel", "delete"):
        with pytest.raises(JobNotFound, match="was deleted"):
            act(service, action=action, job_id="j")


def test_a_late_delivery_of_a_deleted_job_is_refused(service: Service, store: FolderStore, audio: str) -> None:
    """A request that is delivered again after its job was done and deleted makes nothing; a new request with the same id does."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    speak: dict[str, Any] = {"text": "Hello there.", "voice": "anna", "job_id": "j"}
    first = act(service, **speak)
    act(service, "runpod-1-delete", action="delete", job_id="j")

    with pytest.raises(
        JobNotFound,
        match="was deleted, and this is a late delivery of a request for it; to have it made again, send a new request",
    ):
        act(service, **speak)

    assert not list(store.list("results/"))
    again = act(service, "runpod-2", **speak)
    assert again["job_id"] == first["job_id"] == "j"


@pytest.mark.parametrize("delivery", ["inline", "both"])
def test_a_result_whose_audio_is_gone_is_not_found(
    service: Service, store: FolderStore, audio: str, delivery: str
) -> None:
    """If a result's audio is gone, as by a lifecycle rule, `result` and the same `generate` say so and what to do."""
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)
    spoken = act(service, text="Hello there.", voice="anna", job_id="j")
    store.delete(spoken["audio"]["key"])

    for raw in ({"action": "result"}, {"text": "Hello there.", "voice": "anna"}):
        with pytest.raises(NotFound, match="no longer in the bucket; delete the job") as caught:
            act(service, job_id="j", delivery=delivery, **raw)
        assert (caught.value.code, caught.value.retryable) == ("NOT_FOUND", False)

    act(service, action="delete", job_id="j")
    again = act(service, "runpod-2", text="Hello there.", voice="anna", job_id="j", delivery=delivery)
    assert again["audio"]["base64"]
