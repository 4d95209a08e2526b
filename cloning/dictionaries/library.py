"""
The dictionaries in the bucket, one record each.

A record is only created (If-None-Match) or replaced (If-Match), so of two callers at once one learns that the other was first.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from cloning import keys
from cloning.dictionaries.record import Dictionary, Listed, digest_of
from cloning.errors import (
    Conflict,
    DictionaryNotFound,
    ServiceError,
    StorageMisconfigured,
    StorageUnavailable,
)
from cloning.ports import AlreadyExists, Changed, Clock, NoSuchObject, ObjectInfo, ObjectStore
from cloning.ports.listing import behind, read_page
from cloning.records import CONTENT_TYPE, MOST_BYTES, Unreadable, load_record, read_record, unusable

_READERS = 16


class _Stored(NamedTuple):
    """The object at a dictionary's key: the record, or why it can't be read; and its version."""

    found: Dictionary | Unreadable
    etag: str


class DictionaryLibrary:
    """Dictionaries by name. Every method may raise StorageUnavailable, StorageMisconfigured or RecordDamaged."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="dictionaries")

    def get(self, name: str) -> Dictionary:
        """Return a dictionary. Raises DictionaryNotFound."""
        try:
            return load_record(self._store, keys.dictionary(name), Dictionary, name)[0]
        except NoSuchObject:
            raise _unknown(name) from None

    def add(self, name: str, say: Mapping[str, str], *, replace: bool) -> Dictionary:
        """
        Store a dictionary. The same content returns what is stored; another one of that name raises Conflict.

        So does losing against another call on the same dictionary. (The record is read before it is created, because some stores
        ignore the condition and overwrite.)
        """
        mine = Dictionary(dictionary=name, say=dict(say), sha256=digest_of(say), created_at=self._clock.now())
        stored = self._look(name)
        if stored is None:
            try:
                self._store.create(keys.dictionary(name), mine.body(), content_type=CONTENT_TYPE)
            except AlreadyExists:
                stored = self._look(name)
            else:
                return mine
        if stored is None:
            raise _overtaken(name)
        return self._written_over(mine, stored, replace=replace)

    def _written_over(self, mine: Dictionary, stored: _Stored, *, replace: bool) -> Dictionary:
        there = stored.found
        if isinstance(there, Dictionary) and there.sha256 == mine.sha256:
            return there
        if isinstance(there, Unreadable) and not (replace and there.is_certain):
            raise unusable(there, Dictionary, mine.dictionary)
        if not replace:
            raise Conflict(
                f"dictionary {mine.dictionary!r} exists and has other words; choose another name, or send replace: true",
                dictionary=mine.dictionary,
            )
        created_at = mine.created_at if isinstance(there, Unreadable) else there.created_at
        mine = mine.model_copy(update={"created_at": created_at, "replaced_at": mine.created_at})
        try:
            self._store.replace(
                keys.dictionary(mine.dictionary), mine.body(), etag=stored.etag, content_type=CONTENT_TYPE
            )
        except Changed:
            return self._same_or_lost(mine)
        return mine

    def _same_or_lost(self, mine: Dictionary) -> Dictionary:
        """Return the stored dictionary if it has the same content: another call's, or this one's whose reply was lost. Raises Conflict."""
        stored = self._look(mine.dictionary)
        if stored and isinstance(stored.found, Dictionary) and stored.found.sha256 == mine.sha256:
            return stored.found
        raise _overtaken(mine.dictionary)

    def delete(self, name: str) -> None:
        """Remove a dictionary. Raises DictionaryNotFound."""
        try:
            self._store.head(keys.dictionary(name))
        except NoSuchObject:
            raise _unknown(name) from None
        self._store.delete(keys.dictionary(name))

    def page(self, *, limit: int, after: str) -> tuple[list[Dictionary | Listed], str | None]:
        """
        Return up to `limit` dictionaries after the key `after`, and the cursor of the next page; None at the end.

        A record that can't be read is listed with a problem. Raises what the bucket raises if more than single records fail.
        """
        listed = behind(after, self._store.list(keys.DICTIONARIES, after=after))
        found = (info for info in listed if keys.dictionary_of(info.key))
        return read_page(found, self._entry, self._readers, limit=limit, after=after)

    def _entry(self, info: ObjectInfo, failed: list[ServiceError]) -> Dictionary | Listed | None:
        name = keys.dictionary_of(info.key) or ""
        if info.size > MOST_BYTES:  # not even fetched
            large = Unreadable(f"it has {info.size / 1e6:.1f} MB", info.etag, is_certain=True)
            return Listed(name, unusable(large, Dictionary, name).message)
        try:
            stored = self._look(name)
        except (StorageMisconfigured, StorageUnavailable) as error:
            failed.append(error)
            return Listed(name, error.message)
        if stored is None:
            return None
        there = stored.found
        return there if isinstance(there, Dictionary) else Listed(name, unusable(there, Dictionary, name).message)

    def _look(self, name: str) -> _Stored | None:
        try:
            found = read_record(self._store, keys.dictionary(name), Dictionary, name)
        except NoSuchObject:
            return None
        return _Stored(found, found.etag) if isinstance(found, Unreadable) else _Stored(found[0], found[1].etag)


def _unknown(name: str) -> DictionaryNotFound:
    return DictionaryNotFound(f"no dictionary {name!r}; store it first, or list the dictionaries", dictionary=name)


def _overtaken(name: str) -> Conflict:
    return Conflict(
        f"dictionary {name!r} was changed by another call at the same time, and that one was first; send this one again if it should win",
        dictionary=name,
    )
