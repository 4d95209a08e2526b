"""
Make a checkpoint's file loadable: a new file that the unmodified official loader takes strictly. The source is never touched.

The cheapest sufficient way is taken: nothing at all, other names in the header, a copy without what isn't needed, or another
format or type. The new file is read back, compared bit for bit with the source and inspected before it gets its name.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cloning.errors import CheckpointUnusable
from cloning.ports import Progress
from model_cache.architectures import f5_folder
from model_cache.catalog import Checkpoint
from model_cache.families import entries_of
from model_cache.formats.reading import header_of
from model_cache.formats.safetensors_file import rename_in_place
from model_cache.formats.tensor_copy import becomes_half
from model_cache.formats.writing import Options, Written, rename_into, write_safetensors, write_torch
from model_cache.layouts.f5 import Wanted
from model_cache.layouts.inspection import Inspection, inspect, inspect_for
from storage.atomic import appearing

How = Literal["nothing", "renamed-copy", "compacting-copy", "converted"]


@dataclass(frozen=True)
class Repaired:
    """The result of a repair. `sha256` is the new file's, if it was asked for and a file was written."""

    how: How
    bytes_written: int
    sha256: str | None


def repair(
    source: Path,
    out: Path,
    *,
    inspection: Inspection | None = None,
    dtype: Literal["keep", "fp16"] = "keep",
    prune: bool = False,
    digest: bool = False,
    durable: bool = True,
    progress: Progress | None = None,
) -> Repaired:
    """
    Write `out`, loadable, from `source`, atomically. For a ready file nothing is written: `out` stays absent.

    `dtype` "fp16" casts every float, as f5_tts does on a GPU. `prune` rewrites even a ready file, with only the weights (a file
    of XTTS's trainer loads, but is three times too large). `digest` takes the new file's sha256, which is slower than the copy;
    `durable` waits for the disk. Raises CheckpointUnusable if the file is refused or changed since `inspection`, ValueError for
    an `out` without the ending that loaders expect, FileExistsError, OSError.
    """
    inspection = inspection or inspect(source)
    _expect_repairable(source, inspection)
    half = dtype == "fp16" and any(becomes_half(tensor) for tensor in inspection.kept.values())
    if inspection.verdict == "ready" and not half and not prune:
        return Repaired("nothing", 0, None)
    _expect_place(out, inspection.output)
    with appearing(out) as new:
        how, written = _write(source, new, inspection, Options(half, digest, durable, progress))
        after = inspect_for(new, inspection.wanted)
        if after.verdict != "ready":
            raise CheckpointUnusable(
                f"the repaired file would not load ({after.reason}); this is a bug, and nothing was kept"
            )
    return Repaired(how, written.size, written.sha256)


def rename_private(path: Path, inspection: Inspection) -> None:
    """
    Repair the caller's own file by rewriting its header, in about a millisecond for any size.

    A crash in the middle leaves the file unreadable, so it must be private. Its sha256 changes. Raises ValueError if the file
    needs more than other names, CheckpointUnusable if it changed since `inspection`.
    """
    contents = inspection.contents
    if contents is None or inspection.verdict != "repairable" or not names_suffice(inspection):
        raise ValueError(f"other names in its header don't make {path.name} loadable: see `names_suffice`")
    _expect_repairable(path, inspection)
    old = {tensor: name for name, tensor in contents.dicts[()].items()}
    renames = {old[tensor]: name for name, tensor in inspection.kept.items()}
    changed = {before: after for before, after in renames.items() if before != after}
    rename_in_place(path, changed, header_of(contents))


def expect_loadable(model: Path, checkpoint: Checkpoint, vocab: Path | None) -> None:
    """Raise CheckpointUnusable unless the engine's strict loader would take the file as it is."""
    found = inspect_for(model, wanted_by(checkpoint, vocab))
    if found.verdict != "ready":
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not loadable as it is: {found.reason}",
            checkpoint=checkpoint.name,
        )


def copy(source: Path, target: Path, *, share: bool = False) -> None:
    """Copy a file to `target`; with `share` by a hard link, if both are on one disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if share:
        try:
            os.link(source.resolve(), target)
        except OSError:  # another disk, or one without hard links
            pass
        else:
            return
    shutil.copyfile(source, target)


def wanted_by(checkpoint: Checkpoint, vocab: Path | None) -> Wanted:
    """What a checkpoint's file must be; `vocab` None means f5_tts's own vocab.txt. Raises CheckpointUnusable if it is unreadable."""
    entries = entries_of(checkpoint.backbone, vocab, f5_folder() / "infer/examples/vocab.txt")
    return Wanted(checkpoint.config, checkpoint.backbone, checkpoint.arch, entries)


def _expect_repairable(source: Path, inspection: Inspection) -> None:
    if inspection.verdict == "refused":
        raise CheckpointUnusable(f"{source.name} can't be made loadable: {inspection.reason}", file=source.name)
    status = source.stat()
    if (status.st_size, status.st_mtime_ns) != inspection.stamp:
        raise CheckpointUnusable(f"{source.name} changed since it was inspected: inspect it again", file=source.name)


def _expect_place(out: Path, output: str) -> None:
    if (out.suffix == ".safetensors") != (output == "safetensors"):
        ending = ".safetensors" if output == "safetensors" else ".pth"
        raise ValueError(f"{out.name} must end in {ending}: loaders go by it")
    if out.exists():
        raise FileExistsError(f"{out.name} exists already: remove it or choose another name")


def names_suffice(inspection: Inspection, *, half: bool = False) -> bool:
    """Whether the file needs only other names in its header; `half` means that it will be cast."""
    contents = inspection.contents
    same = contents is not None and contents.kind == inspection.output == "safetensors"
    return same and not half and contents is not None and len(inspection.kept) == contents.count


def _write(source: Path, new: Path, inspection: Inspection, options: Options) -> tuple[How, Written]:
    contents = inspection.contents
    if inspection.output == "torch":
        return "converted", write_torch(source, new, inspection.kept, inspection.config, options)
    if names_suffice(inspection, half=options.half):
        return "renamed-copy", rename_into(source, new, inspection.kept, options)
    written = write_safetensors(source, new, inspection.kept, options)
    converted = options.half or contents is None or contents.kind == "torch"
    return "converted" if converted else "compacting-copy", written
