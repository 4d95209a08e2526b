"""From a source's file to the one that f5_tts loads, in the dtype that is wanted."""

import shutil
from pathlib import Path

from model_cache.catalog import Checkpoint
from model_cache.interim import inspect, repair
from model_cache.layouts import Ready, Refused, Repairable
from model_cache.record import Dtype
from model_cache.repair import examine, expect_loadable, make_loadable
from model_cache.sources import Fetched
from model_cache.tensorfile import rename_in_place
from model_cache.watch import Watch


def prepare(
    source: Fetched, out: Path, checkpoint: Checkpoint, vocab: Path | None, *, dtype: Dtype, watch: Watch
) -> str:
    """
    Write `out`, proved to be what f5_tts's strict loader takes; returns what was mended, or ''.

    A private source is renamed in place where names are all that must change; any other source stays as it is. Raises
    CheckpointUnusable if no known layout fits.
    """
    with watch(f"prepare {checkpoint.name}", source.path.stat().st_size) as progress:
        mended = _as_is(source, out, checkpoint, vocab)
        if dtype == "fp16":
            halved = out.with_name(f"half-{out.name}")
            repair(out, halved, inspection=inspect(out, vocabulary=vocab), dtype=dtype)
            halved.replace(out)
            mended = "; ".join(filter(None, [mended, "its weights were halved to fp16"]))
        expect_loadable(out, checkpoint, vocab)
        progress(source.path.stat().st_size if source.path.exists() else out.stat().st_size)
    return mended


def _as_is(source: Fetched, out: Path, checkpoint: Checkpoint, vocab: Path | None) -> str:
    if source.path.suffix != ".safetensors":
        inspection = inspect(source.path, config=checkpoint.config, vocabulary=vocab)
        repair(source.path, out, inspection=inspection)
        return inspection.reason or inspection.layout
    if not source.private:
        return make_loadable(source.path, out, checkpoint, vocab)
    found = examine(source.path, checkpoint, vocab)
    if isinstance(found, Refused) or (isinstance(found, Repairable) and found.drops):
        return make_loadable(source.path, out, checkpoint, vocab)
    shutil.move(source.path, out)
    if isinstance(found, Ready):
        return ""
    rename_in_place(out, found.renames)
    return found.reason
