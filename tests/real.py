"""The real engine and the real recogniser, at sizes that a CPU bears. Random weights prove plumbing, not sound."""

from pathlib import Path

from engines.f5 import F5Engine, F5Files
from local.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find


def load_tiny_engine(checkpoint: Path, folder: Path) -> F5Engine:
    """The small checkpoint, brought through the cache (its keys need repair), on the CPU."""
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(checkpoint)))
    files = F5Files(
        name=local.checkpoint.name,
        model=local.model_path,
        backbone=local.backbone,
        arch=dict(local.arch),
        vocab=local.vocab_path,
        vocoder=local.vocoder_path,
        sha256=local.sha256,
        license=local.checkpoint.license,
        note=local.checkpoint.note,
    )
    return F5Engine.load(files, "cpu")
