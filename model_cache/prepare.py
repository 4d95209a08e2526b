"""From a source's file to the one that the engine's loader takes, in the dtype that is wanted."""

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
    """What was mended, or '', the new file's sha256 if it is known without reading it again, and whom it serves."""

    mended: str
    sha256: str | None
    precision: Precision


def prepare(
    source: Fetched, out: Path, checkpoint: Checkpoint, vocab: Path | None, *, dtype: Dtype, watch: Watch
) -> Prepared:
    """
    Write `out`, proved to be what the engine's strict loader takes.

    A private source is renamed in place where names are all that must change; any other source stays as it is. The caller syncs
    the file. Raises
    CheckpointUnusable if no known layout fits.
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
    """What a source's file takes to be loadable, by its header and its vocabulary alone. Raises CheckpointUnusable if nothing does."""
    inspection = inspect_for(model, wanted_by(checkpoint, vocab), name=model_name(checkpoint))
    if inspection.verdict == "refused":
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not what its configuration {checkpoint.config!r} needs: {inspection.reason}",
            checkpoint=checkpoint.name,
        )
    return inspection


def expect_known(checkpoint: Checkpoint, source: Fetched) -> None:
    """
    Raises CheckpointUnusable if a source is not the file that the catalogue knows, or is one that it knows with another configuration.

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
            f"{checkpoint.name!r} says {checkpoint.config!r}, with which it would speak gibberish: mend its card, or name that one",
            checkpoint=checkpoint.name,
        )


def take(source: Fetched, out: Path) -> None:
    """Bring a file to `out` as it is: a private one moves, any other is copied."""
    if source.private:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source.path, out)
    else:
        copy(source.path, out)


def _moved(source: Fetched, out: Path, inspection: Inspection, precision: Precision) -> Prepared | None:
    """A private file under its new name, if it is ready or new names make it so; no tensor is read or written."""
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
