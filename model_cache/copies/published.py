"""
Loadable copies in the bucket: `checkpoints/<name>/<digest>/`, with the record as `checkpoint.json`.

The record is written last, so a reader can rely on the files that it names. The keys are named by the digest over all files,
so a record never names other files, and workers that publish at the same time write the same objects.
"""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from cloning import keys
from cloning.object_keys import content_type
from cloning.ports import AlreadyExists, Changed, NoSuchObject, ObjectStore
from model_cache.catalog import CARD
from model_cache.copies import record as records
from model_cache.copies.record import CopyRecord, FileName
from model_cache.progress import Watch
from storage.bulk import sha256_of

_log = logging.getLogger(__name__)


class Published:
    """The loadable copies that the bucket holds."""

    def __init__(self, store: ObjectStore, watch: Watch) -> None:
        self._store = store
        self._watch = watch
        self.bucket = hashlib.sha256(store.identity.encode()).hexdigest()[:16]
        """Identifies the bucket on a disk that is used with several."""

    def names(self) -> list[str]:
        """The checkpoints that have any object in the bucket."""
        folders = (info.key.removeprefix(keys.CHECKPOINTS).split("/")[0] for info in self._store.list(keys.CHECKPOINTS))
        return [name for name in dict.fromkeys(folders) if keys.is_id(name)]

    def records(self, name: str) -> Iterator[CopyRecord]:
        """The records of a checkpoint's published copies; damaged records are skipped."""
        return (record for _, record in self.found(name) if record)

    def found(self, name: str) -> Iterator[tuple[str, CopyRecord | None]]:
        """Each published copy's folder and its record: None if the record is damaged or belongs to another folder."""
        for info in self._store.list(keys.checkpoint_folder(name)):
            if info.key.endswith(f"/{CARD}") and info.key != keys.checkpoint_card(name):
                try:
                    record = records.parse(self._store.get(info.key).body)
                except NoSuchObject:  # removed since it was listed
                    continue
                yield info.key.split("/")[-2], record if record and info.key == key_of(record, CARD) else None

    def download(self, record: CopyRecord, folder: Path) -> None:
        """Download the files and check each sha256; intact files of an earlier attempt are kept."""
        for name, facts in record.files.items():
            path = folder / name
            if path.is_file() and sha256_of(path) == facts.sha256:
                continue
            with self._watch(f"download {record.name}/{name}", facts.size) as progress:
                self._store.download(key_of(record, name), path, sha256=facts.sha256, progress=progress)

    def publish(self, folder: Path, record: CopyRecord, *, again: bool = False) -> bool:
        """
        Make sure that the bucket has the copy; return whether its files were sent.

        `again` sends the files even if the record is there, because they were found damaged. Where only the description of the
        copy has changed (a note, a licence), only the record is written.
        """
        wanted = records.as_in_bucket(record)
        stored = None if again else self._stored(wanted)
        if stored:
            if stored != wanted:
                self._point_to(wanted)
            return False
        for name, facts in record.files.items():
            with self._watch(f"upload {record.name}/{name}", facts.size) as progress:
                self._store.upload(
                    key_of(record, name), folder / name, content_type=content_type(name), progress=progress
                )
        self._point_to(wanted)
        return True

    def missing(self, record: CopyRecord) -> list[FileName]:
        """The files of a published copy that are missing or have another size; costs one HEAD per file."""
        return [name for name, facts in record.files.items() if self._size(key_of(record, name)) != facts.size]

    def _stored(self, wanted: CopyRecord) -> CopyRecord | None:
        """The record in the bucket, if it names the same files."""
        try:
            stored = records.parse(self._store.get(key_of(wanted, CARD)).body)
        except NoSuchObject:
            return None
        return stored if stored and (stored.name, stored.files) == (wanted.name, wanted.files) else None

    def _point_to(self, record: CopyRecord) -> None:
        key, body, kind = key_of(record, CARD), records.to_bytes(record), content_type(CARD)
        try:
            self._store.create(key, body, content_type=kind)
        except AlreadyExists:
            stored = self._store.get(key)
            if stored.body == body:
                return
            try:
                self._store.replace(key, body, etag=stored.etag, content_type=kind)
            except Changed:  # another worker has just written the same
                _log.info("checkpoint.published_by_another", extra={"checkpoint": record.name})

    def _size(self, key: str) -> int | None:
        try:
            return self._store.head(key).size
        except NoSuchObject:
            return None


def key_of(record: CopyRecord, name: str) -> str:
    """The bucket key of a copy's file."""
    return keys.checkpoint_file(record.name, record.digest, name.replace("/", "."))
