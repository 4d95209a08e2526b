"""From a source's file to the one that f5_tts loads, in the dtype that is wanted."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cloning.errors import CheckpointUnusable
from model_cache.catalog import Checkpoint
from model_cache.inspection import Inspection, inspect_for
from model_cache.record import Dtype, Precision
from model_cache.repair import copy, expect_loadable, rename_private, repair, wanted_by
from model_cache.sources import Fetched
from model_cache.tensorcopy import becomes_half
from model_cache.watch import Watch, by_totals


@dataclass(frozen=True)
class Prepared:
    """What was mended, or '', the new file's sha256 if it is known without reading it again, and whom it serves."""

    mended: str
    sha256: str | None
    precision: Precision


def prepare(
    source: Fetched, out: Path, checkpoint: Checkpoint, vocab: Path | None, *, dtype: Dtype, watch: Watch
) -> Prepared:
    """
    Write `out`, proved to be what f5_tts's strict loader takes.

    A private source is renamed in place where names are all that must change; any other source stays as it is. The caller syncs
    the file. Raises
    CheckpointUnusable if no known layout fits.
    """
    inspection = inspect_for(source.path, wanted_by(checkpoint, vocab), name=out.name)
    if inspection.verdict == "refused":
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not what its configuration {checkpoint.config!r} needs: {inspection.reason}",
            checkpoint=checkpoint.name,
        )
    halvable = any(becomes_half(tensor) for tensor in inspection.diagnosis.kept.values())
    precision: Precision = dtype if halvable else "any"
    prepared = None if dtype == "fp16" and halvable else _moved(source, out, inspection, precision)
    if prepared is None:
        with watch(f"repair {checkpoint.name}", inspection.bytes) as progress:
            told = by_totals(progress)
            done = repair(
                source.path, out, inspection=inspection, dtype=dtype, digest=True, durable=False, progress=told
            )
        if done.how == "nothing":
            copy(source.path, out, share=checkpoint.on_hub)
        prepared = Prepared(_said(inspection, halved=precision == "fp16"), done.sha256, precision)
    expect_loadable(out, checkpoint, vocab)
    return prepared


def _moved(source: Fetched, out: Path, inspection: Inspection, precision: Precision) -> Prepared | None:
    """A private file under its new name, if it is ready or new names make it so; no tensor is read or written."""
    if not source.private or (inspection.verdict != "ready" and rename_private(source.path, inspection) is None):
        return None
    shutil.move(source.path, out)
    return Prepared(_said(inspection, halved=False), None, precision)


def _said(inspection: Inspection, *, halved: bool) -> str:
    return "; ".join(filter(None, [inspection.reason, "its weights were halved to fp16" if halved else ""]))
