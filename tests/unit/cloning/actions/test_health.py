"""What health tells of a deployment, and what a forgotten bucket refuses."""

import pytest

from cloning.errors import StorageMisconfigured
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.unit.cloning.asking import act


def test_health_names_who_speaks_by_default(service: Service) -> None:
    """Health names the default engine and its checkpoint."""
    chosen = with_settings(
        service, engine="xtts", fallback=("f5",), xtts_license_accepted=True, xtts_checkpoint="/srv/models/mine"
    )

    reply = act(chosen, action="health")

    assert (reply["default_engine"], reply["fallback"], reply["checkpoint"]) == ("xtts", ["f5"], "mine")


@pytest.fixture
def bucketless(service: Service) -> Service:
    """A worker on RunPod whose deployment lacks S3_BUCKET."""
    return with_settings(service, runpod_endpoint_id="ep1")


def test_health_tells_a_forgotten_bucket(service: Service, bucketless: Service) -> None:
    """Health reports a missing bucket on RunPod, where a folder is one worker's own; elsewhere the folder is the bucket."""
    forgotten, fine = (act(one, action="health") for one in (bucketless, service))

    assert (forgotten["status"], forgotten["store"]["reachable"]) == ("degraded", True)
    assert forgotten["store"]["problem"]["code"] == "STORAGE_MISCONFIGURED"
    assert "S3_BUCKET" in forgotten["store"]["problem"]["message"]
    assert (fine["status"], fine["store"]["problem"]) == ("ok", None)


@pytest.mark.parametrize("delivery", ["url", "both"])
def test_a_url_of_a_workers_own_disk_is_refused(
    bucketless: Service, audio: str, store: FolderStore, delivery: str
) -> None:
    """A URL of the worker's own disk is refused before anything is spoken, since only the worker could open it; inline works."""
    act(bucketless, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN)

    for request in ({"text": "Hello.", "voice": "anna", "job_id": "j"}, {"action": "result", "job_id": "j"}):
        with pytest.raises(StorageMisconfigured, match=r"S3_BUCKET.*'inline'") as refused:
            act(bucketless, **request, delivery=delivery)
        assert refused.value.details["field"] == "delivery"

    assert list(store.list("jobs/")) == []
    reply = act(bucketless, text="Hello.", voice="anna", job_id="j", delivery="inline")
    assert (reply["status"], reply["audio_url"], len(reply["audio"]["base64"]) > 1000) == ("COMPLETED", None, True)


def test_health_names_no_path(service: Service) -> None:
    """Health shows a folder's name and no path."""
    reply = act(with_settings(service, checkpoint="/srv/models/mine", asr_model="/srv/models/whisper"), action="health")

    assert (reply["checkpoint"], reply["asr_model"], reply["engine"]) == ("mine", "whisper", None)
    assert reply["versions"]["f5-tts"] == "1.1.22"
