"""
Every checkpoint that can be named: the catalogue's, a folder's, and the bucket's.

To add your own, put a folder into the bucket: `checkpoints/<name>/checkpoint.json` (see model_cache.catalog; its `name` is
the folder's) with the files that it names beside it. The catalogue's names can't be taken.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cloning import keys
from cloning.errors import CheckpointUnusable, InvalidRequest, LicenseRefused
from cloning.names import EngineName
from cloning.ports import NoSuchObject, ObjectStore
from model_cache.catalog import BUCKET, CARD, UNKNOWN, Checkpoint, Entry, entries, find, of_card, parse_card
from model_cache.copies.disk_errors import trouble_explained
from model_cache.prepare import inspected
from model_cache.sources import existing, sources_of


@dataclass(frozen=True)
class Listed:
    """An entry of the listing; `problem` says why a checkpoint can't be used."""

    name: str
    source: str
    config: str
    languages: tuple[str, ...]
    license: str
    commercial: bool
    note: str
    problem: str = ""


class Library:
    """Finds checkpoints by name, in the catalogue before the bucket."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, Checkpoint] = {}
        self._loadable: dict[str, tuple[object, ...]] = {}

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return entries()

    def find(self, name: str) -> Checkpoint:
        """
        Find the checkpoint of that name, or in the folder of that path.

        Raises InvalidRequest for an unknown name, CheckpointUnusable for an unusable card or an unknown configuration, and what
        the store raises.
        """
        if name in self._entries:
            if name not in self._known:
                self._known[name] = find(name)
            return self._known[name]
        if "/" in name or not keys.is_id(name):
            return find(name)
        try:
            text = self._store.get(keys.checkpoint_card(name)).body
        except NoSuchObject:
            return find(name)  # raises, with the names that exist
        card = parse_card(text, name)
        if card.name != name:
            raise CheckpointUnusable(
                f"the {CARD} in the bucket's folder {name!r} has the name {card.name!r}: make them equal"
            )
        return of_card(card, BUCKET + keys.checkpoint_folder(name).rstrip("/"))

    def check(
        self,
        name: str,
        *,
        engine: EngineName = "f5",
        commercial: bool = False,
        language: str | None = None,
        known: Checkpoint | None = None,
    ) -> Checkpoint:
        """
        Return the checkpoint (`known` if it was found before) if it fits the request.

        Raises what `find` raises; InvalidRequest for another engine's weights, or a language that the checkpoint doesn't list;
        LicenseRefused for commercial use that the licence forbids; CheckpointUnusable if the headers of files in a local folder
        show no model, or one that doesn't fit its vocabulary.
        """
        checkpoint = known or self.find(name)
        _expect_engine(checkpoint, engine)
        _expect_language(checkpoint, language)
        if commercial and not checkpoint.commercial:
            allowed = [each for each, entry in self._entries.items() if entry.commercial and entry.config != UNKNOWN]
            raise LicenseRefused(
                f"the weights of {checkpoint.name!r} are not for commercial use (licence {checkpoint.license}): choose others "
                f"({', '.join(allowed)}, or your own), or leave require_commercial out",
                field="require_commercial",
                checkpoint=checkpoint.name,
                license=checkpoint.license,
            )
        if checkpoint.in_folder:
            self._expect_loadable(checkpoint)
        return checkpoint

    def _expect_loadable(self, checkpoint: Checkpoint) -> None:
        """Inspect the files' headers: milliseconds the first time, almost nothing while the files are unchanged."""
        with trouble_explained():
            files = [existing(Path(source)) for source in sources_of(checkpoint).values()]
            facts = [(path, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
            seen = (checkpoint.name, checkpoint.config, checkpoint.arch, facts)
            if self._loadable.get(checkpoint.source) != seen:
                inspected(Path(checkpoint.source), checkpoint, Path(checkpoint.vocab) if checkpoint.vocab else None)
                self._loadable[checkpoint.source] = seen

    def listing(self) -> list[Listed]:
        """List everything that can be named except folders on this disk, the bucket's last."""
        known = [
            Listed(name, entry.source, entry.config, entry.languages, entry.license, entry.commercial, entry.note)
            for name, entry in self._entries.items()
        ]
        names = [keys.checkpoint_of(info.key) for info in self._store.list(keys.CHECKPOINTS)]
        return known + [self._listed(name) for name in names if name and name not in self._entries]

    def _listed(self, name: str) -> Listed:
        try:
            found = self.find(name)
        except (CheckpointUnusable, InvalidRequest) as error:
            return Listed(name, BUCKET, "", (), "", commercial=False, note="", problem=error.message)
        return Listed(name, found.source, found.config, found.languages, found.license, found.commercial, found.note)


def _expect_engine(checkpoint: Checkpoint, engine: EngineName) -> None:
    if checkpoint.engine != engine:
        raise InvalidRequest(
            f"checkpoint {checkpoint.name!r} is for the engine {checkpoint.engine!r}, not for {engine!r}: "
            f"send engine {checkpoint.engine!r}, or another checkpoint", field="checkpoint", engine=engine,
        )  # fmt: skip


def _expect_language(checkpoint: Checkpoint, language: str | None) -> None:
    if language and checkpoint.languages and language.split("-")[0] not in checkpoint.languages:
        raise InvalidRequest(
            f"checkpoint {checkpoint.name!r} speaks {', '.join(checkpoint.languages)}, not {language!r} (of the request, else the voice): "
            "choose another checkpoint or engine, or send the text's own language", field="language", choices=list(checkpoint.languages),
        )  # fmt: skip
