"""Engines by checkpoint: looked up once per generate, and their files kept as long as the engine is."""

import gc
from base64 import b64encode
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.clock import SystemClock
from cloning.errors import HubUnavailable
from cloning.ports import StoredObject
from cloning.ports.gpu import GpuTask
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.device.gpu_thread import GpuThread
from handler import answer
from model_cache.catalog import CARD
from model_cache.copies.lease import alone
from model_cache.library import Library
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN
from tests.machines import errands_done
from worker.assembly import build
from worker.models import EngineModels

NAME = "mine"
SPEAK = {"text": "Hello there.", "voice": "anna", "seed": 1, "nfe_step": 4, "checkpoint": NAME}


@pytest.fixture
def service(tiny_checkpoint: Path, human_wav: bytes, tmp_path: Path) -> Service:
    """A worker, the voice 'anna', and a checkpoint in the bucket."""
    (tmp_path / "scratch").mkdir()
    settings = Settings(device="cpu", data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "models")
    built = build(settings, SystemClock(), tmp_path / "scratch")
    for path in sorted(tiny_checkpoint.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            body = body.replace(b"tiny-random-0", NAME.encode()) if path.name == CARD else body
            key = keys.checkpoint_folder(NAME) + path.relative_to(tiny_checkpoint).as_posix()
            built.store.put(key, body, content_type="application/octet-stream")
    voice = {"action": "upload", "voice": "anna", "audio": b64encode(human_wav).decode(), "consent": True}
    assert answer(built, voice | {"transcript": SPOKEN}, Call("u"))["status"] == "STORED"
    return built


@pytest.fixture
def card_gets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every GET of the checkpoint's card."""
    gets: list[str] = []
    get = FolderStore.get

    def counted(self: FolderStore, key: str, *, most: int | None = None) -> StoredObject:
        if key == keys.checkpoint_card(NAME):
            gets.append(key)
        return get(self, key, most=most)

    monkeypatch.setattr(FolderStore, "get", counted)
    return gets


def generate(service: Service, job: str) -> dict[str, Any]:
    reply = answer(service, SPEAK, Call(job))
    assert reply["status"] == "COMPLETED", reply
    return reply


def test_a_generate_looks_its_checkpoint_up_once_and_a_warm_engine_not_at_all(
    service: Service, card_gets: list[str]
) -> None:
    """A cold generate looks its checkpoint up once, to check and to load it; a warm engine needs no look-up."""
    generate(service, "cold")
    cold = len(card_gets)
    generate(service, "warm")
    warm = len(card_gets) - cold

    assert (cold, warm) == (1, 0)


def test_a_jobs_load_and_its_chunks_are_for_the_same_weights(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's load and its chunks name the same weights; otherwise the queue would let its first chunk wait for the job itself."""
    named: list[Hashable] = []
    using, run_tasks = GpuThread.using, GpuThread.run_tasks

    def noted_use(gpu: GpuThread, weights: Hashable) -> AbstractContextManager[None]:
        named.append(weights)
        return using(gpu, weights)

    def noted_tasks(gpu: GpuThread, tasks: Sequence[GpuTask[Any]], **more: Any) -> list[Any]:
        named.extend(task.weights for task in tasks)
        return run_tasks(gpu, tasks, **more)

    monkeypatch.setattr(GpuThread, "using", noted_use)
    monkeypatch.setattr(GpuThread, "run_tasks", noted_tasks)
    generate(service, "cold")
    generate(service, "warm")

    assert len(named) >= 6
    assert len(set(named)) == 1


def test_an_engine_that_is_loaded_again_has_its_checkpoint_looked_up_again(
    service: Service, card_gets: list[str]
) -> None:
    """An engine that is loaded again has its checkpoint looked up again, because the bucket may have another by then."""
    engines = service.engines
    found = engines.check(NAME)
    first = engines.get(found).facts
    engines.unload(forget=True)
    looked = len(card_gets)

    assert engines.get(found).facts == first
    assert (looked, len(card_gets)) == (1, 2)


def test_a_found_checkpoint_never_changes(service: Service) -> None:
    """A found checkpoint never changes, because it names weights in the GPU's queue; a later look-up of the name is equal to it."""
    engines = service.engines
    found = engines.check(NAME)
    seen = found.checkpoint
    engines.get(found)
    engines.unload(forget=True)
    engines.get(found)

    again = engines.check(NAME)

    assert found.checkpoint is seen
    assert (again, hash(again)) == (found, hash(found))
    with pytest.raises(FrozenInstanceError):
        found.checkpoint = again.checkpoint


def test_the_files_of_an_engine_stay_until_it_goes(service: Service, tmp_path: Path) -> None:
    """An engine's files are held until it is unloaded and released then, although something still refers to the engine."""
    engines = service.engines
    engine = engines.get(engines.check(NAME))
    errands_done()
    (folder,) = {path.parent for path in (tmp_path / "models").rglob("model.safetensors")}
    gc.disable()
    try:
        with alone(folder) as evictable:
            held = not evictable
        engines.unload(forget=True)
        with alone(folder) as evictable:
            gone = evictable
    finally:
        gc.enable()

    assert engine.facts.checkpoint == NAME
    assert (held, gone) == (True, True)


def test_a_name_is_refused_without_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check refuses a name with everything that is known of the request, as a load would, before anything is stored."""
    asked: list[tuple[str, object]] = []

    def unknown(_: Library, name: str, **known: object) -> None:
        asked.append((name, {key: value for key, value in known.items() if key != "known"}))
        raise HubUnavailable("nobody knows it")

    monkeypatch.setattr(Library, "check", unknown)
    monkeypatch.setattr("worker.models.expect_available", lambda **_: None)
    settings = Settings(data_dir=tmp_path, model_cache_dir=tmp_path / "models")
    models = EngineModels(settings, FolderStore(tmp_path), lambda: None)

    with pytest.raises(HubUnavailable):
        models.check("XTTS_v2", engine="xtts", commercial=True, language="pt")

    assert asked == [("XTTS_v2", {"engine": "xtts", "commercial": True, "language": "pt"})]
    assert models.loaded() is None
