"""The real engine, at a size that a CPU can run. Random weights prove plumbing, not sound."""

from pathlib import Path

from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.tiny_xtts import make_xtts_checkpoint
from engines.xtts import XttsEngine
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from tests.conftest import ROOT
from worker.models import f5_files, xtts_files


def tiny_files(checkpoint: Path, folder: Path) -> F5Files:
    """The small checkpoint's files, fetched by the cache (its keys need repair)."""
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(checkpoint)))
    return f5_files(local, None)


def load_tiny_engine(checkpoint: Path, folder: Path, sampler: str = "auto") -> F5Engine:
    """The small checkpoint, loaded on the CPU."""
    return F5Engine.load(tiny_files(checkpoint, folder), "cpu", sampler)


def tiny_xtts() -> Path:
    """The small XTTS checkpoint with random weights, made once and kept."""
    return make_xtts_checkpoint(ROOT / ".cache" / "tiny-xtts")


def load_tiny_xtts(folder: Path) -> XttsEngine:
    """The small XTTS, loaded through the cache (its configuration is pickled), on the CPU."""
    local = CheckpointCache(FolderStore(folder / "bucket"), folder / "models").local(find(str(tiny_xtts())))
    return XttsEngine.load(xtts_files(local), "cpu", license_accepted=True)
