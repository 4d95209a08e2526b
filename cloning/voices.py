"""
The voice library: a record that names canonical audio, in the bucket.

Audio first, record last: a reader who sees the record can rely on the audio. A transcript is made once per voice for ever;
whoever loses the race to write it takes the other's.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from cloning import keys
from cloning.audio import Canonical, Measures
from cloning.decoder import AudioDecoder
from cloning.errors import InvalidAudio, RecordDamaged, StorageUnavailable, VoiceExists, VoiceNotFound
from cloning.ports import AlreadyExists, Changed, Clock, DigestMismatch, NoSuchObject, ObjectStore
from cloning.records import CONTENT_TYPE
from cloning.voice import Consent, Listed, NewVoice, Voice, VoiceAudio, VoiceTranscript

_MOST_KEPT = 256
_MOST_TRIES = 20


class VoiceLibrary:
    """Voices by name. Every method may raise StorageUnavailable, StorageMisconfigured or RecordDamaged."""

    def __init__(
        self, store: ObjectStore, clock: Clock, scratch: Path, decoder: AudioDecoder, *, max_audio_bytes: int
    ) -> None:
        self._store = store
        self._decoder = decoder
        self._clock = clock
        self._scratch = scratch
        self._max_audio_bytes = max_audio_bytes

    def add(self, new: NewVoice, canonical: Canonical, measures: Measures, *, replace: bool) -> Voice:
        """
        Store a voice. An upload that says nothing new is the same voice; another one under that name raises VoiceExists.

        (Nothing is created without a look: some stores ignore the condition and overwrite.)
        """
        voice = self._written(new, self._record_of(new, canonical, measures), canonical.wav, replace=replace)
        if replace:
            self._leave_only(voice, canonical.wav)
        return voice

    def _written(self, new: NewVoice, voice: Voice, wav: bytes, *, replace: bool) -> Voice:
        stored = self._peek(voice.voice, replace=replace)
        if stored is None:
            if not (new.adopted or replace) and self._exists(keys.bare_voice(voice.voice)):
                raise _taken(voice.voice)
            self._put_audio(voice, wav)
            with suppress(AlreadyExists):
                self._store.create(keys.voice_record(voice.voice), voice.body(), content_type=CONTENT_TYPE)
                return voice
            stored = self._load(voice.voice)
        return self._written_over(voice, wav, *stored, replace=replace)

    def _peek(self, voice: str, *, replace: bool) -> tuple[Voice, str] | None:
        try:
            return self._load(voice)
        except VoiceNotFound:
            return None
        except RecordDamaged:
            if not replace:
                raise
            self._store.delete(keys.voice_record(voice))
            return None

    def _written_over(self, voice: Voice, wav: bytes, stored: Voice, etag: str, *, replace: bool) -> Voice:
        if voice.says_nothing_beyond(stored):
            return stored
        if not replace:
            raise _taken(voice.voice)
        if voice.audio == stored.audio and voice.transcript is None:  # the words of the same audio are the same words
            voice = voice.model_copy(update={"transcript": stored.transcript})
        self._put_audio(voice, wav)
        try:
            self._store.replace(keys.voice_record(voice.voice), voice.body(), etag=etag, content_type=CONTENT_TYPE)
        except Changed:
            if self._load(voice.voice)[0] != voice:  # else it is our own write, whose reply was lost
                raise _taken(voice.voice) from None
        return voice

    def _leave_only(self, voice: Voice, wav: bytes) -> None:
        """After a replacement: the audio that the record names is there, whoever replaced it beside us, and nothing older."""
        named = keys.voice_audio(voice.voice, voice.audio.sha256)
        if not self._exists(named):
            self._put_audio(voice, wav)
        for info in list(self._store.list(keys.voice_folder(voice.voice))):
            if info.key.endswith(".wav") and info.key != named and self._load(voice.voice)[0].audio == voice.audio:
                self._store.delete(info.key)
        self._store.delete(keys.bare_voice(voice.voice))

    def get(self, voice: str, *, stopped: Event | None = None) -> Voice:
        """A voice's record; a bare file of an older deployment becomes one. Raises VoiceNotFound, and as AudioDecoder does."""
        try:
            return self._load(voice)[0]
        except VoiceNotFound:
            return self._adopt(voice, stopped)

    def _adopt(self, voice: str, stopped: Event | None) -> Voice:
        key = keys.bare_voice(voice)
        try:
            data = read_audio(self._store, key, self._max_audio_bytes)
        except NoSuchObject:
            raise _unknown(voice) from None
        canonical, measures = self._decoder.canonical(data, stopped=stopped)
        new = NewVoice(voice, consent=None, language=None, transcript=None, adopted=True)
        return self.add(new, canonical, measures, replace=False)

    def with_audio(self, voice: Voice) -> tuple[Voice, Path]:
        """
        The voice and its canonical WAV as a file on this machine, its sha256 checked.

        The record is read again if the voice was given other audio since. Raises VoiceNotFound if it is gone.
        """
        for _ in range(_MOST_TRIES):
            path = self._scratch / f"{voice.audio.sha256}.wav"
            if path.exists() or self._fetched(voice, path):
                path.touch()
                return voice, path
            stored = self._load(voice.voice)[0]
            if stored.audio == voice.audio:
                raise VoiceNotFound(
                    f"voice {voice.voice!r} has a record but no audio; upload it again", voice=voice.voice
                )
            voice = stored
        raise StorageUnavailable(
            f"voice {voice.voice!r} is being replaced again and again; try later", voice=voice.voice
        )

    def _fetched(self, voice: Voice, path: Path) -> bool:
        self._make_room()
        try:
            self._store.download(keys.voice_audio(voice.voice, voice.audio.sha256), path, sha256=voice.audio.sha256)
        except NoSuchObject:
            return False
        except DigestMismatch:
            raise StorageUnavailable(
                f"the audio of voice {voice.voice!r} arrived damaged; try again", voice=voice.voice
            ) from None
        return True

    def _make_room(self) -> None:
        """Voices in use are kept on this disk, the latest of them."""
        kept = sorted(self._scratch.glob("*.wav"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST_KEPT]:
            path.unlink(missing_ok=True)

    def with_transcript(self, voice: Voice, text: str, made_by: str) -> Voice:
        """The record with this transcript, or with the one that another worker wrote first."""
        for _ in range(_MOST_TRIES):
            stored, etag = self._load(voice.voice)
            if stored.transcript is not None or stored.audio.sha256 != voice.audio.sha256:
                return stored
            made = VoiceTranscript(text=text, made_by=made_by, made_at=self._clock.now())
            told = stored.model_copy(update={"transcript": made})
            with suppress(Changed):
                self._store.replace(keys.voice_record(voice.voice), told.body(), etag=etag, content_type=CONTENT_TYPE)
                return told
        raise StorageUnavailable(
            f"the record of voice {voice.voice!r} changes faster than it can be written; try again"
        )

    def page(self, *, limit: int, after: str) -> tuple[list[Voice | Listed], str | None]:
        """Up to `limit` voices and the cursor of the next page."""
        voices: list[Voice | Listed] = []
        last = after
        for key, voice, is_bare in self._found(after):
            if len(voices) == limit:
                return voices, last
            last = key
            if (entry := self._entry(voice, is_bare=is_bare)) is not None:
                voices.append(entry)
        return voices, None

    def _found(self, after: str) -> Iterator[tuple[str, str, bool]]:
        for info in self._store.list(keys.VOICES, after=after):
            if found := keys.voice_of(info.key):
                yield info.key, *found

    def _entry(self, voice: str, *, is_bare: bool) -> Voice | Listed | None:
        """A bare file is listed by its name until it has a record, and then by the record alone."""
        try:
            record = self._load(voice)[0]
        except VoiceNotFound:
            return Listed(voice) if is_bare else None
        except RecordDamaged as error:
            return None if is_bare else Listed(voice, error.message)
        return None if is_bare else record

    def delete(self, voice: str) -> None:
        """Remove a voice and all that it owns, the record first. Raises VoiceNotFound."""
        owned = [info.key for info in self._store.list(keys.voice_folder(voice))]
        bare = keys.bare_voice(voice)
        if not owned and not self._exists(bare):
            raise VoiceNotFound(f"no voice {voice!r} to delete", voice=voice)
        # A bare file first: were it last, a voice deleted half-way would be adopted again.
        for key in [bare, keys.voice_record(voice), *owned]:
            self._store.delete(key)

    def _exists(self, key: str) -> bool:
        try:
            self._store.head(key)
        except NoSuchObject:
            return False
        return True

    def _record_of(self, new: NewVoice, canonical: Canonical, measures: Measures) -> Voice:
        now = self._clock.now()
        statement = new.consent if isinstance(new.consent, str) else None
        return Voice(
            voice=new.voice,
            audio=VoiceAudio(
                sha256=hashlib.sha256(canonical.wav).hexdigest(),
                bytes=len(canonical.wav),
                duration=round(canonical.duration, 4),
                clipped=canonical.clipped,
                gain_db=canonical.gain_db,
            ),
            transcript=VoiceTranscript(text=new.transcript, made_by="caller", made_at=now) if new.transcript else None,
            language=new.language,
            consent=Consent(
                given=None if new.consent is None else bool(new.consent), statement=statement, recorded_at=now
            ),
            measured=measures.to_json(),
            created_at=now,
            adopted=new.adopted,
        )

    def _put_audio(self, voice: Voice, wav: bytes) -> None:
        self._store.put(keys.voice_audio(voice.voice, voice.audio.sha256), wav, content_type="audio/wav")

    def _load(self, voice: str) -> tuple[Voice, str]:
        try:
            stored = self._store.get(keys.voice_record(voice))
        except NoSuchObject:
            raise _unknown(voice) from None
        try:
            return Voice.model_validate_json(stored.body), stored.etag
        except ValidationError:
            message = f"the record of voice {voice!r} can't be read; upload it again with replace: true, or delete it"
            raise RecordDamaged(message, voice=voice) from None


def read_audio(store: ObjectStore, key: str, max_bytes: int) -> bytes:
    """An object that should be audio, refused by its size before it is read. Raises NoSuchObject, InvalidAudio, ValueError."""
    size = store.head(key).size
    if size > max_bytes:
        raise InvalidAudio(
            f"the audio has {size / 1e6:.1f} MB; this deployment takes {max_bytes / 1e6:g} MB", bytes=size
        )
    return store.get(key).body


def _unknown(voice: str) -> VoiceNotFound:
    return VoiceNotFound(f"no voice {voice!r}; upload it first, or list the voices", voice=voice)


def _taken(voice: str) -> VoiceExists:
    message = (
        f"voice {voice!r} exists and this upload says something else of it; choose another name, or send replace: true"
    )
    return VoiceExists(message, voice=voice)
