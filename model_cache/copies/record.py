"""
The record of a loadable copy: its `checkpoint.json`, on a disk beside its files or in the bucket.

It is written last, so a reader can rely on the files that it names; and it is a `Card`, so a folder of the cache can also be
used as a checkpoint folder. The copy's folder is named by a digest over all of its files and their origins.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_cache.architectures import Architecture
from model_cache.catalog import CARD, Card, Checkpoint
from model_cache.families import family_of
from storage.bulk import sha256_of

Dtype = Literal["keep", "fp16"]
Precision = Literal["keep", "fp16", "any"]
"""The precision that a copy serves; "any" if there was nothing to halve."""
FileName = Literal[
    "model.safetensors",
    "model.pth",
    "vocab.txt",
    "vocab.json",
    "vocoder/config.yaml",
    "vocoder/pytorch_model.bin",
    "vocos-mel-24khz/config.yaml",
    "vocos-mel-24khz/pytorch_model.bin",
]
Origin = Mapping[FileName, str]
VOCODER: tuple[FileName, FileName] = ("vocoder/config.yaml", "vocoder/pytorch_model.bin")
VOCOS_FILES: tuple[FileName, FileName] = ("vocos-mel-24khz/config.yaml", "vocos-mel-24khz/pytorch_model.bin")

_log = logging.getLogger(__name__)


class FileFacts(BaseModel):
    """Size in bytes, sha256, and the modification time (ns) at which the sha256 was taken; 0 in the bucket."""

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    modified_ns: int = 0


class CopyRecord(Card):
    """
    A card with the facts of its files.

    `origin` says for each file what it was made from: an hf:// URL, a key and version of the bucket, or 'sha256:' and the digest
    of a file in a folder. `repair` says what was repaired, or is empty; `dtype` is the precision that the weights serve.
    """

    origin: dict[FileName, str]
    repair: str
    dtype: Precision = "keep"
    files: dict[FileName, FileFacts]

    @model_validator(mode="after")
    def _complete(self) -> "CopyRecord":
        if self.main not in self.files or self.files.keys() != self.origin.keys():
            raise ValueError("origin and files must name the same files, the model among them")
        return self

    @property
    def main(self) -> FileName:
        """The file that holds the weights."""
        if self.architecture is None:
            return VOCOS_FILES[1]
        return family_of(self.architecture.backbone).weights

    @property
    def sha256(self) -> str:
        """The model file's digest."""
        return self.files[self.main].sha256

    @property
    def digest(self) -> str:
        """The name of the copy's folder: copies that differ in any file or origin never share one."""
        named = {name: (facts.sha256, self.origin[name]) for name, facts in self.files.items()}
        return digest_of(named)

    def serves(self, origin: Origin, dtype: Dtype) -> bool:
        """Whether this copy was made from these files in this precision."""
        return self.origin == origin and self.dtype in (dtype, "any")


def parse(text: bytes) -> CopyRecord | None:
    """Parse a `checkpoint.json`; None (and a warning in the log) if it isn't a record."""
    try:
        return CopyRecord.model_validate_json(text)
    except ValidationError as error:
        _log.warning("checkpoint.record_damaged", extra={"problems": error.error_count()})
        return None


def digest_of(facts: Mapping[FileName, object]) -> str:
    """One digest over the facts of several files."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def describe(
    checkpoint: Checkpoint, origin: Origin, repair: str, dtype: Precision, files: Mapping[FileName, FileFacts]
) -> CopyRecord:
    """The record of a copy of the checkpoint."""
    return CopyRecord(
        name=checkpoint.name,
        config=checkpoint.config,
        architecture=None
        if checkpoint.is_vocoder
        else Architecture.model_validate({"backbone": checkpoint.backbone, "arch": dict(checkpoint.arch)}),
        model=model_name(checkpoint),
        vocab=vocab_name(checkpoint) if checkpoint.vocab else None,
        vocoder=vocoder_folder(checkpoint),
        languages=checkpoint.languages,
        license=checkpoint.license,
        commercial=checkpoint.commercial,
        note=checkpoint.note,
        origin=dict(origin),
        repair=repair,
        dtype=dtype,
        files=dict(files),
    )


def model_name(checkpoint: Checkpoint) -> FileName:
    """The name of the weights' file in a copy: loaders go by it."""
    return VOCOS_FILES[1] if checkpoint.is_vocoder else checkpoint.family.weights


def vocab_name(checkpoint: Checkpoint) -> FileName:
    """The name of the vocabulary's file in a copy."""
    return checkpoint.family.vocabulary


def vocoder_folder(checkpoint: Checkpoint) -> str | None:
    """The vocoder's folder in a copy."""
    if checkpoint.is_vocoder:
        return VOCOS_FILES[0].split("/")[0]
    return "vocoder" if checkpoint.vocoder else None


def measure(folder: Path, names: Iterable[FileName], known: Mapping[FileName, str | None]) -> dict[FileName, FileFacts]:
    """The facts of the files in a folder; digests those that have no `known` sha256."""
    return {
        name: FileFacts(size=(folder / name).stat().st_size, sha256=known.get(name) or sha256_of(folder / name))
        for name in names
    }


def as_on_disk(record: CopyRecord, folder: Path) -> CopyRecord:
    """The record of files that have just been digested in this folder."""
    times = {name: (folder / name).stat().st_mtime_ns for name in record.files}
    return _with_times(record, times)


def as_in_bucket(record: CopyRecord) -> CopyRecord:
    """The record without this disk's times."""
    return _with_times(record, dict.fromkeys(record.files, 0))


def is_intact(folder: Path, record: CopyRecord, *, trust_time: bool) -> bool:
    """
    Whether the files match the record.

    The size is always compared; with `trust_time` the sha256 only of files that changed since, by the clock of their file system.
    """
    return all(is_same(folder / name, facts, trust_time=trust_time) for name, facts in record.files.items())


def is_same(path: Path, facts: FileFacts, *, trust_time: bool = True) -> bool:
    """Whether a file has these facts; without `trust_time` its bytes are digested even if it seems untouched."""
    if not path.is_file() or path.stat().st_size != facts.size:
        return False
    return (trust_time and path.stat().st_mtime_ns == facts.modified_ns) or sha256_of(path) == facts.sha256


def write(folder: Path, record: CopyRecord) -> None:
    """Write the record beside its files."""
    (folder / CARD).write_bytes(to_bytes(record))


def to_bytes(record: CopyRecord) -> bytes:
    """The record as JSON."""
    return record.model_dump_json(indent=2, exclude_none=True).encode("utf-8") + b"\n"


def _with_times(record: CopyRecord, times: Mapping[FileName, int]) -> CopyRecord:
    files = {name: facts.model_copy(update={"modified_ns": times[name]}) for name, facts in record.files.items()}
    return record.model_copy(update={"files": files})
