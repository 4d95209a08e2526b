"""A checkpoint on this disk, as loaders take it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model_cache.catalog import Checkpoint
from model_cache.copies.lease import InUse
from model_cache.copies.record import CopyRecord, vocab_name

CameFrom = Literal["local", "bucket", "hub", "folder"]


@dataclass(frozen=True)
class LocalCheckpoint:
    """
    A loadable checkpoint on this disk. `vocab_path` None means f5_tts's own, `vocoder_path` None the hub's Vocos.

    `sha256` is the model file's; `repaired` says that the file differs from its source. The files stay until the `lease` is
    released or this object is garbage-collected.
    """

    checkpoint: Checkpoint
    model_path: Path
    vocab_path: Path | None
    vocoder_path: Path | None
    sha256: str
    came_from: CameFrom
    repaired: bool
    lease: InUse = field(repr=False, compare=False)

    @property
    def backbone(self) -> str:
        return self.checkpoint.backbone

    @property
    def arch(self) -> Mapping[str, Any]:
        return self.checkpoint.arch


def vocabulary_in(folder: Path, checkpoint: Checkpoint) -> Path | None:
    """The vocabulary of a checkpoint in the folder of its copy; None is f5_tts's own."""
    return folder / vocab_name(checkpoint) if checkpoint.vocab else None


def local_copy(
    checkpoint: Checkpoint, folder: Path, record: CopyRecord, came_from: CameFrom, lease: InUse
) -> LocalCheckpoint:
    """The checkpoint by the record of its copy."""
    return LocalCheckpoint(
        checkpoint=checkpoint,
        model_path=folder / record.main,
        vocab_path=vocabulary_in(folder, checkpoint),
        vocoder_path=folder / record.vocoder if record.vocoder else None,
        sha256=record.sha256,
        came_from=came_from,
        repaired=bool(record.repair),
        lease=lease,
    )
