"""
The voice library: a record that names canonical audio, in the bucket.

The audio is written first and the record last, so a reader of the record can rely on the audio. A transcript is made only once
per voice; the loser of a race to write it takes the winner's.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

from cloning import keys
from cloning.audio.canonical import Canonical, Measures
from cloning.audio.decoder import AudioDecoder
from cloning.errors import InvalidAudio, ServiceError, StorageMisconfigured, StorageUnavailable, VoiceNotFound
from cloning.ports import Changed, Clock, DigestMismatch, NoSuchObject, ObjectInfo, ObjectStore
from cloning.ports.listing import behind, read_page
from cloning.records import MOST_BYTES, Unreadable, read_record, unusable
from cloning.voices.files import VoiceFiles
from cloning.voices.record import Consent, Listed, NewVoice, Voice, VoiceAudio, VoiceTranscript, VoiceWarning
from cloning.voices.records import MOST_TRIES, VoiceRecords, audio_key

# Records of a page that are read at the same time; the bucket's client has twice as many connections.
_READERS = 16


class VoiceLibrary:
    """Voices by name. Every method may raise StorageUnavailable, StorageMisconfigured or RecordDamaged."""

    def __init__(
        self, store: ObjectStore, clock: Clock, scratch: Path, decoder: AudioDecoder, *, max_audio_bytes: int
    ) -> None:
        self._store = store
        self._decoder = decoder
        self._clock = clock
        self._records = VoiceRecords(store)
        self._files = VoiceFiles(scratch, lambda: clock.now().timestamp())
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="voices")
        self._max_audio_bytes = max_audio_bytes

    def add(self, new: NewVoice, canonical: Canonical, measures: Measures, *, replace: bool) -> Voice:
        """
        Store a voice. An upload with the same content returns the stored voice; a different one of that name raises VoiceExists.

        Raises Conflict if another call on the same voice was faster.
        """
        return self._records.write(self._record_of(new, canonical, measures), canonical.wav, replace=replace)

    def get(self, voice: str, *, stopped: Event | None = None) -> Voice:
        """Return a voice's record; adopt an older deployment's bare file. Raises VoiceNotFound, and what AudioDecoder raises."""
        try:
            return self._records.load(voice)[0]
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
        Return the voice and its canonical WAV as a file on this machine, with a checked sha256.

        The record is read again if the voice's audio was replaced meanwhile. Raises VoiceNotFound if it is gone.
        """
        for _ in range(MOST_TRIES):
            if path := self._files.find(voice) or self._fetched(voice):
                return voice, path
            stored = self._records.load(voice.voice)[0]
            if audio_key(stored) == audio_key(voice):
                raise VoiceNotFound(
                    f"voice {voice.voice!r} has a record but no audio; upload it again with replace: true, or delete it",
                    voice=voice.voice,
                )
            voice = stored
        raise StorageUnavailable(
            f"voice {voice.voice!r} is being replaced again and again; try later", voice=voice.voice
        )

    def _fetched(self, voice: Voice) -> Path | None:
        def download(path: Path) -> None:
            self._store.download(audio_key(voice), path, sha256=voice.audio.sha256)

        try:
            return self._files.bring(voice, download)
        except NoSuchObject:
            return None
        except DigestMismatch:
            raise StorageUnavailable(
                f"the audio of voice {voice.voice!r} arrived damaged; try again", voice=voice.voice
            ) from None

    def with_transcript(self, voice: Voice, text: str, made_by: str) -> Voice:
        """Store this transcript, unless another worker stored one first; return the record."""
        for _ in range(MOST_TRIES):
            stored, etag = self._records.load(voice.voice)
            if stored.transcript is not None or stored.audio.sha256 != voice.audio.sha256:
                return stored
            made = VoiceTranscript(text=text, made_by=made_by, made_at=self._clock.now())
            transcribed = stored.model_copy(update={"transcript": made})
            with suppress(Changed):
                self._records.replace(transcribed, etag)
                return transcribed
        raise StorageUnavailable(
            f"the record of voice {voice.voice!r} changes faster than it can be written; try again"
        )

    def page(self, *, limit: int, after: str) -> tuple[list[Voice | Listed], str | None]:
        """
        Return up to `limit` voices after the key `after`, and the cursor of the next page; None at the end.

        A record that the bucket refuses (archived, under another key) or never returns is listed with a problem. Raises what the
        bucket raises if more than single records fail.
        """
        return read_page(self._found(after), self._entry, self._readers, limit=limit, after=after)

    def _found(self, after: str) -> Iterator[ObjectInfo]:
        listed = behind(after, self._store.list(keys.VOICES, after=after))
        return (info for info in listed if keys.voice_of(info.key))

    def _entry(self, info: ObjectInfo, failed: list[ServiceError]) -> Voice | Listed | None:
        """The entry for a listed object; a bare file has one only until it has a record. Adds errors to `failed`."""
        name, is_bare = keys.voice_of(info.key) or ("", False)
        if info.size > MOST_BYTES and not is_bare:  # not even fetched
            return Listed(
                name, unusable(Unreadable(f"it has {info.size / 1e6:.1f} MB", info.etag, True), Voice, name).message
            )
        try:
            found = read_record(self._store, keys.voice_record(name), Voice, name)
        except NoSuchObject:
            return Listed(name) if is_bare else None
        except (StorageMisconfigured, StorageUnavailable) as error:
            if is_bare:  # its record exists, and has its own entry
                return None
            failed.append(error)
            return Listed(name, error.message)
        if is_bare:
            return None
        return Listed(name, unusable(found, Voice, name).message) if isinstance(found, Unreadable) else found[0]

    def delete(self, voice: str) -> None:
        """Remove a voice and everything it owns. Raises VoiceNotFound."""
        self._records.remove(voice, self._clock.now())

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
            warnings=tuple(VoiceWarning.model_validate(one) for one in canonical.warnings),
            created_at=now,
            adopted=new.adopted,
        )


def read_audio(store: ObjectStore, key: str, max_bytes: int) -> bytes:
    """Read an object that should be audio; refuse it by its size before that. Raises NoSuchObject, InvalidAudio, ValueError."""
    size = store.head(key).size
    if size > max_bytes:
        raise InvalidAudio(
            f"the audio has {size / 1e6:.1f} MB; this deployment takes {max_bytes / 1e6:g} MB", bytes=size
        )
    body = store.get(key).body
    if len(body) > max_bytes:  # it has grown since
        raise InvalidAudio("the audio is larger than this deployment takes", bytes=len(body))
    return body


def _unknown(voice: str) -> VoiceNotFound:
    return VoiceNotFound(f"no voice {voice!r}; upload it first, or list the voices", voice=voice)
