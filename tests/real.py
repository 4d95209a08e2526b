"""The real engine, at a size that a CPU bears. Random weights prove plumbing, not sound."""

from pathlib import Path

from engines.f5 import F5Engine
from handler import f5_files
from local.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find


def load_tiny_engine(checkpoint: Path, folder: Path, sampler: str = "auto") -> F5Engine:
    """The small checkpoint, brought through the cache (its keys need repair), on the CPU."""
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(checkpoint)))
    return F5Engine.load(f5_files(local, None), "cpu", sampler)
