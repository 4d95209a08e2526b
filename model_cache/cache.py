"""
A checkpoint on this disk, loadable: from the local cache, else the bucket, else the hub or the folder that it comes from.

Whoever needs a checkpoint first fetches it, has it repaired on a private copy (a source is never changed), places it on the
local disk by a rename, and publishes it in the bucket, `checkpoint.json` last. The next worker downloads the repaired one.

What is checked when:
    fetched     header, names and shapes against the architecture; the sha256 of every file is taken (from the bucket: compared)
    each load   the size of every file, header, names and shapes; the sha256 again if a file changed since it was last seen
A copy that fails is fetched again. A checkpoint folder's own files are digested at each load, so a new file there is noticed.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cloning import keys
from cloning.errors import CheckpointUnusable, ServiceError
from cloning.object_keys import content_type
from cloning.ports import DigestMismatch, NoSuchObject, ObjectStore
from model_cache import record as records
from model_cache.catalog import CARD, HUB, Architecture, Checkpoint
from model_cache.hub import FetchHub, hub_fetcher
from model_cache.record import MODEL, VOCAB, VOCODER, FileFacts, FileName, Record
from model_cache.repair import copy, expect_loadable, make_loadable
from model_cache.shelf import Shelf

CameFrom = Literal["local", "bucket", "hub", "folder"]
Origin = Mapping[FileName, str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalCheckpoint:
    """
    A checkpoint that f5_tts loads from this disk. `vocab_path` None is f5_tts's own, `vocoder_path` None the hub's Vocos.

    `sha256` is the model file's; `repaired` says that the file is not byte for byte what its source has.
    """

    checkpoint: Checkpoint
    model_path: Path
    vocab_path: Path | None
    vocoder_path: Path | None
    sha256: str
    came_from: CameFrom
    repaired: bool

    @property
    def backbone(self) -> str:
        return self.checkpoint.backbone

    @property
    def arch(self) -> Mapping[str, Any]:
        return self.checkpoint.arch


class CheckpointCache:
    """Checkpoints in `folder`, shared by the threads and processes of this machine, and with other machines through `store`."""

    def __init__(self, store: ObjectStore, folder: Path, fetch_hub: FetchHub | None = None) -> None:
        self._store = store
        self._folder = folder
        self._fetch_hub = fetch_hub or hub_fetcher(folder / "hub")

    def local(self, checkpoint: Checkpoint) -> LocalCheckpoint:
        """
        The checkpoint, loadable; brings it here if it must.

        Raises CheckpointUnusable if it can't be had or can't be made loadable, or this disk is full or read-only;
        StorageUnavailable or StorageMisconfigured if the bucket can't be asked for it.
        """
        with _disk_trouble_explained():
            origin = self._origin(checkpoint)
            found = self._on_disk(checkpoint, origin) or self._bring(checkpoint, origin)
        facts = {
            "checkpoint": checkpoint.name,
            "came_from": found.came_from,
            "repaired": found.repaired,
            "sha256": found.sha256,
        }
        _log.info("checkpoint.ready", extra=facts)
        return found

    def _bring(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint:
        with self._shelf(checkpoint).one_writer():
            return (
                self._on_disk(checkpoint, origin)  # another one was faster
                or self._from_bucket(checkpoint, origin)
                or self._from_source(checkpoint, origin)
            )

    def _on_disk(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint | None:
        for folder, record in self._shelf(checkpoint).copies():
            if record.origin == origin and _is_usable(folder, record, checkpoint):
                return _local(checkpoint, folder, record, "local")
        return None

    def _from_bucket(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint | None:
        for info in self._store.list(keys.checkpoint_folder(checkpoint.name)):
            if not info.key.endswith(f"/{CARD}"):
                continue
            try:
                record = records.parse(self._store.get(info.key).body)
                if record and record.origin == origin:
                    return self._download(checkpoint, record)
            except (NoSuchObject, DigestMismatch, CheckpointUnusable):
                _log.warning("checkpoint.published_copy_damaged", extra={"checkpoint": checkpoint.name}, exc_info=True)
        return None

    def _download(self, checkpoint: Checkpoint, record: Record) -> LocalCheckpoint:
        shelf = self._shelf(checkpoint)
        with shelf.staging() as folder:
            for name, facts in record.files.items():
                self._store.download(_key(record, name), folder / name, sha256=facts.sha256)
            expect_loadable(folder / MODEL, checkpoint, _vocab(folder, checkpoint))
            return _local(checkpoint, shelf.place(folder, record), record, "bucket")

    def _from_source(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint:
        shelf = self._shelf(checkpoint)
        with shelf.staging() as folder:
            for name, source in _sources(checkpoint).items():
                if name != MODEL:
                    copy(self._fetch(source), folder / name)
            repair = make_loadable(
                self._fetch_model(checkpoint), folder / MODEL, checkpoint, _vocab(folder, checkpoint)
            )
            record = _describe(checkpoint, origin, repair, records.measure(folder, origin))
            placed = shelf.place(folder, record)
        self._publish(placed, record)
        return _local(checkpoint, placed, record, "hub" if checkpoint.on_hub else "folder")

    def _publish(self, folder: Path, record: Record) -> None:
        """Data first, pointer last. This worker has what it needs: if the bucket takes nothing, others fetch for themselves."""
        try:
            for name in record.files:
                self._store.upload(_key(record, name), folder / name, content_type=content_type(name))
            card = records.to_bytes(records.as_in_bucket(record))
            self._store.put(_key(record, CARD), card, content_type=content_type(CARD))
        except ServiceError as error:
            _log.warning("checkpoint.not_published", extra={"checkpoint": record.name, "code": error.code})

    def _origin(self, checkpoint: Checkpoint) -> Origin:
        """What the loadable copy must have been made from: the hub's file of that URL, or these very bytes of a folder."""
        return {
            name: source if source.startswith(HUB) else f"sha256:{records.sha256_of(self._fetch(source))}"
            for name, source in _sources(checkpoint).items()
        }

    def _fetch_model(self, checkpoint: Checkpoint) -> Path:
        path = self._fetch(checkpoint.source)
        if checkpoint.sha256 and records.sha256_of(path) != checkpoint.sha256:
            raise CheckpointUnusable(
                f"{path.name} is not the file that the catalogue knows as {checkpoint.name!r}: its sha256 differs"
            )
        return path

    def _fetch(self, source: str) -> Path:
        path = self._fetch_hub(source) if source.startswith(HUB) else Path(source)
        if not path.is_file():
            raise CheckpointUnusable(
                f"the checkpoint's folder has no file {path.name}: put it there, or mend the {CARD} that names it"
            )
        return path

    def _shelf(self, checkpoint: Checkpoint) -> Shelf:
        return Shelf(self._folder, checkpoint.name)


def _is_usable(folder: Path, record: Record, checkpoint: Checkpoint) -> bool:
    try:
        expect_loadable(folder / MODEL, checkpoint, _vocab(folder, checkpoint))
        usable = records.is_intact(folder, record)
    except (CheckpointUnusable, FileNotFoundError):
        usable = False
    if not usable:
        _log.warning("checkpoint.local_copy_damaged", extra={"checkpoint": checkpoint.name})
    return usable


@contextmanager
def _disk_trouble_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointUnusable(
            f"a checkpoint's file can't be read or written ({error.strerror}): MODEL_CACHE_DIR must be a folder that this user may "
            "write, with 3 GB free for a checkpoint"
        ) from error


def _vocab(folder: Path, checkpoint: Checkpoint) -> Path | None:
    return folder / VOCAB if checkpoint.vocab else None


def _sources(checkpoint: Checkpoint) -> dict[FileName, str]:
    sources: dict[FileName, str] = {MODEL: checkpoint.source}
    if checkpoint.vocab:
        sources[VOCAB] = checkpoint.vocab
    if checkpoint.vocoder:
        folder = checkpoint.vocoder.rstrip("/")
        sources |= {name: f"{folder}/{name.removeprefix('vocoder/')}" for name in VOCODER}
    return sources


def _key(record: Record, name: str) -> str:
    return keys.checkpoint_file(record.name, record.sha256, name.replace("/", "."))


def _describe(checkpoint: Checkpoint, origin: Origin, repair: str, files: Mapping[FileName, FileFacts]) -> Record:
    return Record(
        name=checkpoint.name,
        config=checkpoint.config,
        architecture=Architecture.model_validate({"backbone": checkpoint.backbone, "arch": dict(checkpoint.arch)}),
        model=MODEL,
        vocab=VOCAB if checkpoint.vocab else None,
        vocoder="vocoder" if checkpoint.vocoder else None,
        languages=checkpoint.languages,
        license=checkpoint.license,
        commercial=checkpoint.commercial,
        note=checkpoint.note,
        origin=dict(origin),
        repair=repair,
        files=dict(files),
    )


def _local(checkpoint: Checkpoint, folder: Path, record: Record, came_from: CameFrom) -> LocalCheckpoint:
    return LocalCheckpoint(
        checkpoint=checkpoint,
        model_path=folder / MODEL,
        vocab_path=_vocab(folder, checkpoint),
        vocoder_path=folder / "vocoder" if checkpoint.vocoder else None,
        sha256=record.sha256,
        came_from=came_from,
        repaired=bool(record.repair),
    )
