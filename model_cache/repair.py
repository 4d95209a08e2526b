"""Make a checkpoint's file loadable on a private copy, and prove that it is."""

import os
import shutil
from pathlib import Path

from cloning.errors import CheckpointUnusable
from model_cache.catalog import Checkpoint, f5_folder
from model_cache.layouts import Diagnosis, Ready, Refused, diagnose, expected_keys, vocabulary_size
from model_cache.tensorfile import read_header, rename_in_place, rewrite


def make_loadable(source: Path, target: Path, checkpoint: Checkpoint, vocab: Path | None) -> str:
    """
    Write `target`: what `source` holds, so that f5_tts's strict loader takes it. Returns what was mended, or ''.

    `vocab` is the checkpoint's own vocab.txt. `source` stays as it is; a hub file that needs nothing shares its bytes with
    `target` where the disk allows it. Raises CheckpointUnusable if no known layout fits.
    """
    diagnosis = examine(source, checkpoint, vocab)
    if isinstance(diagnosis, Refused):
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not what its configuration {checkpoint.config!r} needs: {diagnosis.reason}",
            checkpoint=checkpoint.name,
        )
    if isinstance(diagnosis, Ready):
        copy(source, target, share=checkpoint.on_hub)
        return ""
    if diagnosis.drops:
        rewrite(source, target, diagnosis.renames)
    else:
        copy(source, target)
        rename_in_place(target, diagnosis.renames)
    expect_loadable(target, checkpoint, vocab)
    return diagnosis.reason


def examine(model: Path, checkpoint: Checkpoint, vocab: Path | None) -> Diagnosis:
    """What the file is, by its header alone. Raises CheckpointUnusable if it is not a whole safetensors file."""
    entries = vocabulary_size(vocab or f5_folder() / "infer/examples/vocab.txt")
    return diagnose(read_header(model), expected_keys(checkpoint.arch, entries))


def expect_loadable(model: Path, checkpoint: Checkpoint, vocab: Path | None) -> None:
    """Raises CheckpointUnusable unless f5_tts's strict loader would take the file as it is."""
    if not isinstance(examine(model, checkpoint, vocab), Ready):
        raise CheckpointUnusable(
            f"the file of checkpoint {checkpoint.name!r} is not loadable as it is", checkpoint=checkpoint.name
        )


def copy(source: Path, target: Path, *, share: bool = False) -> None:
    """Bring a file's bytes to `target`; with `share` by a second name for the same file, if both are on one disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if share:
        try:
            os.link(source.resolve(), target)
        except OSError:  # another disk, or one without hard links
            pass
        else:
            return
    shutil.copyfile(source, target)
