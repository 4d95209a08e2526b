"""
A voice's objects in the bucket, written and removed by several callers at once.

The record is the only object of a voice that two uploads share, and it is only created (If-None-Match) or replaced (If-Match).
Audio that replaces other audio has its own key: its edition is derived from the version of the record that it replaces. Once that
version is gone, and the record does not name the key, it never will; so the audio can be removed without regard to other writers.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloning import keys
from cloning.errors import Conflict, StorageUnavailable, VoiceExists, VoiceNotFound
from cloning.ports import AlreadyExists, Changed, NoSuchObject, ObjectInfo, ObjectStore
from cloning.records import CONTENT_TYPE, Unreadable, read_record, unusable
from cloning.voices.record import Voice

MOST_TRIES = 20
# No upload takes this long between storing a new voice's audio and storing its record.
_IN_FLIGHT = timedelta(hours=1)


@dataclass(frozen=True)
class Stored:
    """The object at a voice's record key: the record (None if damaged), and its version."""

    voice: Voice | None
    etag: str

    @property
    def edition(self) -> str:
        """The edition of the audio that replaces this version's."""
        return _edition_after(self.etag)

    def names(self, key: str) -> bool:
        return self.voice is not None and audio_key(self.voice) == key


class VoiceRecords:
    """Records and audio of voices. Every method may raise StorageUnavailable, StorageMisconfigured or RecordDamaged."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def load(self, voice: str) -> tuple[Voice, str]:
        """Read the record and its version. Raises VoiceNotFound."""
        stored = self._look(voice)
        if stored is None:
            raise VoiceNotFound(f"no voice {voice!r}; upload it first, or list the voices", voice=voice)
        if isinstance(stored, Unreadable):
            raise unusable(stored, Voice, voice)
        assert stored.voice is not None  # noqa: S101 - only `_replaceable` makes it None
        return stored.voice, stored.etag

    def replace(self, voice: Voice, etag: str) -> None:
        """Replace exactly that version of the record. Raises Changed."""
        key = keys.voice_record(voice.voice)
        self._store.replace(key, voice.body(), etag=etag, content_type=CONTENT_TYPE)

    def write(self, voice: Voice, wav: bytes, *, replace: bool) -> Voice:
        """
        Store a voice: the audio first, then the record. An upload with the same content returns what is stored.

        Raises VoiceExists, or Conflict if it lost against another call on the same voice; then nothing of it is left. (The record
        is read before it is created, because some stores ignore the condition and overwrite.)
        """
        stored = self._replaceable(voice.voice, replace=replace)
        if stored is None:
            if not (voice.adopted or replace) and self.exists(keys.bare_voice(voice.voice)):
                raise _taken(voice.voice)
            self._put_audio(voice, wav)
            try:
                self._store.create(keys.voice_record(voice.voice), voice.body(), content_type=CONTENT_TYPE)
            except AlreadyExists:
                stored = self._replaceable(voice.voice, replace=replace)
                if stored is None:
                    raise _deleted(voice.voice) from None
        written = voice if stored is None else self._written_over(voice, wav, stored, replace=replace)
        return self._leave_only(written, wav) if replace else written

    def _written_over(self, voice: Voice, wav: bytes, stored: Stored, *, replace: bool) -> Voice:
        for _ in range(MOST_TRIES):
            is_known = stored.voice is not None and voice.says_nothing_beyond(stored.voice)
            if not replace and not is_known:
                raise _taken(voice.voice)
            keeps_audio = _is_of_same_audio(voice, stored) and (not replace or self._has_audio(stored))
            if stored.voice and is_known and keeps_audio:
                return stored.voice
            content = stored.voice if stored.voice and is_known else voice
            mine = _following(content, stored, keeps_audio=keeps_audio)
            if not keeps_audio:
                self._put_audio(mine, wav)
            try:
                self.replace(mine, stored.etag)
            except Changed:
                stored = self._changed(mine, stored)
                continue
            return mine
        raise StorageUnavailable(f"voice {voice.voice!r} changes faster than it can be written; try later")

    def _changed(self, mine: Voice, before: Stored) -> Stored:
        """Return what is stored now, if this upload can go on from it: only a transcript was added. Raises Conflict."""
        stored = self._replaceable(mine.voice, replace=True)
        if stored is None or not stored.names(audio_key(mine)):
            self._remove_own(mine, before)
        if stored is None:
            raise _deleted(mine.voice)
        same = stored.voice and before.voice and stored.voice.created_at == before.voice.created_at
        if same or (stored.voice and mine.says_nothing_beyond(stored.voice)):
            return stored
        raise Conflict(
            f"voice {mine.voice!r} was replaced by another upload at the same time, and that one was first; "
            "send this one again if it should win",
            voice=mine.voice,
        )

    def _remove_own(self, mine: Voice, before: Stored) -> None:
        """Remove this upload's audio, because its record will never be written."""
        if mine.edition == before.edition:
            self._store.delete(audio_key(mine))

    def _leave_only(self, voice: Voice, wav: bytes) -> Voice:
        """After a replacement: make sure that its audio is there, and remove older audio, but none that another upload may still name."""
        listed = [info.key for info in self._store.list(keys.voice_folder(voice.voice))]
        stored = self._look(voice.voice)
        if stored is None:
            if voice.edition:
                self._store.delete(audio_key(voice))
            raise _deleted(voice.voice)
        if isinstance(stored, Unreadable):
            return voice
        if (
            stored.names(audio_key(voice)) and audio_key(voice) not in listed
        ):  # a delete was faster, or the store lost it
            return self._written_over(voice, wav, stored, replace=True)
        for key in listed:
            if keys.is_voice_audio(key) and not stored.names(key) and keys.edition_of(key) != stored.edition:
                self._store.delete(key)
        self._store.delete(keys.bare_voice(voice.voice))
        return voice

    def remove(self, voice: str, now: datetime) -> None:
        """
        Remove a voice and everything it owns. Raises VoiceNotFound.

        A bare file goes first: otherwise a voice deleted half-way would be adopted again. The record goes after the audio that it
        names: as long as it exists no upload stores audio under the same key.
        """
        listed = list(self._store.list(keys.voice_folder(voice)))
        bare = keys.bare_voice(voice)
        stored = self._look(voice)
        first = [info.key for info in listed if self._is_unclaimed(info, stored, now)]
        if stored is None and not first and not self.exists(bare):
            raise VoiceNotFound(f"no voice {voice!r} to delete", voice=voice)
        self._store.delete(bare)
        for key in first:
            self._store.delete(key)
        if isinstance(stored, Stored) and stored.voice:
            self._store.delete(audio_key(stored.voice))
        self._store.delete(keys.voice_record(voice))
        self._remove_late(voice, listed, stored)

    @staticmethod
    def _is_unclaimed(info: ObjectInfo, stored: Stored | Unreadable | None, now: datetime) -> bool:
        """Whether an object in a voice's folder can go before its record: no upload that may still succeed needs it."""
        edition = keys.edition_of(info.key)
        if keys.voice_of(info.key) or (stored and edition):
            return False
        if edition or not keys.is_voice_audio(info.key) or isinstance(stored, Unreadable):
            return True
        # A first upload may be in progress; after a replacement it can't win any more.
        has_replaced = stored is not None and stored.voice is not None and stored.voice.edition is not None
        return has_replaced or info.modified < now - _IN_FLIGHT

    def _remove_late(self, voice: str, listed: list[ObjectInfo], stored: Stored | Unreadable | None) -> None:
        """Remove what uploads overtaken by this removal have stored."""
        seen = {info.key for info in listed}
        edition = _edition_after(stored.etag) if stored else None
        for info in list(self._store.list(keys.voice_folder(voice))):
            own = keys.edition_of(info.key)
            if own and (info.key in seen or own == edition):
                self._store.delete(info.key)

    def _has_audio(self, stored: Stored) -> bool:
        return stored.voice is not None and self.exists(audio_key(stored.voice))

    def exists(self, key: str) -> bool:
        try:
            self._store.head(key)
        except NoSuchObject:
            return False
        return True

    def _put_audio(self, voice: Voice, wav: bytes) -> None:
        self._store.put(audio_key(voice), wav, content_type="audio/wav")

    def _look(self, voice: str) -> Stored | Unreadable | None:
        try:
            found = read_record(self._store, keys.voice_record(voice), Voice, voice)
        except NoSuchObject:
            return None
        return found if isinstance(found, Unreadable) else Stored(found[0], found[1].etag)

    def _replaceable(self, voice: str, *, replace: bool) -> Stored | None:
        """Return what is stored; a damaged record only if it may be replaced. Raises RecordDamaged otherwise."""
        stored = self._look(voice)
        if not isinstance(stored, Unreadable):
            return stored
        if not (replace and stored.is_certain):
            raise unusable(stored, Voice, voice)
        return Stored(None, stored.etag)


def _edition_after(etag: str) -> str:
    return hashlib.sha256(etag.encode()).hexdigest()[:16]


def audio_key(voice: Voice) -> str:
    """The key of the audio that the record names."""
    return keys.voice_audio(voice.voice, voice.audio.sha256, voice.edition)


def _is_of_same_audio(voice: Voice, stored: Stored) -> bool:
    return stored.voice is not None and stored.voice.audio.sha256 == voice.audio.sha256


def _following(voice: Voice, stored: Stored, *, keeps_audio: bool) -> Voice:
    """
    The record that replaces the stored one. The same audio keeps its transcript.

    Audio that does not keep its key gets the edition of this replacement.
    """
    old = stored.voice
    edition = old.edition if old and keeps_audio else stored.edition
    words = old.transcript if old and _is_of_same_audio(voice, stored) else None
    return voice.model_copy(update={"edition": edition, "transcript": voice.transcript or words})


def _deleted(voice: str) -> Conflict:
    return Conflict(
        f"voice {voice!r} was deleted while this upload was stored; send it again if you want it", voice=voice
    )


def _taken(voice: str) -> VoiceExists:
    message = f"voice {voice!r} exists and this upload differs from it; choose another name, or send replace: true"
    return VoiceExists(message, voice=voice)
