"""Prepare a source's file for the engine's loader, in the wanted dtype."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cloning.errors import CheckpointUnusable
from model_cache.catalog import Checkpoint, configs_by_digest
from model_cache.copies.record import Dtype, Precision, model_name
from model_cache.formats.tensor_copy import becomes_half
from model_cache.layouts.inspection import Inspection, inspect_for
from model_cache.layouts.repair import copy, expect_loadable, names_suffice, rename_private, repair, wanted_by
from model_cache.progress import Watch
from model_cache.sources import Fetched
from storage.bulk import sha256_of


@dataclass(frozen=True)
class Prepared:
    """What was repaired (or ''), the new file's sha256 if known without reading it again, and the precision it serves."""

    mended: str
    sha256: str | None
    precision: Precision


def prepare(
    source: Fetched, out: Path, checkpoint: Checkpoint, vocab: Path | None, *, dtype: Dtype, watch: Watch
) -> Prepared:
    """
    Write `out`, and prove that the engine's strict loader takes it.

    A private source is renamed in place where only names must change; any other source stays unchanged. The caller syncs the
    file. Raises CheckpointUnusable if no known layout fits.
    """
    inspection = inspected(source.path, checkpoint, vocab)
    halvable = any(becomes_half(tensor) for tensor in inspection.kept.values())
    precision: Precision = dtype if halvable else "any"
    prune = inspection.layout.endswith("-trainer")  # a loader that takes it would read what training left, every time
    prepared = None if prune or (dtype == "fp16" and halvable) else _moved(source, out, inspection, precision)
    if prepared is None:
        with watch(f"repair {checkpoint.name}", inspection.bytes) as progress:
            done = repair(
                source.path,
                out,
                inspection=inspection,
                dtype=dtype,
                prune=prune,
                digest=True,
                durable=False,
                progress=progress,
            )
        if done.how == "nothing":
            copy(source.path, out, share=checkpoint.on_hub)
        pruned = prune and inspection.verdict == "ready"
        prepared = Prepared(_said(inspection, halved=precision == "fp16", pruned=pruned), done.sha256, precision)
    expect_loadable(out, checkpoint, vocab)
    return prepared


def inspected(model: Path, checkpoint: Checkpoint, vocab: Path | None) -> Inspection:
    """Find out from the header and the vocabulary what makes the file loadable. Raises CheckpointUnusable if nothing does."""
    inspection = inspect_for(model, wanted_by(checkpoint, vocab), name=model_name(checkpoint))
    if inspection.verdict == "refused":
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not what its configuration {checkpoint.config!r} needs: {inspection.reason}",
            checkpoint=checkpoint.name,
        )
    return inspection


def expect_known(checkpoint: Checkpoint, source: Fetched) -> None:
    """
    Raise CheckpointUnusable if the file differs from the catalogue's, or the catalogue knows it with another configuration.

    v0 and v1 files hold the same names and shapes: with the other's configuration they would speak gibberish.
    """
    known = configs_by_digest()
    if not known and not checkpoint.sha256:
        return
    digest, path = source.sha256 or sha256_of(source.path), source.path
    if checkpoint.sha256 and digest != checkpoint.sha256:
        raise CheckpointUnusable(
            f"{path.name} is not the file that the catalogue knows as {checkpoint.name!r}: its sha256 differs"
        )
    name, config = known.get(digest, (checkpoint.name, checkpoint.config))
    if config != checkpoint.config:
        raise CheckpointUnusable(
            f"{path.name} is the file that the catalogue knows as {name!r}, with the configuration {config!r}; checkpoint "
            f"{checkpoint.name!r} says {checkpoint.config!r}, with which it would speak gibberish: correct its card, or name that one",
            checkpoint=checkpoint.name,
        )


def take(source: Fetched, out: Path) -> None:
    """Put a file unchanged at `out`: move a private one, copy any other."""
    if source.private:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source.path, out)
    else:
        copy(source.path, out)


def _moved(source: Fetched, out: Path, inspection: Inspection, precision: Precision) -> Prepared | None:
    """Move a private file to its new name, if it is ready or renames make it so; no tensor is read or written."""
    if not source.private:
        return None
    if inspection.verdict != "ready":
        if not names_suffice(inspection):
            return None
        source.forget()
        rename_private(source.path, inspection)
    shutil.move(source.path, out)
    digest = source.sha256 if inspection.verdict == "ready" else None
    return Prepared(_said(inspection, halved=False), digest, precision)


def _said(inspection: Inspection, *, halved: bool, pruned: bool = False) -> str:
    said = [inspection.reason]
    said += ["its weights were halved to fp16"] if halved else []
    said += ["what training left beside the weights was dropped"] if pruned else []
    return "; ".join(filter(None, said))
