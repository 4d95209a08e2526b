"""
Checkpoint folders made with malice: each is refused with a reason, or loads without running anything.

Each is the small checkpoint with one thing changed, given as CHECKPOINT and (if a bucket can hold it) as a folder of the bucket.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloning.clock import SystemClock
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from tests.conftest import SPOKEN
from tests.contract.hostile.disk_folders import ON_A_DISK
from tests.contract.hostile.folders import IN_ANY_PLACE, Folder, deep_card, speakers_file
from worker.assembly import build

REQUEST = {"action": "generate", "voice": "v", "text": "Hello.", "nfe_step": 1, "seed": 1}
HARMLESS = "COMPLETED"
UNUSABLE = "CHECKPOINT_UNUSABLE"


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Folder:
    """The small checkpoint, still unspoiled, beside a file that is not its own."""
    (tmp_path / "outside").mkdir()
    outside = tmp_path / "outside" / "secret.txt"
    outside.write_text("the machine's secret\n")
    return Folder(folder, tmp_path / "canary", outside)


@pytest.fixture
def deploy(tmp_path: Path, human_wav: bytes) -> Callable[[str], Service]:
    """A worker on that checkpoint, with a voice that has its transcript."""

    def start(checkpoint: str) -> Service:
        (tmp_path / "scratch").mkdir()
        places: dict[str, Any] = {"data_dir": tmp_path / "bucket", "model_cache_dir": tmp_path / "models"}
        service = build(Settings(checkpoint=checkpoint, device="cpu", **places), SystemClock(), tmp_path / "scratch")
        (tmp_path / "bucket" / "uploads").mkdir(parents=True)
        (tmp_path / "bucket" / "uploads" / "v.wav").write_bytes(human_wav)
        upload = {"action": "upload", "voice": "v", "audio_key": "uploads/v.wav", "consent": True, "transcript": SPOKEN}
        assert answer(service, upload, Call("upload"))["status"] == "STORED"
        return service

    return start


def expect_harmless(reply: dict[str, Any], spoiled: Folder, tmp_path: Path) -> None:
    """Check that nothing ran, and that a refusal is permanent, has a code and reveals nothing of the machine."""
    told = json.dumps(reply)
    assert not spoiled.canary.exists()
    assert spoiled.outside.exists()
    assert reply.get("status") == HARMLESS or (reply["code"], reply["retryable"]) == (UNUSABLE, False), told
    assert str(tmp_path) not in told
    assert "secret" not in told.replace(spoiled.outside.name, "")
    assert "root:" not in told


@pytest.mark.parametrize("spoil", IN_ANY_PLACE + ON_A_DISK, ids=lambda spoil: spoil.__name__)
def test_a_hostile_folder_runs_nothing(
    spoil: Callable[[Folder], None], spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Given as CHECKPOINT, such a folder makes `generate` fail for good, and `health` says the same without an incident."""
    spoil(spoiled)
    service = deploy(str(spoiled.path))

    reply = answer(service, REQUEST, Call("job"))
    health = answer(service, {"action": "health"}, Call("health"))

    expect_harmless(reply, spoiled, tmp_path)
    assert health["status"] == "degraded" or "vocoder" in reply["message"]
    assert str(tmp_path) not in json.dumps(health)


@pytest.mark.parametrize("spoil", IN_ANY_PLACE, ids=lambda spoil: spoil.__name__)
def test_a_hostile_folder_of_the_bucket_runs_nothing(
    spoil: Callable[[Folder], None], spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Named by a caller, such a folder of the bucket runs nothing: writing to the bucket doesn't run code on workers."""
    spoil(spoiled)
    if spoil is not deep_card:
        spoiled.card(name="evil")
    service = deploy("F5TTS_v1_Base")
    shutil.copytree(spoiled.path, tmp_path / "bucket" / "checkpoints" / "evil")

    reply = answer(service, REQUEST | {"checkpoint": "evil"}, Call("job"))

    expect_harmless(reply, spoiled, tmp_path)


def test_what_lies_beside_the_files_is_not_touched(
    spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Pickles under names that some loader knows, and Python modules, lie unused beside the checkpoint's files."""
    speakers_file(spoiled)

    reply = answer(deploy(str(spoiled.path)), REQUEST, Call("job"))

    assert reply["status"] == HARMLESS, reply
    expect_harmless(reply | {"audio_url": ""}, spoiled, tmp_path)


def test_a_snapshot_of_a_hubs_cache_is_a_checkpoint_folder(
    folder: Path, tmp_path: Path, deploy: Callable[[str], Service]
) -> None:
    """In a hub's cache each file is a link to the repository's blobs: it leads out of the folder, but not out of the repository."""
    repository = tmp_path / "models--somebody--voice"
    snapshot = repository / "snapshots" / ("0" * 40)
    shutil.copytree(folder, snapshot)
    (repository / "blobs").mkdir()
    for number, path in enumerate(sorted(path for path in snapshot.rglob("*") if path.is_file())):
        path.rename(repository / "blobs" / str(number))
        path.symlink_to(repository / "blobs" / str(number))

    reply = answer(deploy(str(snapshot)), REQUEST, Call("job"))

    assert reply["status"] == HARMLESS, reply
