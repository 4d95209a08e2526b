"""Engines of workers that share a bucket and its verdicts, and what they tell of their proof."""

from pathlib import Path
from typing import Any

from cloning.ports import F5Parameters
from cloning.settings import Settings
from engines.f5.engine import F5Engine
from engines.f5.kernels.compiled import Compiled
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from worker.models import load_engine, make_verdicts

QUICK = F5Parameters(nfe_step=2)
TEXT = "The quick brown fox."
COMPILED = Compiled({}, 64, "float16", "0123456789abcdef")


def load(checkpoint: Path, folder: Path, worker: str, **settings: Any) -> F5Engine:
    """The engine of a worker with its own disk, on the shared bucket."""
    bucket = FolderStore(folder / "bucket")
    asked = Settings(data_dir=folder, model_cache_dir=folder / worker, device="cpu", runpod_pod_id=worker, **settings)
    cache = CheckpointCache(bucket, folder / "models")
    engine = load_engine(
        cache, cache.local(find(str(checkpoint))), asked, "cpu", prove=make_verdicts(asked, bucket).prove
    )
    assert isinstance(engine, F5Engine)
    return engine


def proof(engine: F5Engine) -> dict[str, Any]:
    assert engine.facts.sampler_proof is not None
    return dict(engine.facts.sampler_proof)
