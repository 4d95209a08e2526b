"""The sources of a checkpoint's files: the hub, a folder on this disk, or a folder that the bucket's owner filled."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cloning.errors import CheckpointUnusable
from cloning.ports import NoSuchObject, ObjectInfo, ObjectStore
from model_cache.catalog import BUCKET, CARD, HUB, Checkpoint
from model_cache.copies.record import VOCODER, VOCOS_FILES, FileName, Origin, model_name, vocab_name
from model_cache.hub import FetchHub
from model_cache.progress import Watch
from storage.bulk import sha256_of


@dataclass(frozen=True)
class Fetched:
    """
    A source's file on this disk. A private one may be changed (after `forget`) or moved, any other stays unchanged.

    `sha256` is its digest, if known.
    """

    path: Path
    private: bool
    sha256: str | None = None

    def forget(self) -> None:
        """Drop the file's note before it changes, so that the next attempt doesn't take it for the source's."""
        _note_of(self.path).unlink(missing_ok=True)


def sources_of(checkpoint: Checkpoint) -> dict[FileName, str]:
    """Each of the checkpoint's files and its location."""
    if checkpoint.is_vocoder:
        return {name: f"{checkpoint.vocoder}/{PurePosixPath(name).name}" for name in VOCOS_FILES}
    sources: dict[FileName, str] = {model_name(checkpoint): checkpoint.source}
    if checkpoint.vocab:
        sources[vocab_name(checkpoint)] = checkpoint.vocab
    if checkpoint.vocoder:
        folder = checkpoint.vocoder.rstrip("/")
        sources |= {name: f"{folder}/{name.removeprefix('vocoder/')}" for name in VOCODER}
    return sources


def existing(path: Path) -> Path:
    """Return the path if it is a file. Raises CheckpointUnusable."""
    if not path.is_file():
        raise _missing(path.name)
    return path


class Sources:
    """The original files of checkpoints, before any repair."""

    def __init__(self, store: ObjectStore, fetch_hub: FetchHub, watch: Watch) -> None:
        self._store = store
        self._fetch_hub = fetch_hub
        self._watch = watch

    def origin(self, checkpoint: Checkpoint) -> Origin:
        """What a loadable copy must have been made from: a hub URL, a version in the bucket, or a digest of the bytes."""
        return {name: self._identity(source) for name, source in sources_of(checkpoint).items()}

    def size(self, checkpoint: Checkpoint) -> int:
        """The size of the files in bytes, as far as it is known before the download: the hub's is not."""
        found = 0
        for source in sources_of(checkpoint).values():
            if source.startswith(BUCKET):
                found += self._head(source).size
            elif not source.startswith(HUB):
                found += existing(Path(source)).stat().st_size
        return found

    def fetch(self, source: str, folder: Path) -> Fetched:
        """
        Return the file on this disk; download it to `folder` if it is in the bucket, unless an intact one is already there.

        Raises CheckpointUnusable if it is missing.
        """
        if source.startswith(HUB):
            return Fetched(existing(self._fetch_hub(source)), private=False)
        if not source.startswith(BUCKET):
            return Fetched(existing(Path(source)), private=False)
        key = source.removeprefix(BUCKET)
        path = folder / key  # the whole key: files of the same name in different folders must not collide
        info = self._head(source)
        digest = _kept(path, info)
        if digest is None:
            try:
                with self._watch(f"download {path.name}", info.size) as progress:
                    digest = self._store.download(key, path, progress=progress)
            except NoSuchObject as error:
                raise _missing(path.name) from error
            _note_of(path).write_text(json.dumps({"version": info.etag, "sha256": digest}), encoding="utf-8")
        return Fetched(path, private=True, sha256=digest)

    def _identity(self, source: str) -> str:
        if source.startswith(HUB):
            return source
        if not source.startswith(BUCKET):
            return f"sha256:{sha256_of(existing(Path(source)))}"
        return f"{source}@{self._head(source).etag}"

    def _head(self, source: str) -> ObjectInfo:
        try:
            return self._store.head(source.removeprefix(BUCKET))
        except NoSuchObject as error:
            raise _missing(PurePosixPath(source).name) from error


def _note_of(path: Path) -> Path:
    """The note with the version of a file in an incoming folder, written when the file is complete."""
    return path.with_name(f".{path.name}.whole")


def _kept(path: Path, info: ObjectInfo) -> str | None:
    """The sha256 of a file that an earlier attempt downloaded; None if it is another version, or has changed since."""
    with suppress(OSError, ValueError):  # no note, or one that a crash cut short
        note = json.loads(_note_of(path).read_bytes())
        if info.etag and note["version"] == info.etag and path.stat().st_size == info.size:
            digest = sha256_of(path)
            return digest if digest == note["sha256"] else None
    return None


def _missing(name: str) -> CheckpointUnusable:
    return CheckpointUnusable(
        f"the checkpoint's folder has no file {name}: put it there, or correct the {CARD} that names it"
    )
