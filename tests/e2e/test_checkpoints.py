"""From a checkpoint in the bucket to speech, through the handler: a real S3 server, the real engine, small weights."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloning.clock import SystemClock
from cloning.service import Call
from handler import answer
from model_cache.catalog import CARD
from s3_utils import S3Store, s3_client
from tests.conftest import SPOKEN
from tests.machines import errands_done
from tests.servers import Faults, Server, moto, spoiling
from worker.assembly import build

NAME = "our-voice"
DIGEST = 64  # hex digits


class Bucket:
    """A bucket behind a proxy that counts, with an `ema.` checkpoint as its owner uploaded it, and workers with empty disks."""

    def __init__(self, server: Server, faults: Faults, folder: Path) -> None:
        self._server = server
        self._faults = faults
        self._folder = folder

    def fill(self, checkpoint: Path, **changes: object) -> dict[str, int]:
        """Upload the folder under its own name; return the files' sizes."""
        store = S3Store.from_settings(self._server.settings("ours"))
        card = json.loads((checkpoint / CARD).read_text()) | {"name": NAME} | changes
        store.put(f"checkpoints/{NAME}/{CARD}", json.dumps(card).encode(), content_type="application/json")
        files = [path for path in checkpoint.rglob("*") if path.is_file() and path.name != CARD]
        for path in files:
            key = f"checkpoints/{NAME}/{path.relative_to(checkpoint).as_posix()}"
            store.upload(key, path, content_type="application/octet-stream")
        return {path.relative_to(checkpoint).as_posix(): path.stat().st_size for path in files}

    def worker(self, name: str) -> Any:
        """A fresh worker: nothing on its disk."""
        settings = self._server.settings("ours", MODEL_CACHE_DIR=str(self._folder / name), DEVICE="cpu")
        (self._folder / f"{name}-scratch").mkdir()
        return build(settings, SystemClock(), self._folder / f"{name}-scratch")

    def forget(self) -> None:
        self._faults.seen.clear()
        self._faults.sent.clear()

    def moved(self) -> int:
        """The bytes of objects under checkpoints/ that were transferred, cards included and listings excluded."""
        return sum(
            size for seen, size in self._faults.sent if seen.method == "GET" and f"/checkpoints/{NAME}/" in seen.path
        )

    def card(self) -> int:
        """The size of the owner's card, which says what there is."""
        store = S3Store.from_settings(self._server.settings("ours"))
        return store.head(f"checkpoints/{NAME}/{CARD}").size * sum(
            seen.method == "GET" and seen.path.split("?")[0].endswith(f"/{NAME}/{CARD}") for seen in self._faults.seen
        )

    def published(self) -> dict[str, int]:
        """What workers published: the name and size of each file, records included."""
        store = S3Store.from_settings(self._server.settings("ours"))
        found = {info.key.split("/", 2)[2]: info.size for info in store.list(f"checkpoints/{NAME}/")}
        return {name: size for name, size in found.items() if len(name.split("/")[0]) == DIGEST}

    def fetched(self) -> list[str]:
        """The objects under checkpoints/ whose bytes were requested, without cards, in order."""
        asked = [re.sub(r"\?.*", "", seen.path) for seen in self._faults.seen if seen.method == "GET"]
        return [path.split(f"/checkpoints/{NAME}/")[1] for path in asked if f"/{NAME}/" in path and CARD not in path]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with moto() as server, spoiling(server) as (proxy, faults):
        s3_client(server.settings("ours")).create_bucket(Bucket="ours")
        yield Bucket(proxy, faults, tmp_path)
        errands_done()


def speak(worker: Any, job: str, **more: object) -> dict[str, Any]:
    request = {"text": "Hello there.", "voice": "anna", "checkpoint": NAME, "seed": 1, "nfe_step": 2, "job_id": job}
    return answer(worker, request | more, Call(job))


def upload_voice(worker: Any, human_base64: str) -> None:
    request = {"action": "upload", "voice": "anna", "audio": human_base64, "consent": True, "transcript": SPOKEN}
    assert answer(worker, request, Call("u"))["status"] == "STORED"


def test_an_ema_file_in_the_bucket_speaks_and_is_moved_once(
    bucket: Bucket, tiny_checkpoint: Path, human_base64: str
) -> None:
    """
    The first worker fetches what the owner uploaded, repairs it and publishes it; a second, fresh one fetches only the repaired
    bytes, and speaks the same.
    """
    sources = bucket.fill(tiny_checkpoint)
    first = bucket.worker("first")
    upload_voice(first, human_base64)
    bucket.forget()

    spoken = speak(first, "one")

    assert spoken["status"] == "COMPLETED", spoken
    assert sorted(bucket.fetched()) == sorted(sources)
    sha256 = spoken["manifest"]["checkpoint_sha256"]
    errands_done()
    bucket.forget()

    again = speak(bucket.worker("second"), "two")

    assert again["status"] == "COMPLETED"
    published = bucket.published()
    (folder,) = {name.split("/")[0] for name in published}
    assert sorted(bucket.fetched()) == sorted(f"{folder}/{name.replace('/', '.')}" for name in sources)
    assert bucket.moved() == sum(published.values()) + bucket.card()
    assert again["manifest"]["checkpoint_sha256"] == sha256
    assert again["audio"]["sha256"] == spoken["audio"]["sha256"]


@pytest.mark.parametrize(
    ("changes", "request_more", "code"),
    [
        ({"config": "unknown", "architecture": None}, {}, "CHECKPOINT_UNUSABLE"),
        ({"commercial": False}, {"require_commercial": True}, "LICENSE_REFUSED"),
        ({"model": "../../secret"}, {}, "CHECKPOINT_UNUSABLE"),
    ],
    ids=["unknown configuration", "not for commerce", "leaves its folder"],
)
def test_what_may_not_speak_is_refused_before_anything_is_fetched(
    bucket: Bucket, tiny_checkpoint: Path, human_base64: str, changes: dict[str, object],
    request_more: dict[str, object], code: str,
) -> None:  # fmt: skip
    """Weights without a commercial licence are refused before there is a job record, and nothing of the checkpoint is fetched."""
    bucket.fill(tiny_checkpoint, **changes)
    worker = bucket.worker("first")
    upload_voice(worker, human_base64)
    bucket.forget()

    reply = speak(worker, "one", **request_more)

    assert reply["code"] == code, reply
    assert bucket.fetched() == []
    assert answer(worker, {"action": "status", "job_id": "one"}, Call("s"))["code"] == "JOB_NOT_FOUND"


def test_weights_for_commerce_speak_where_commerce_is_required(
    bucket: Bucket, tiny_checkpoint: Path, human_base64: str
) -> None:
    """The same request passes with weights whose licence allows it."""
    bucket.fill(tiny_checkpoint, commercial=True)
    worker = bucket.worker("first")
    upload_voice(worker, human_base64)

    assert speak(worker, "one", require_commercial=True)["status"] == "COMPLETED"
