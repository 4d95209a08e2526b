"""
Loadable checkpoints on this disk: from the local cache, else the bucket, else the hub or the checkpoint's own folder.

The first worker that needs a checkpoint fetches it, repairs a private copy (a source is never changed), places it on the
local disk by a rename, and publishes it in the bucket, `checkpoint.json` last (in the background, see model_cache.background).
The next worker downloads the repaired copy.

What is checked when:
    fetched     header, names and shapes against the architecture; the sha256 of every file is taken (from the bucket: compared)
    first load  in a process that didn't fetch it: the same, including the sha256 of every file
    each load   the size of every file, header, names and shapes; the sha256 again if a file changed since it was last seen
A copy that fails is fetched again. A checkpoint folder's own files are digested at each load, so a new file there is noticed.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloning.errors import CheckpointUnusable, ServiceError
from cloning.ports import DigestMismatch, NoSuchObject, ObjectStore
from model_cache.background import Later, at_once
from model_cache.catalog import Checkpoint, default_vocoder
from model_cache.copies import record as records
from model_cache.copies.disk_errors import not_in_the_way, trouble_explained
from model_cache.copies.eviction import evict
from model_cache.copies.lease import InUse
from model_cache.copies.published import Published
from model_cache.copies.record import CopyRecord, Dtype, Origin, digest_of, model_name
from model_cache.copies.shelf import Shelf, is_published, mark_published
from model_cache.hub import FetchHub, drop, hub_fetcher
from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import expect_loadable
from model_cache.local_checkpoint import CameFrom, LocalCheckpoint, local_copy, vocabulary_in
from model_cache.prepare import Prepared, expect_known, prepare, take
from model_cache.progress import Watch, unwatched
from model_cache.sources import Fetched, Sources, sources_of
from storage.bulk import sha256_of

_log = logging.getLogger(__name__)


class CheckpointCache:
    """
    Checkpoints in `folder`, shared by the threads and processes of this machine, and with other machines through `store`.

    `max_bytes` bounds the size of all copies in `folder` (None: no bound); `dtype` 'fp16' halves the weights when they are
    prepared; `later` decides when a copy is published.
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
        later: Later = at_once,
    ) -> None:
        self._folder = folder
        self._proved: set[Path] = set()
        self._hub_folder = folder / ".hub"  # no checkpoint can have that name
        self._sources = Sources(store, fetch_hub or hub_fetcher(self._hub_folder), watch)
        self._published = Published(store, watch)
        self._max_bytes = max_bytes
        self._dtype: Dtype = dtype
        self._watch = watch
        self._later = later

    def local(self, checkpoint: Checkpoint) -> LocalCheckpoint:
        """
        Return the checkpoint, loadable; fetch it if necessary.

        Raises CheckpointUnusable if it can't be fetched or made loadable, or this disk is full or read-only;
        StorageUnavailable or StorageMisconfigured if the bucket can't be asked for it.
        """
        with trouble_explained():
            origin = self._sources.origin(checkpoint)
            found = self._on_disk(checkpoint, origin) or self._fetch(checkpoint, origin)
            with not_in_the_way():
                self._shelf(checkpoint).tidy(digest_of(origin), found.lease.folder.name)
        facts = {
            "checkpoint": checkpoint.name,
            "came_from": found.came_from,
            "repaired": found.repaired,
            "sha256": found.sha256,
        }
        _log.info("checkpoint.ready", extra=facts)
        return found

    def vocoder(self) -> LocalCheckpoint | None:
        """Return f5_tts's default vocoder in `vocoder_path`; None (and a warning in the log) if that fails: f5_tts then asks the hub."""
        try:
            return self.local(default_vocoder())
        except ServiceError as error:
            _log.warning("vocoder.not_cached", extra={"code": error.code, "reason": error.message})
            return None

    def push(self, checkpoint: Checkpoint) -> tuple[LocalCheckpoint, bool]:
        """Make sure that the bucket has the loadable copy; return whether it was sent now. Raises what `local` and the store raise."""
        found = self.local(checkpoint)
        folder = found.lease.folder
        record = next(record for path, record in self._shelf(checkpoint).copies() if path == folder)
        with trouble_explained():
            sent = self._published.publish(folder, record, again=bool(self._published.missing(record)))
        return found, sent

    def _fetch(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint:
        with self._shelf(checkpoint).one_writer():
            found = self._on_disk(checkpoint, origin)  # another writer may have been faster
            if found is None:
                damaged: set[str] = set()
                found = self._with_room(
                    lambda: (
                        self._from_bucket(checkpoint, origin, damaged) or self._from_source(checkpoint, origin, damaged)
                    )
                )
        self._evict(0)
        return found

    def _with_room(self, fetch: Callable[[], LocalCheckpoint]) -> LocalCheckpoint:
        """If the disk is full even so (others use it too), evict every unused copy, whatever the limit, and retry once."""
        try:
            return fetch()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not evict(self._folder, 0):
                raise
        return fetch()

    def _on_disk(self, checkpoint: Checkpoint, origin: Origin) -> LocalCheckpoint | None:
        for folder, record in self._shelf(checkpoint).copies():
            if record.serves(origin, self._dtype_of(checkpoint)):
                lease = InUse(folder)
                if self._is_usable(folder, record, checkpoint):
                    self._publish(folder, record)
                    return local_copy(checkpoint, folder, record, "local", lease)
                lease.release()
        return None

    def _from_bucket(self, checkpoint: Checkpoint, origin: Origin, damaged: set[str]) -> LocalCheckpoint | None:
        """Download a published copy; add to `damaged` the digest of each one that differs from its record."""
        for record in self._published.records(checkpoint.name):
            if record.serves(origin, self._dtype_of(checkpoint)):
                try:
                    return self._download(checkpoint, record)
                except (NoSuchObject, DigestMismatch, CheckpointUnusable):
                    damaged.add(record.digest)
                    facts = {"checkpoint": checkpoint.name}
                    _log.warning("checkpoint.published_copy_damaged", extra=facts, exc_info=True)
        return None

    def _download(self, checkpoint: Checkpoint, record: CopyRecord) -> LocalCheckpoint:
        shelf = self._shelf(checkpoint)
        self._evict(sum(facts.size for facts in record.files.values()))
        with shelf.incoming(record.digest) as folder:
            self._published.download(record, folder)
            _expect_loadable(folder, checkpoint)
            placed, lease = shelf.place(folder, record)
        self._proved.add(placed)
        with not_in_the_way():
            mark_published(placed, self._published.bucket)
        return local_copy(checkpoint, placed, record, "bucket", lease)

    def _from_source(self, checkpoint: Checkpoint, origin: Origin, damaged: set[str]) -> LocalCheckpoint:
        shelf, on_hub = self._shelf(checkpoint), checkpoint.on_hub
        self._evict(self._sources.size(checkpoint))
        with shelf.incoming(digest_of(origin)) as raw, shelf.staging() as folder:
            fetched = {name: self._sources.fetch(source, raw) for name, source in sources_of(checkpoint).items()}
            self._evict(2 * sum(each.path.stat().st_size for each in fetched.values()))
            kept_as_is = fetched.keys() if checkpoint.is_vocoder else fetched.keys() - {model_name(checkpoint)}
            for name in kept_as_is:
                take(fetched[name], folder / name)
            done = Prepared("", None, "any")
            if not checkpoint.is_vocoder:
                done = self._prepare(fetched[model_name(checkpoint)], folder, checkpoint)
            known = {name: fetched[name].sha256 for name in kept_as_is} | {model_name(checkpoint): done.sha256}
            files = records.measure(folder, origin, known)
            record = records.describe(checkpoint, origin, done.mended, done.precision, files)
            placed, lease = shelf.place(folder, record)
        self._proved.add(placed)
        self._publish(placed, record, again=record.digest in damaged)
        for each in fetched.values() if on_hub else ():
            with not_in_the_way():
                drop(each.path, self._hub_folder)
        return local_copy(checkpoint, placed, record, _came_from(checkpoint), lease)

    def _prepare(self, model: Fetched, folder: Path, checkpoint: Checkpoint) -> Prepared:
        with self._dropped_if_damaged(checkpoint, model.path):
            expect_known(checkpoint, model)
            vocab, dtype = vocabulary_in(folder, checkpoint), self._dtype_of(checkpoint)
            return prepare(model, folder / model_name(checkpoint), checkpoint, vocab, dtype=dtype, watch=self._watch)

    @contextmanager
    def _dropped_if_damaged(self, checkpoint: Checkpoint, path: Path) -> Iterator[None]:
        """Drop a damaged file from the hub's cache, so that the next call fetches it again; an intact one stays even if refused."""
        try:
            yield
        except CheckpointUnusable:
            unreadable = inspect(path).layout == "unreadable"
            if checkpoint.on_hub and (unreadable or (checkpoint.sha256 not in (None, sha256_of(path)))):
                drop(path, self._hub_folder)
            raise

    def _publish(self, folder: Path, record: CopyRecord, *, again: bool = False) -> None:
        """Publish the copy for other workers, once. If the bucket refuses it, they fetch for themselves; the next load tries again."""
        if (is_published(folder, self._published.bucket) and not again) or not os.access(folder.parent, os.W_OK):
            return
        lease = InUse(folder)  # prevents eviction meanwhile

        def work() -> None:
            try:
                self._publish_now(folder, record, again=again)
            finally:
                lease.release()

        self._later(work)

    def _publish_now(self, folder: Path, record: CopyRecord, *, again: bool) -> None:
        bucket = self._published.bucket
        try:
            with Shelf(self._folder, record.name).one_publisher():
                if again or not is_published(folder, bucket):  # another worker of this machine may have been faster
                    self._published.publish(folder, record, again=again)
                    with not_in_the_way():
                        mark_published(folder, bucket)
        except (ServiceError, DigestMismatch, NoSuchObject) as error:
            code = error.code if isinstance(error, ServiceError) else type(error).__name__
            _log.warning("checkpoint.not_published", extra={"checkpoint": record.name, "code": code})

    def _is_usable(self, folder: Path, record: CopyRecord, checkpoint: Checkpoint) -> bool:
        """Check the copy, every byte of it the first time in this process: a disk may change bytes without a trace."""
        try:
            _expect_loadable(folder, checkpoint)
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
            with not_in_the_way():
                evict(self._folder, max(self._max_bytes - needed, 0))

    def _dtype_of(self, checkpoint: Checkpoint) -> Dtype:
        """Keep the precision of a family that computes in fp32 on every device: halved weights would sound different."""
        return self._dtype if checkpoint.family.can_be_halved else "keep"

    def _shelf(self, checkpoint: Checkpoint) -> Shelf:
        return Shelf(self._folder, checkpoint.name)


def _expect_loadable(folder: Path, checkpoint: Checkpoint) -> None:
    if not checkpoint.is_vocoder:  # f5_tts reads a vocoder's file itself; only its sha256 is known here
        expect_loadable(folder / model_name(checkpoint), checkpoint, vocabulary_in(folder, checkpoint))


def _came_from(checkpoint: Checkpoint) -> CameFrom:
    return "hub" if checkpoint.on_hub else "bucket" if checkpoint.in_bucket else "folder"
