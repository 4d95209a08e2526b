"""
A checkpoint on this disk, loadable: from the local cache, else the bucket, else the hub or the folder that it comes from.

Whoever needs a checkpoint first fetches it, has it repaired on a private copy (a source is never changed), places it on the
local disk by a rename, and publishes it in the bucket, `checkpoint.json` last. The next worker downloads the repaired one.

What is checked when:
    fetched     header, names and shapes against the architecture; the sha256 of every file is taken (from the bucket: compared)
    first load  of a process: as when fetched, the sha256 of every file included
    each load   the size of every file, header, names and shapes; the sha256 again if a file changed since it was last seen
A copy that fails is fetched again. A checkpoint folder's own files are digested at each load, so a new file there is noticed.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cloning.errors import CheckpointUnusable, ServiceError
from cloning.ports import DigestMismatch, NoSuchObject, ObjectStore
from model_cache import record as records
from model_cache.catalog import Architecture, Checkpoint
from model_cache.eviction import evict
from model_cache.hub import FetchHub, drop, hub_fetcher
from model_cache.inspection import inspect
from model_cache.lease import Lease
from model_cache.prepare import expect_known, prepare
from model_cache.published import Published
from model_cache.record import Dtype, FileFacts, FileName, Record, model_name, vocab_name
from model_cache.repair import copy, expect_loadable
from model_cache.shelf import Shelf, is_published, mark_published
from model_cache.sources import Origin, Sources
from model_cache.watch import Watch, unwatched

CameFrom = Literal["local", "bucket", "hub", "folder"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalCheckpoint:
    """
    A checkpoint that f5_tts loads from this disk. `vocab_path` None is f5_tts's own, `vocoder_path` None the hub's Vocos.

    `sha256` is the model file's; `repaired` says that the file is not byte for byte what its source has. The files stay until
    the `lease` is released, or this object is gone.
    """

    checkpoint: Checkpoint
    model_path: Path
    vocab_path: Path | None
    vocoder_path: Path | None
    sha256: str
    came_from: CameFrom
    repaired: bool
    lease: Lease = field(repr=False, compare=False)

    @property
    def backbone(self) -> str:
        return self.checkpoint.backbone

    @property
    def arch(self) -> Mapping[str, Any]:
        return self.checkpoint.arch


class CheckpointCache:
    """
    Checkpoints in `folder`, shared by the threads and processes of this machine, and with other machines through `store`.

    `max_bytes` bounds what the copies here take (None: nothing does); `dtype` 'fp16' halves the weights when they are prepared.
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        fetch_hub: FetchHub | None = None,
        *,
        max_bytes: int | None = None,
        dtype: Dtype = "keep",
        watch: Watch = unwatched,
    ) -> None:
        self._folder = folder
        self._proved: set[Path] = set()
        self._hub_folder = folder / ".hub"  # no checkpoint can have that name
        self._sources = Sources(store, fetch_hub or hub_fetcher(self._hub_folder), watch)
        self._published = Published(store, watch)
        self._max_bytes = max_bytes
        self._dtype: Dtype = dtype
        self._watch = watch

    def local(self, checkpoint: Checkpoint) -> LocalCheckpoint:
        """
        The checkpoint, loadable; brings it here if it must.

        Raises CheckpointUnusable if it can't be had or can't be made loadable, or this disk is full or read-only;
        StorageUnavailable or StorageMisconfigured if the bucket can't be asked for it.
        """
        with _disk_trouble_explained():
            origin = self._sources.origin(checkpoint)
            found = self._on_disk(checkpoint, origin) or self._bring(checkpoint, origin)
            self._shelf(checkpoint).tidy(_digest_of(origin), found.sha256)
        facts = {
            "checkpoint": checkpoint.name,
            "came_from": found.came_from,
            "repaired": found.repaired,
            "sha256": found.sha256,
        }
        _log.info("checkpoint.ready", extra=facts)
        return found

    def push(self, checkpoint: Checkpoint) -> tuple[LocalCheckpoint, bool]:
        """Make sure that the bucket has the loadable copy, and say whether it was sent now. Raises what `local` and the store raise."""
        found = self.local(checkpoint)
        folder = found.model_path.parent
        record = next(record for path, record in self._shelf(checkpoint).copies() if path == folder)
        with _disk_trouble_explained():
            sent = self._published.publish(folder, record, again=bool(self._published.missing(record)))
        return found, sent

    def _bring(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint:
        with self._shelf(checkpoint).one_writer():
            found = self._on_disk(checkpoint, origin)  # another one was faster
            if found is None:
                damaged: set[str] = set()
                found = self._from_bucket(checkpoint, origin, damaged) or self._from_source(checkpoint, origin, damaged)
        self._evict(0)
        return found

    def _on_disk(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint | None:
        for folder, record in self._shelf(checkpoint).copies():
            if (record.origin, record.dtype) == (origin, self._dtype_of(checkpoint)):
                lease = Lease(folder)
                if self._is_usable(folder, record, checkpoint):
                    self._publish(folder, record)
                    return _local(checkpoint, folder, record, "local", lease)
                lease.release()
        return None

    def _from_bucket(self, checkpoint: Checkpoint, origin: Origin, damaged: set[str]) -> LocalCheckpoint | None:
        """`damaged` gets the digest of each published copy that is not what its record says."""
        for record in self._published.records(checkpoint.name):
            if (record.origin, record.dtype) == (origin, self._dtype_of(checkpoint)):
                try:
                    return self._download(checkpoint, record)
                except (NoSuchObject, DigestMismatch, CheckpointUnusable):
                    damaged.add(record.sha256)
                    facts = {"checkpoint": checkpoint.name}
                    _log.warning("checkpoint.published_copy_damaged", extra=facts, exc_info=True)
        return None

    def _download(self, checkpoint: Checkpoint, record: Record) -> LocalCheckpoint:
        shelf = self._shelf(checkpoint)
        self._evict(sum(facts.size for facts in record.files.values()))
        with shelf.incoming(record.sha256) as folder:
            self._published.download(record, folder)
            expect_loadable(folder / model_name(checkpoint), checkpoint, _vocab(folder, checkpoint))
            placed, lease = shelf.place(folder, record)
        mark_published(placed)
        return _local(checkpoint, placed, record, "bucket", lease)

    def _from_source(self, checkpoint: Checkpoint, origin: Origin, damaged: set[str]) -> LocalCheckpoint:
        shelf = self._shelf(checkpoint)
        with shelf.incoming(_digest_of(origin)) as raw, shelf.staging() as folder:
            sources = self._sources.of(checkpoint)
            fetched = {name: self._sources.fetch(source, raw) for name, source in sources.items()}
            model = fetched[model_name(checkpoint)]
            with self._dropped_if_damaged(checkpoint, model.path):
                expect_known(checkpoint, model.path)
            for name in sources.keys() - {model_name(checkpoint)}:
                copy(fetched[name].path, folder / name)
            vocab = _vocab(folder, checkpoint)
            out, dtype = folder / model_name(checkpoint), self._dtype_of(checkpoint)
            with self._dropped_if_damaged(checkpoint, model.path):
                done = prepare(model, out, checkpoint, vocab, dtype=dtype, watch=self._watch)
            files = records.measure(folder, origin, {model_name(checkpoint): done.sha256})
            record = _describe(checkpoint, origin, done.mended, dtype, files)
            placed, lease = shelf.place(folder, record)
        self._publish(placed, record, again=record.sha256 in damaged)
        if checkpoint.on_hub:
            drop(model.path, self._hub_folder)
        return _local(checkpoint, placed, record, _came_from(checkpoint), lease)

    @contextmanager
    def _dropped_if_damaged(self, checkpoint: Checkpoint, path: Path) -> Iterator[None]:
        """A damaged file goes from the hub's cache, so that the next call fetches it again; a whole one stays, refused or not."""
        try:
            yield
        except CheckpointUnusable:
            unreadable = inspect(path).layout == "unreadable"
            if checkpoint.on_hub and (unreadable or (checkpoint.sha256 not in (None, records.sha256_of(path)))):
                drop(path, self._hub_folder)
            raise

    def _publish(self, folder: Path, record: Record, *, again: bool = False) -> None:
        """Tell the others, once. If the bucket takes nothing, they fetch for themselves; the next load here tries again."""
        if (is_published(folder) and not again) or not os.access(folder.parent, os.W_OK):
            return
        try:
            self._published.publish(folder, record, again=again)
            mark_published(folder)
        except (ServiceError, DigestMismatch, NoSuchObject) as error:
            code = error.code if isinstance(error, ServiceError) else type(error).__name__
            _log.warning("checkpoint.not_published", extra={"checkpoint": record.name, "code": code})

    def _is_usable(self, folder: Path, record: Record, checkpoint: Checkpoint) -> bool:
        """The first time in this process every byte is digested: a disk may change them without a trace."""
        try:
            expect_loadable(folder / model_name(checkpoint), checkpoint, _vocab(folder, checkpoint))
            usable = records.is_intact(folder, record, trust_time=folder in self._proved)
        except (CheckpointUnusable, FileNotFoundError):
            usable = False
        if usable:
            self._proved.add(folder)
        else:
            _log.warning("checkpoint.local_copy_damaged", extra={"checkpoint": checkpoint.name})
        return usable

    def _evict(self, needed: int) -> None:
        if self._max_bytes is not None:
            evict(self._folder, max(self._max_bytes - needed, 0))

    def _dtype_of(self, checkpoint: Checkpoint) -> Dtype:
        """XTTS computes in fp32 on every device: halved weights would be other weights."""
        return "keep" if checkpoint.engine == "xtts" else self._dtype

    def _shelf(self, checkpoint: Checkpoint) -> Shelf:
        return Shelf(self._folder, checkpoint.name)


@contextmanager
def _disk_trouble_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "UNKNOWN")
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = (
            "the disk is full: make room, or set MODEL_CACHE_MAX_GB so that checkpoints out of use go"
            if full
            else f"a checkpoint's file can't be read or written ({error.strerror})"
        )
        raise CheckpointUnusable(
            f"{what}. MODEL_CACHE_DIR must be a folder that this user may write, with 3 GB free for a checkpoint",
            os_code=code,
        ) from error


def _vocab(folder: Path, checkpoint: Checkpoint) -> Path | None:
    return folder / vocab_name(checkpoint) if checkpoint.vocab else None


def _came_from(checkpoint: Checkpoint) -> CameFrom:
    return "hub" if checkpoint.on_hub else "bucket" if checkpoint.in_bucket else "folder"


def _digest_of(origin: Origin) -> str:
    return hashlib.sha256(json.dumps(dict(origin), sort_keys=True).encode()).hexdigest()


def _describe(
    checkpoint: Checkpoint, origin: Origin, repair: str, dtype: Dtype, files: Mapping[FileName, FileFacts]
) -> Record:
    return Record(
        name=checkpoint.name,
        config=checkpoint.config,
        architecture=Architecture.model_validate({"backbone": checkpoint.backbone, "arch": dict(checkpoint.arch)}),
        model=model_name(checkpoint),
        vocab=vocab_name(checkpoint) if checkpoint.vocab else None,
        vocoder="vocoder" if checkpoint.vocoder else None,
        languages=checkpoint.languages,
        license=checkpoint.license,
        commercial=checkpoint.commercial,
        note=checkpoint.note,
        origin=dict(origin),
        repair=repair,
        dtype=dtype,
        files=dict(files),
    )


def _local(checkpoint: Checkpoint, folder: Path, record: Record, came_from: CameFrom, lease: Lease) -> LocalCheckpoint:
    return LocalCheckpoint(
        checkpoint=checkpoint,
        model_path=folder / model_name(checkpoint),
        vocab_path=_vocab(folder, checkpoint),
        vocoder_path=folder / "vocoder" if checkpoint.vocoder else None,
        sha256=record.sha256,
        came_from=came_from,
        repaired=bool(record.repair),
        lease=lease,
    )
