"""
What is known of a loadable checkpoint: its `checkpoint.json`, on a disk beside its files or in the bucket.

It is written last, so whoever reads it can rely on the files that it names; and it is a `Card`, so a folder of the cache can
be used as a checkpoint folder too.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_cache.catalog import CARD, Card, Checkpoint
from model_cache.families import XTTS

Dtype = Literal["keep", "fp16"]
FileName = Literal[
    "model.safetensors", "model.pth", "vocab.txt", "vocab.json", "vocoder/config.yaml", "vocoder/pytorch_model.bin"
]
VOCODER: tuple[FileName, FileName] = ("vocoder/config.yaml", "vocoder/pytorch_model.bin")

_log = logging.getLogger(__name__)


class FileFacts(BaseModel):
    """Size in bytes, sha256, and the time of the last change (ns) at which the sha256 was seen; 0 in the bucket."""

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    modified_ns: int = 0


class Record(Card):
    """
    A card with the facts of its files.

    `origin` says for each file what it was made from: an hf:// URL, a key and version of the bucket, or 'sha256:' and the digest
    of a file in a folder. `repair` says what was mended, or is empty; `dtype` whether the weights were halved.
    """

    origin: dict[FileName, str]
    repair: str
    dtype: Dtype = "keep"
    files: dict[FileName, FileFacts]

    @model_validator(mode="after")
    def _complete(self) -> "Record":
        if self.model not in self.files or self.files.keys() != self.origin.keys():
            raise ValueError("origin and files must name the same files, the model among them")
        return self

    @property
    def sha256(self) -> str:
        """The model file's digest, which names the checkpoint's folder."""
        return self.files[self.model_file].sha256

    @property
    def model_file(self) -> FileName:
        """The name of the file with the weights."""
        return next(name for name in self.files if name == self.model)


def model_name(checkpoint: Checkpoint) -> FileName:
    """How the file with the weights is called in a loadable copy: loaders go by it."""
    return "model.pth" if checkpoint.backbone == XTTS else "model.safetensors"


def vocab_name(checkpoint: Checkpoint) -> FileName:
    """How the vocabulary is called in a loadable copy."""
    return "vocab.json" if checkpoint.backbone == XTTS else "vocab.txt"


def parse(text: bytes) -> Record | None:
    """The record in a `checkpoint.json`; None (and a warning in the log) if it isn't one."""
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        _log.warning("checkpoint.record_damaged", extra={"problems": error.error_count()})
        return None


def measure(folder: Path, names: Iterable[FileName], known: Mapping[FileName, str | None]) -> dict[FileName, FileFacts]:
    """The facts of the files in a folder; reads every byte of those whose digest is not `known`."""
    return {
        name: FileFacts(size=(folder / name).stat().st_size, sha256=known.get(name) or sha256_of(folder / name))
        for name in names
    }


def as_on_disk(record: Record, folder: Path) -> Record:
    """The record of files that have just been digested in this folder."""
    times = {name: (folder / name).stat().st_mtime_ns for name in record.files}
    return _with_times(record, times)


def as_in_bucket(record: Record) -> Record:
    """The record without this disk's times."""
    return _with_times(record, dict.fromkeys(record.files, 0))


def is_intact(folder: Path, record: Record, *, trust_time: bool) -> bool:
    """
    Whether the files are the ones of the record.

    The size is compared always; with `trust_time` the sha256 only of files that changed since, by the clock of their file system.
    """
    return all(is_same(folder / name, facts, trust_time=trust_time) for name, facts in record.files.items())


def is_same(path: Path, facts: FileFacts, *, trust_time: bool = True) -> bool:
    """Whether a file has these facts; without `trust_time` its bytes are digested even if it seems untouched."""
    if not path.is_file() or path.stat().st_size != facts.size:
        return False
    return (trust_time and path.stat().st_mtime_ns == facts.modified_ns) or sha256_of(path) == facts.sha256


def write(folder: Path, record: Record) -> None:
    """Put the record beside its files."""
    (folder / CARD).write_bytes(to_bytes(record))


def to_bytes(record: Record) -> bytes:
    """The record as JSON."""
    return record.model_dump_json(indent=2, exclude_none=True).encode("utf-8") + b"\n"


def _with_times(record: Record, times: Mapping[FileName, int]) -> Record:
    files = {name: facts.model_copy(update={"modified_ns": times[name]}) for name, facts in record.files.items()}
    return record.model_copy(update={"files": files})


def sha256_of(path: Path) -> str:
    """The digest of a file, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
