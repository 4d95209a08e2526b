"""Whole services on the real engine with the small checkpoint."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloning.clock import SystemClock
from cloning.service import Service
from cloning.settings import Settings
from tests.conftest import SPOKEN
from tests.contract.jobs_on_devices.jobs import upload
from worker.assembly import build


@pytest.fixture
def world(tiny_checkpoint: Path, tmp_path: Path, human_wav: bytes) -> Iterator[Callable[..., Service]]:
    """Services on the real engine, with the voice anna; they share their caches."""

    def make(**settings: Any) -> Service:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        made = Settings(
            data_dir=tmp_path / "bucket",
            model_cache_dir=tmp_path / "models",
            checkpoint=str(tiny_checkpoint),
            device="cpu",
            **settings,
        )
        service = build(made, SystemClock(), scratch)
        upload(service, "anna", human_wav, SPOKEN)
        return service

    yield make
    gc.collect()
